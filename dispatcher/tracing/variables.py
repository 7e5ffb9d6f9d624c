"""What OpenTelemetry's own variables ask for. PURE.

As https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ has them. They
may be there for other programs' sake, too: one that is not for us is no error, and says so.
"""

from collections.abc import Mapping

from dispatcher.errors import SettingError

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_NEVER = ("always_off", "parentbased_always_off")


def asks_for_traces(environ: Mapping[str, str]) -> bool:
    """Whether traces are wanted; SettingError where they are, and cannot be had so."""
    exporters = _words(environ, "OTEL_TRACES_EXPORTER")
    endpoint = environ.get(_TRACES_ENDPOINT) or environ.get(_ENDPOINT)
    if _is_off(environ, exporters) or not (exporters or endpoint):
        return False
    if exporters not in ([], ["otlp"]):
        raise SettingError(
            f"OTEL_TRACES_EXPORTER is {','.join(exporters)}: only otlp is known here, and none."
        )
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise SettingError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and only http/protobuf is known here: set "
            "that, and the collector's port for it, mostly 4318."
        )
    if endpoint and not endpoint.startswith(("http://", "https://")):
        name = _TRACES_ENDPOINT if environ.get(_TRACES_ENDPOINT) else _ENDPOINT
        raise SettingError(f"{name} is no URL: write it as http://HOST:4318.")
    return True


def secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the collector is shown, and nobody else is to see."""
    headers = [pair for name in _HEADERS for pair in environ.get(name, "").split(",")]
    return tuple(value.strip() for pair in headers if (value := pair.partition("=")[2].strip()))


def _is_off(environ: Mapping[str, str], exporters: list[str]) -> bool:
    return (
        environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        or exporters == ["none"]
        or environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() in _NEVER
    )


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    return [word.strip() for word in environ.get(name, "").split(",") if word.strip()]
