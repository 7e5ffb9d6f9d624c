"""One webhook to its receiver: signed, in time, and to no address but one that was checked.

As Standard Webhooks 1.0 has it. No redirect is followed, no proxy is used, which could lead
elsewhere, and of the reply nothing but the status is read.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from dispatcher.receivers import Network, Receiver, may_reach, read_url
from dispatcher.redaction import Secret
from dispatcher.settings import SIGNED_WITH
from workers.addresses import addresses
from workers.watchdog import Handle, Line, Watchdog, clock

TIMEOUT = 10.0
"""Seconds for all of it, from the name server's answer to the last header of the reply."""


class NotTold(Exception):
    """The receiver gave no reply; the text says why, and quotes nothing of what it said."""


class Receivers:
    """Tells receivers, signing with each of `secrets`.

    In private networks it tells those in `allowed` alone.
    """

    def __init__(
        self, secrets: Sequence[Secret], allowed: Sequence[Network], *, timeout: float = TIMEOUT
    ) -> None:
        self._keys = [
            base64.b64decode(secret.reveal().removeprefix(SIGNED_WITH)) for secret in secrets
        ]
        self._allowed = allowed
        self._timeout = timeout
        self._watchdog = Watchdog()
        self._tls = _authorities()

    def tell(self, url: str, message_id: str, body: str) -> int:
        """Make one attempt; the reply's HTTP status. Raises NotTold."""
        line = Line(clock() + self._timeout)
        self._watchdog.watch(line)
        try:
            return self._post(read_url(url), message_id, body.encode(), line)
        except (OSError, HTTPException, ValueError) as error:
            words = f"no reply within {self._timeout:g} s" if line.cut else _words(error)
            raise NotTold(words) from error
        finally:
            line.end()

    def _post(self, receiver: Receiver, message_id: str, body: bytes, line: Line) -> int:
        headers = {
            "Host": receiver.authority,
            "Content-Type": "application/json",
            "User-Agent": "dispatcher",
            "Connection": "close",
            **self.signed(message_id, int(time.time()), body),
        }
        with closing(self._connect(receiver, line)) as sock:
            connection = HTTPConnection(receiver.host, receiver.port)
            connection.sock = sock
            connection.request("POST", receiver.target, body, headers)
            with closing(connection.getresponse()) as response:
                return response.status

    def signed(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers by which the receiver knows that it is from us, whole, and no old one.

        Standard Webhooks, "Webhook Headers": several signatures have blanks between them, so that a
        secret can take another's place without a moment at which neither is right.
        """
        told = f"{message_id}.{timestamp}.".encode() + body
        signatures = (
            base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode() for key in self._keys
        )
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }

    def _connect(self, receiver: Receiver, line: Line) -> socket.socket:
        """A connection to one of the host's addresses that may be reached; TLS where asked for."""
        found = addresses(receiver.host, receiver.port, line.deadline)
        open_to = [address for address in found if may_reach(address[0], self._allowed)]
        if not open_to:
            raise OSError(
                f"it leads to {found[0][0]}, no address of the Internet, and none that "
                "DISPATCHER_NOTIFY_ALLOW names"
            )
        sock = _first_that_answers(open_to, line.deadline)
        # From here on the watchdog keeps the time, whatever trickles in.
        sock.settimeout(None)
        line.hold(Handle(sock.fileno()))
        if receiver.scheme == "http":
            return sock
        try:
            return self._tls.wrap_socket(sock, server_hostname=receiver.host)
        except BaseException:
            sock.close()
            raise


def _first_that_answers(found: list[tuple[str, int]], deadline: float) -> socket.socket:
    """Each address gets its share of the time that is left."""
    while True:
        share = (deadline - clock()) / len(found)
        if share <= 0:
            raise TimeoutError("the connection took too long")
        try:
            return socket.create_connection(found.pop(0), share)
        except OSError:
            if not found:
                raise


def _authorities() -> ssl.SSLContext:
    """Those that requests to the Push API trust, too."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    path = named or DEFAULT_CA_BUNDLE_PATH
    if os.path.isdir(path):
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def _words(error: Exception) -> str:
    """Why, in words of the network's and of TLS's own."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"the reply cannot be read ({type(error).__name__})"
