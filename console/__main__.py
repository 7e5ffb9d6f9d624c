"""`python -m console --port 8080 --host 127.0.0.1`: what `dispatcher console` becomes."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from console.auth.doors import Door, is_loopback
from console.serving import serve
from dispatcher import CallerError, DispatcherError, SettingError, read_settings

_MEMORY = {"DISPATCHER_PREPARE_MEMORY": "140MB"}
"""What an uploaded audience is prepared in, unless it is said: a server holds itself as well."""
_THIS_MACHINE = ("127.0.0.0/8", "::1/128")


def main() -> None:
    """Serve until it is stopped, and exit with the program's status."""
    try:
        serve(read_settings(_MEMORY | _told(os.environ)), read_door(sys.argv[1:]))
    except DispatcherError as error:
        print(f"dispatcher: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, CallerError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _told(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment says; a variable that is empty says nothing."""
    return {name: value for name, value in environ.items() if value}


def read_door(arguments: Sequence[str]) -> Door:
    """Where it is to listen, and how it is reached. Raises SettingError where that is not safe."""
    parser = argparse.ArgumentParser("console")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--behind-proxy", action="store_true")
    parser.add_argument("--trusted-proxy", action="append", default=[])
    parser.add_argument("--public-url")
    given = parser.parse_args(arguments)
    if (given.tls_cert is None) != (given.tls_key is None):
        raise SettingError("--tls-cert, --tls-key: give both, or none of them.")
    if given.trusted_proxy and not given.behind_proxy:
        raise SettingError("--trusted-proxy is about a proxy: give --behind-proxy as well.")
    if not is_loopback(given.host) and given.tls_cert is None and not given.behind_proxy:
        raise SettingError(
            f"--host {given.host}: others would send their passwords in clear: give --tls-cert "
            "and --tls-key, or --behind-proxy where a proxy before it has TLS."
        )
    return Door(
        host=given.host,
        port=given.port,
        certificate=given.tls_cert,
        certificate_key=given.tls_key,
        behind_proxy=given.behind_proxy,
        proxies=_proxies(given),
        public_url=_public_url(given.public_url),
    )


def _proxies(given: argparse.Namespace) -> tuple[str, ...]:
    if not given.behind_proxy:
        return ()
    if not given.trusted_proxy:
        if not is_loopback(given.host):
            raise SettingError(
                "--behind-proxy: give the network that the proxy is in, as --trusted-proxy "
                "10.0.0.0/8: what others say of who asks is not believed."
            )
        return _THIS_MACHINE
    try:
        return tuple(str(ip_network(network)) for network in given.trusted_proxy)
    except ValueError as error:
        raise SettingError(
            f"--trusted-proxy: {error}: give a network, as 10.0.0.0/8, or an address."
        ) from error


def _public_url(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise SettingError(
            f"--public-url {url[:200]!r} is no address of a server: give it as "
            "https://push.example.com, without a path."
        )
    return f"{parts.scheme}://{parts.netloc}"


if __name__ == "__main__":
    main()
