"""Certificates for 127.0.0.1, made for one run."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate: whoever trusts `path` trusts the servers of `context()`."""

    path: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server needs to speak TLS with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def self_signed(folder: Path) -> Certificate:
    """A new certificate."""
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -addext keyUsage=digitalSignature"
    )
    files = ["-keyout", str(certificate.key), "-out", str(certificate.path)]
    subprocess.run([*words.split(), *files], check=True, capture_output=True)
    return certificate
