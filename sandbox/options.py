"""The options of `python -m sandbox`, checked."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sandbox.behaviour import Behaviour, changed
from sandbox.codes import CONDITIONS
from sandbox.contract import Account
from sandbox.faults import Kind

_EXAMPLE = """example, a vendor with 30 ms of latency that loses one reply in a hundred:
  python -m sandbox --port 8099 --latency 0.03 --fault drop_after=0.01 --unreachable 0.02

example, a vendor who refuses whatever is for anna, and does not say that it is for her:
  python -m sandbox --port 8099 --poison userId=anna --poison-unquoted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the program was asked to be."""

    host: str
    port: int
    window: float
    account: Account
    behaviour: Behaviour
    seed: int
    until_stdin_closes: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence about what is wrong, and exit status 2."""
        print(f"sandbox: {message} (--help shows the options)", file=sys.stderr)
        sys.exit(2)


def read(arguments: Sequence[str] | None = None) -> Options:
    """The options on the command line; what is wrong with them ends the program with status 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        behaviour = changed(Behaviour(), _live(given))
    except ValueError as error:
        parser.error(str(error))
    return Options(
        host=given.host,
        port=given.port,
        window=given.window,
        account=Account(
            tokens=frozenset(given.token or ["sandbox-token"]),
            app_ids=frozenset(given.app_id or ["sandbox-app"]),
        ),
        behaviour=behaviour,
        seed=given.fault_seed,
        until_stdin_closes=given.until_stdin_closes,
    )


def _live(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "latency": given.latency,
        "retry_after": given.retry_after,
        "probabilities": dict(given.fault),
        "conditions": given.condition,
        "not_found": given.not_found,
        "unreachable": given.unreachable,
        "poisoned": [dict([user]) for user in given.poison],
        "quote_poisoned": not given.poison_unquoted,
    }


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m sandbox",
        description="The vendor's Push API on this machine: its contract, with a ledger of every "
        "push and faults on demand. Prints its address when it is ready.",
        epilog=f"{_EXAMPLE}\nfaults:\n{_faults()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_server(parser.add_argument_group("server"))
    _add_vendor(parser.add_argument_group("vendor"))
    _add_trouble(parser.add_argument_group("trouble, also live by PUT /sandbox/faults"))
    return parser


def _add_server(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    group.add_argument("--port", type=_port, default=0, help="port; 0 takes any free one (0)")
    group.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input closes: with a pipe, when the starting process ends",
    )


def _add_vendor(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--window",
        metavar="SECONDS",
        type=_seconds,
        default=600.0,
        help="how long an accepted pack_id is refused (600)",
    )
    group.add_argument(
        "--token", action="append", help="a right user_token; repeatable (sandbox-token)"
    )
    group.add_argument(
        "--app-id", action="append", help="an existing application; repeatable (sandbox-app)"
    )
    group.add_argument(
        "--not-found",
        metavar="FRACTION",
        type=float,
        default=0.0,
        help="part of the devices that the vendor does not know, always the same ones (0)",
    )
    group.add_argument(
        "--unreachable",
        metavar="FRACTION",
        type=float,
        default=0.0,
        help="part of the devices that delivery services reject, always the same ones (0)",
    )
    group.add_argument(
        "--poison",
        metavar="NAME=VALUE",
        type=_identifier,
        action="append",
        default=[],
        help="a user whose identifier the vendor calls invalid, as userId=anna: a request that "
        "has them is refused with code 30, nobody in it gets it; repeatable",
    )
    group.add_argument(
        "--poison-unquoted",
        action="store_true",
        help="that refusal does not tell whose identifier it is",
    )
    codes = ", ".join(map(str, sorted(CONDITIONS)))
    group.add_argument(
        "--condition",
        metavar="CODE",
        type=int,
        action="append",
        default=[],
        help=f"a refusal that holds for every request: {codes}; repeatable",
    )


def _add_trouble(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--latency", metavar="SECONDS", type=float, default=0.0, help="wait before a reply (0)"
    )
    group.add_argument(
        "--retry-after", metavar="SECONDS", type=int, help="wait that HTTP 429 and 503 ask for"
    )
    group.add_argument(
        "--fault",
        metavar="NAME=PROBABILITY",
        type=_odds,
        action="append",
        default=[],
        help="a fault out of the list below, and how likely a request meets it; repeatable",
    )
    group.add_argument(
        "--fault-seed", metavar="N", type=int, default=0, help="the same faults again (0)"
    )


def _faults() -> str:
    return "\n".join(f"  {kind.value:<18}{kind.description}" for kind in Kind)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"seconds are a number, 0 or more, not {text!r}")
    return seconds


def _identifier(text: str) -> tuple[str, str | int]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"a user looks like userId=anna, not {text!r}")
    return name, int(value) if name == "devtodevId" and value.isdecimal() else value


def _odds(text: str) -> tuple[str, float]:
    name, _, odds = text.partition("=")
    try:
        return name, float(odds)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a fault looks like drop_after=0.01, not {text!r}"
        ) from None
