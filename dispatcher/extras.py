"""What this program is called where it is installed from, and how to get a part that lacks."""

from importlib.util import find_spec

from dispatcher.errors import SettingError

DISTRIBUTION = "push-campaign-dispatcher"
"""The packages are `dispatcher` and `workers`; on the public index that name is a stranger's."""


def installing(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def require_sandbox() -> None:
    """Raise SettingError where what the sandbox runs on is not installed."""
    if find_spec("aiohttp") is None:
        raise SettingError(f"The sandbox Push API needs an extra: {installing('embedded')}.")
