#!/bin/sh
# Run by PostgreSQL's image when its volume is new: the books' owner, and a user for each program.
#
# Names and passwords are those of the URLs in the secrets; what each user may do comes of
# `dispatcher migrate --roles`.
(
    set -eu
    secrets=${SECRETS:-/run/secrets}

    # The user, the password or the database that a program's URL names.
    part() {
        case $2 in
            user) place='\1' ;;
            password) place='\2' ;;
            database) place='\3' ;;
        esac
        sed -n "s|^postgresql://\([^:]*\):\([^@]*\)@[^/]*/\([^?]*\).*|$place|p" "$secrets/$1_database_url"
    }

    query() {
        psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres
    }

    for role in dispatcher_producer dispatcher_worker dispatcher_reader; do
        echo "CREATE ROLE $role NOLOGIN;" | query
    done
    for program in owner producer worker reader; do
        # Not as an argument, which everybody on the machine could read.
        NAME=$(part "$program" user) PASSWORD=$(part "$program" password) query <<'SQL'
\getenv name NAME
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
SQL
    done
    query <<SQL
GRANT dispatcher_producer TO "$(part producer user)";
GRANT dispatcher_worker TO "$(part worker user)";
GRANT dispatcher_reader TO "$(part reader user)";
CREATE DATABASE "$(part owner database)" OWNER "$(part owner user)" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE "$(part owner database)" FROM PUBLIC;
GRANT CONNECT ON DATABASE "$(part owner database)"
    TO dispatcher_producer, dispatcher_worker, dispatcher_reader;
SQL
)
