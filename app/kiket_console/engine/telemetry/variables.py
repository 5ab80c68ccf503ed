"""The variables that have OpenTelemetry in a worker send its traces here.

See "OpenTelemetry Environment Variable Specification". They are read by its SDKs in every
language; a worker without one never looks at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
SERVICE: Final = "OTEL_SERVICE_NAME"
ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"
_HERE: Final = {
    PROTOCOL: "http/protobuf",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "500",  # ms; 5000 is long where a person waits for a timeline
}


def telemetry_variables(url: str, worker: str, said: Mapping[str, str]) -> dict[str, str]:
    """Return what points a worker's OpenTelemetry at the receiver at *url*; empty: nothing.

    *said* are the variables that the project sets itself: they win, and where they say another
    address, or gRPC, which is not spoken here, nothing is said of how to send it.
    """
    if not url:
        return {}
    made = {}
    is_elsewhere = said.get(ENDPOINT) or said.get(TRACES_ENDPOINT)
    if not is_elsewhere and said.get(PROTOCOL, "http").startswith("http"):
        made = {ENDPOINT: f"{url}/{quote(worker, safe='')}", **_HERE}
    if "service.name=" not in said.get(ATTRIBUTES, ""):
        made[SERVICE] = worker
    return {name: value for name, value in made.items() if name not in said}
