"""TLS on the way to the database, by libpq's own options: PgBouncer's door is PostgreSQL's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded import ServerUrls
from dispatcher.errors import DatabaseUnavailable
from tests.certificates import Authority, Certificate, authority, self_signed
from tests.interop.pgbouncer import running_pgbouncer

Behind = Callable[[Certificate], str]


@pytest.fixture
def behind(servers: ServerUrls, database_url: str) -> Iterator[Behind]:
    """The database behind a door that shows this certificate, and wants TLS."""
    with ExitStack() as stack:

        def behind(certificate: Certificate) -> str:
            pooler = running_pgbouncer(
                servers.database_url, "transaction", certificate, client_tls_sslmode="require"
            )
            return stack.enter_context(pooler).url(database_url)

        yield behind


def is_encrypted(url: str, **options: str) -> bool:
    engine = make_engine(make_url(url).update_query_dict(options).render_as_string(False))
    try:
        with transaction(engine) as connection:
            driver: Any = connection.connection.driver_connection
            return bool(driver.info.ssl_in_use)
    finally:
        engine.dispose()


def refusal(url: str, **options: str) -> str:
    """The sentence that says why there is no connection."""
    with pytest.raises(DatabaseUnavailable) as told:
        is_encrypted(url, **options)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_the_certificate_and_its_host_are_verified_where_the_url_says_so(
    behind: Behind, certificate_authority: Authority, tmp_path: Path
) -> None:
    url = behind(certificate_authority.issue())
    ours = str(certificate_authority.path)
    assert is_encrypted(url, sslmode="verify-full", sslrootcert=ours)

    other = str(authority(tmp_path / "other").path)
    told = refusal(url, sslmode="verify-full", sslrootcert=other)
    assert "certificate verify failed" in told
    assert "Are sslmode and sslrootcert in DISPATCHER_DATABASE_URL right" in told

    missing = str(tmp_path / "missing.pem")
    assert "missing.pem" in refusal(url, sslmode="verify-full", sslrootcert=missing)
    assert refusal(url, sslmode="disable")


def test_a_certificate_for_another_host_is_refused(
    behind: Behind, certificate_authority: Authority
) -> None:
    url = behind(certificate_authority.issue("DNS:elsewhere.example"))
    ours = str(certificate_authority.path)
    assert is_encrypted(url, sslmode="verify-ca", sslrootcert=ours)
    told = refusal(url, sslmode="verify-full", sslrootcert=ours)
    assert "elsewhere.example" in told
    assert "is it this host?" in told


def test_a_self_signed_certificate_is_refused(
    behind: Behind, certificate_authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    url = behind(self_signed(folder))
    told = refusal(url, sslmode="verify-full", sslrootcert=str(certificate_authority.path))
    assert "certificate verify failed" in told
