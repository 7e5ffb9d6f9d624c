"""Whatever a role, a database or the environment has set: what we read and write stays the same."""

import os
from collections.abc import Callable, Mapping
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dispatcher.books.session import make_engine, transaction
from tests.databases import name_of
from tests.integration.reading import assert_values_stay

CHOICES = {
    "DateStyle": ["SQL, DMY", "German", "Postgres, MDY", "ISO, DMY"],
    "IntervalStyle": ["sql_standard", "postgres_verbose", "iso_8601"],
    "TimeZone": ["Asia/Kathmandu", "America/St_Johns", "-5:30"],
    "extra_float_digits": ["-15", "0", "3"],
    "bytea_output": ["escape"],
    "standard_conforming_strings": ["off"],
    "escape_string_warning": ["off"],
    "array_nulls": ["off"],
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "default_transaction_deferrable": ["on"],
    "row_security": ["off", "on"],
    "client_encoding": ["LATIN1", "SQL_ASCII", "EUC_JP"],
    "client_min_messages": ["debug1", "error"],
    "idle_in_transaction_session_timeout": ["1ms"],
    "lock_timeout": ["0"],
    "statement_timeout": ["0"],
    "jit": ["on"],
    "transform_null_equals": ["on"],
}
foreign = st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in CHOICES.items()})


def by_database(url: str, foreign: Mapping[str, str]) -> str:
    return altered(url, f"DATABASE {name_of(url)}", foreign)


def by_role(url: str, foreign: Mapping[str, str]) -> str:
    return altered(url, f"ROLE CURRENT_USER IN DATABASE {name_of(url)}", foreign)


def by_url(url: str, foreign: Mapping[str, str]) -> str:
    return make_url(url).update_query_dict({"options": words(foreign)}).render_as_string(False)


def by_environment(url: str, foreign: Mapping[str, str]) -> str:
    variables = {
        "DateStyle": "PGDATESTYLE",
        "TimeZone": "PGTZ",
        "client_encoding": "PGCLIENTENCODING",
    }
    os.environ.update({v: foreign[name] for name, v in variables.items() if name in foreign})
    os.environ["PGOPTIONS"] = words(foreign)
    return url


def words(foreign: Mapping[str, str]) -> str:
    """As the server's command line has them."""
    return " ".join(f"-c {name}=" + value.replace(" ", "\\ ") for name, value in foreign.items())


def altered(url: str, what: str, foreign: Mapping[str, str]) -> str:
    engine = make_engine(url)
    with transaction(engine) as connection:
        connection.execute(text(f"ALTER {what} RESET ALL"))
        for name, value in foreign.items():
            connection.execute(text(f"ALTER {what} SET {name} = '{value}'"))
    engine.dispose()
    return url


@pytest.mark.parametrize("way", [by_database, by_role, by_url, by_environment])
@given(foreign)
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_foreign_setting_changes_what_is_read_or_written(
    way: Callable[[str, Mapping[str, str]], str], database_url: str, foreign: dict[str, str]
) -> None:
    with mock.patch.dict(os.environ):
        engine = make_engine(way(database_url, foreign))
        assert_values_stay(engine)
        engine.dispose()
