"""The page about Prometheus names every metric that there is, and where to ask for them."""

from __future__ import annotations

import re

import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.docs.blocks import ROOT, block
from tests.snap import scene

from kiket_console.engine.listeners import FIRST_PORT, PLATFORM_AFTER
from kiket_console.engine.telemetry import scraping
from kiket_console.engine.telemetry.apart import SERIES
from kiket_console.engine.telemetry.prometheus import EDGES_US, Counted, exposition

PAGE = ROOT / "docs" / "prometheus.md"
SCRAPED = block(PAGE, "What the engine tells")


def test_prometheus_is_pointed_to_where_the_platform_listens() -> None:
    [job] = yaml.safe_load(SCRAPED.text)["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{FIRST_PORT + PLATFORM_AFTER}"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"


def test_every_metric_is_in_the_table_and_no_other() -> None:
    _, raw = exposition(scene.status(), Counted({}, {}))
    told = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(raw.decode())
    }
    assert set(re.findall(r"`(kiket_[a-z_]+)`", PAGE.read_text("utf-8"))) == told


def test_its_numbers_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert f"from {EDGES_US[0] / 1e6} s to {EDGES_US[-1] / 1e6} s" in page
    assert SERIES == 1_000
    assert (scraping.EVERY_S, scraping.BYTES, scraping.VALUES) == (15, 1024**2, 1_000)
