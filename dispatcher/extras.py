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
    if not _is_installed("aiohttp"):
        raise SettingError(f"The sandbox Push API needs an extra: {installing('embedded')}.")


def require_flower() -> None:
    """Raise SettingError where Flower is not installed."""
    if not _is_installed("flower"):
        raise SettingError(f"Flower needs an extra: {installing('monitoring')}.")


def require_metrics() -> None:
    """Raise SettingError where what serves metrics is not installed."""
    if not _is_installed("prometheus_client"):
        raise SettingError(f"Metrics need an extra: {installing('monitoring')}.")


def require_tracing() -> None:
    """Raise SettingError where what tells traces is not installed."""
    packages = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    if not all(map(_is_installed, packages)):
        raise SettingError(f"Traces need an extra: {installing('tracing')}.")


def require_console() -> None:
    """Raise SettingError where what serves the HTTP API is not installed."""
    if not (_is_installed("fastapi") and _is_installed("uvicorn")):
        raise SettingError(f"The HTTP API needs an extra: {installing('console')}.")


def require_workbooks() -> None:
    """Raise SettingError where the reader of Excel's workbooks is not installed."""
    if not _is_installed("openpyxl"):
        raise SettingError(f"Excel workbooks need an extra: {installing('xlsx')}.")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False
