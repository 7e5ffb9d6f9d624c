"""Certificates for servers on this machine, made for one run."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_NEW = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


@dataclass(frozen=True)
class Certificate:
    """A server's certificate, and the key that only its owner may read."""

    path: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server needs to speak TLS with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests' own: whoever trusts `path` trusts what it issues."""

    path: Path
    key: Path

    def issue(self, *names: str) -> Certificate:
        """A certificate for servers of these names, each as in `DNS:localhost` or `IP:127.0.0.1`.

        For both of these unless told.
        """
        hosts = ",".join(names or ("DNS:localhost", "IP:127.0.0.1"))
        folder = self.path.parent / hosts.replace(":", "-")
        if not folder.exists():
            folder.mkdir()
            _make(folder, hosts, "-CA", str(self.path), "-CAkey", str(self.key))
        return Certificate(folder / "certificate.pem", folder / "key.pem")


def authority(folder: Path) -> Authority:
    """A new authority, which nobody trusts yet."""
    folder.mkdir(parents=True, exist_ok=True)
    _run(folder, "-subj", "/CN=Tests", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return Authority(folder / "certificate.pem", folder / "key.pem")


def self_signed(folder: Path) -> Certificate:
    """A certificate for 127.0.0.1 that nobody has issued: whoever trusts it trusts its server."""
    _make(folder, "IP:127.0.0.1")
    return Certificate(folder / "certificate.pem", folder / "key.pem")


def _make(folder: Path, hosts: str, *issuer: str) -> None:
    """A server's certificate, by this issuer or by itself."""
    about = ("-addext", f"subjectAltName={hosts}", "-addext", "keyUsage=digitalSignature")
    _run(folder, "-subj", "/CN=server", *about, *issuer)


def _run(folder: Path, *options: str) -> None:
    if shutil.which("openssl") is None:
        pytest.fail("openssl makes the certificates of these tests: install it")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"))
    subprocess.run([*_NEW.split(), *options, *files], check=True, capture_output=True)
