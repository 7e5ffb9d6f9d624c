#!/bin/sh
# The secrets of docker-compose.yml, each in a file of its own: made once, and never overwritten.
#
#   sh deploy/secrets.sh              asks for the vendor's User API token
#   sh deploy/secrets.sh < FILE       takes it from there
#
# Compose mounts these very files, so that the containers' users have to be able to read them:
# what keeps others out is their directory.
set -eu

directory=$(dirname "$0")/../secrets
[ -d "$directory" ] || mkdir -m 700 "$directory"
cd "$directory"

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

write() {
    [ -s "$1" ] && return
    umask 022
    printf '%s\n' "$2" > "$1.new"
    mv "$1.new" "$1"
}

write postgres_password "$(password)"
for user in owner producer worker reader; do
    write "${user}_database_url" "postgresql://${user}:$(password)@postgres:5432/dispatcher"
done
write valkey_password "$(password)"
write grafana_password "$(password)"
write broker_url "redis://:$(cat valkey_password)@valkey:6379/0"
# What webhooks are signed with: their receivers get the same.
write notify_secret "whsec_$(head -c 32 /dev/urandom | base64)"

if [ ! -s user_token ]; then
    [ -t 0 ] && printf "The vendor's User API token: " >&2
    read -r token || true
    [ -n "${token:-}" ] || { echo "No token: give the vendor's User API token." >&2; exit 2; }
    write user_token "$token"
fi
