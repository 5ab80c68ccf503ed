"""What a worker is told of where its traces go."""

from __future__ import annotations

from kiket_console.engine.telemetry.variables import telemetry_variables

URL = "http://127.0.0.1:8800/otlp"
HERE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{URL}/my%20shop",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "500",
    "OTEL_SERVICE_NAME": "my shop",
}


def test_traces_of_a_worker_come_to_an_address_of_its_own() -> None:
    assert telemetry_variables(URL, "my shop", {"REGION": "eu"}) == HERE
    assert telemetry_variables("", "my shop", {}) == {}


def test_what_the_project_says_wins() -> None:
    """Where it says another address, nothing of ours is to be sent there in our way."""
    elsewhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}
    of_traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4317"}
    by_grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    for said in (elsewhere, of_traces, by_grpc):
        assert telemetry_variables(URL, "shop", said) == {"OTEL_SERVICE_NAME": "shop"}

    named = {"OTEL_RESOURCE_ATTRIBUTES": "team=a,service.name=orders"}
    assert "OTEL_SERVICE_NAME" not in telemetry_variables(URL, "shop", named)
    assert "OTEL_SERVICE_NAME" not in telemetry_variables(URL, "s", {"OTEL_SERVICE_NAME": "o"})
    in_json = telemetry_variables(URL, "shop", {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    assert in_json.keys() == HERE.keys() - {"OTEL_EXPORTER_OTLP_PROTOCOL"}
    slow = telemetry_variables(URL, "shop", {"OTEL_BSP_SCHEDULE_DELAY": "9"})
    assert slow.keys() == HERE.keys() - {"OTEL_BSP_SCHEDULE_DELAY"}
