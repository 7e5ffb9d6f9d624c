"""What scripted servers do in several tests."""

import ssl

from tests.workers.scripted_server import Peer, Script, ScriptedServer, http
from tests.workers.sending import result

ACCEPTED = http(result())


def over_tls(context: ssl.SSLContext, script: Script) -> Script:
    def secured(peer: Peer) -> None:
        peer.secure(context)
        script(peer)

    return secured


def hang_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.hang()


def drip_reply(peer: Peer) -> None:
    peer.read_request()
    peer.drip(ACCEPTED)


def reset_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def hang(peer: Peer) -> None:
    peer.hang()


def https(server: ScriptedServer) -> str:
    return server.url.replace("http://", "https://")
