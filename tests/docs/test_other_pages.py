"""The examples of the console's own pages do what is said around them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.blocks import ROOT, Block, block, write
from tests.docs.conftest import deliver

from kiket_console import config, filters, ignored_paths, project
from kiket_console.engine.inbound import Inbound, Posted
from kiket_console.linting.lint import lint
from kiket_console.log_levels import reading as log_reading
from kiket_console.log_levels.told import told
from kiket_console.ui import keymap, own_themes
from kiket_console.wire import Result
from kiket_sdk.manifest import load_manifest, load_module_schemas
from pywatt_sdk._protocol import (
    Announce,
    Endpoint,
    HttpRequest,
    HttpResponse,
    Shutdown,
    decode_to_orchestrator,
    encode_line,
)
from pywatt_sdk.testing import TestOrchestrator

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk.testing.platform import FakePlatform

README = ROOT / "README.md"
DOCS = ROOT / "docs"

HELLO_MANIFEST = block(README, "Five minutes", 0)
HELLO = block(README, "Five minutes", 1)
HELLO_MENDED = block(README, "Five minutes", 2)
HELLO_MODULE = block(README, "Five minutes", 3)

SDK_STYLE = block(DOCS / "manifest.md", "Three styles", 0)
PLATFORM_STYLE = block(DOCS / "manifest.md", "Three styles", 1)
OTHER_STYLE = block(DOCS / "manifest.md", "Three styles", 2)
IN_CODE = block(DOCS / "manifest.md", "In code")
SCHEMA = block(DOCS / "manifest.md", "Module schemas")
PAGES = block(DOCS / "platform.md", "Custom data")

RETRIED = block(DOCS / "delivery.md", "Tried again")
POSTED = block(DOCS / "delivery.md", "What others post")

MODULE_TABLES = block(DOCS / "modules.md", "A module in a project")
MODULE_BY_HAND = block(DOCS / "modules.md", "By hand")

IGNORED = block(DOCS / "console.md", "Compare")
KEYS = block(DOCS / "console.md", "Keys of your own")
COLOURS = block(DOCS / "console.md", "Colours")

LOG_LINES = block(DOCS / "logs.md", "What a line says of itself", 0)
LOG_OBJECT = block(DOCS / "logs.md", "What a line says of itself", 1)
NO_LOCALS = block(DOCS / "logs.md", "What an exception's frames held")

TYPED = block(DOCS / "filters.md", "Filters")
SAVED = block(DOCS / "filters.md", "Saved filters", 0)
PROJECT_FILTERS = block(DOCS / "filters.md", "Saved filters", 1)


def test_the_five_minutes_break_and_are_mended(reader: Path, platform: FakePlatform) -> None:
    (reader / "extension.yaml").write_text(HELLO_MANIFEST.text)
    issue = {"issue": {"key": "A-1", "assignee": None}}
    broken = deliver(HELLO.run()["sdk"], "issue.created", issue)
    assert (broken.status_code, broken.json()) == (
        400,
        {"error": "'NoneType' object is not subscriptable"},
    )
    [line] = [line for line in HELLO.text.splitlines() if "assignee" in line]
    mended = replace(HELLO, text=HELLO.text.replace(line, HELLO_MENDED.text.rstrip()))
    sdk = mended.run()["sdk"]
    assert sdk.config.extension_id == "com.example.hello"
    assert deliver(sdk, "issue.created", issue).json()["greeting"] == "Hello nobody yet!"
    assert platform.logs == [
        {"message": "greeted", "metadata": {"issue": "A-1", "name": "nobody yet"}}
    ]


@pytest.mark.parametrize(
    ("part", "style", "extension_id"),
    [
        (SDK_STYLE, "sdk", "com.example.triage"),
        (PLATFORM_STYLE, "platform", "com.example.pager"),
        (OTHER_STYLE, "flat", "com.example.search"),
    ],
    ids=["sdk", "platform", "other"],
)
def test_each_style_of_manifest_is_read_and_good(
    part: Block, style: str, extension_id: str, reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(reader, part)
    manifest = load_manifest()
    assert manifest is not None
    assert (manifest.style, manifest.extension_id) == (style, extension_id)
    assert [each for each in lint(reader).findings if each.severity == "error"] == []
    IN_CODE.run()
    assert capsys.readouterr().out.startswith(f"{style} {extension_id} {manifest.version}\n")


@pytest.mark.parametrize("part", [SCHEMA, PAGES], ids=["manifest.md", "platform.md"])
def test_the_tables_are_read(part: Block, reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(reader, part)
    [schema] = load_module_schemas(reader)
    assert schema.module == "com.example.pager.pages"
    assert [table.name for table in schema.tables] == ["pages"]
    IN_CODE.run()
    assert capsys.readouterr().out == "com.example.pager.pages ['pages']\n"


def test_paths_are_ignored_and_keys_and_colours_are_taken(reader: Path) -> None:
    (reader / "kiket.toml").write_text(IGNORED.text)
    assert ignored_paths.load(reader) == ("$..processed_at", "$.items[*].etag")
    (reader / "config.toml").write_text(KEYS.text)
    assert keymap.load(reader / "config.toml") == {
        "traffic.replay": "f8",
        "traffic.trigger": "t,ctrl+y",
        "traffic.remove": "",
    }
    (reader / "mine.toml").write_text(COLOURS.text)
    theme = own_themes.read(reader / "mine.toml")
    assert (theme.name, theme.background) == ("mine", "#000000")


def test_retries_are_set(reader: Path) -> None:
    (reader / "kiket.toml").write_text(RETRIED.text)
    settings = config.load(reader)
    assert (settings.retry, settings.retry_speed) == ("always", 60)


async def test_what_others_post_is_the_event_that_is_shown() -> None:
    shown = json.loads(POSTED.text)
    sent: list[dict[str, Any]] = []

    class Sender:
        async def deliver_unattended(
            self, extension: str, event: str, payload: dict[str, Any]
        ) -> Any:
            assert (extension, event) == ("…", "external.webhook.pager_ack")
            sent.append(payload)
            return Result(1, "forwarded", 200, 1000, "")

    addresses: Any = SimpleNamespace(extension=lambda token: token)
    target = shown["external_webhook"]["original_url"].partition(":8700")[2]
    headers = (("Host", "127.0.0.1:8700"), ("Content-Type", "application/json"))
    posted = Posted("…", "pager_ack", "POST", target, headers, b'{"page": "pg_77"}')
    await Inbound(addresses, Sender()).take(posted)
    [event] = sent
    made, expected = event["external_webhook"], shown["external_webhook"]
    assert made | {"headers": {}} == expected | {"headers": {}}
    assert made["headers"].items() >= expected["headers"].items()
    assert shown.keys() - event.keys() == {"event_version"}  # which the sender adds
    assert (event["event"], event["action"]) == (shown["event"], shown["action"])


def test_filters_can_be_typed_and_saved() -> None:
    saved = tomllib.loads(PROJECT_FILTERS.text)["filters"]
    for line in TYPED.text.splitlines():
        assert filters.parse(re.split(r" {2,}", line)[0], saved=saved).where().clause
    for command in SAVED.text.splitlines():
        for typed in re.findall(r"'([^']+)'", command):
            assert filters.parse(typed, saved=saved).where().clause


async def test_the_module_of_the_five_minutes_says_hello() -> None:
    async with TestOrchestrator() as orchestrator:
        module = await orchestrator.start(HELLO_MODULE.run()["create_app"], "main")
        said = (await module.http.get("/hello/Ada")).json()
    assert said == {"message": "Hello Ada, this is main."}


def test_the_tables_of_modules_are_understood(reader: Path) -> None:
    for folder in ("extension", "billing", "search", "search/target/debug", "crates"):
        (reader / folder).mkdir(parents=True, exist_ok=True)
    (reader / "extension" / "main.py").write_text(HELLO.text)
    (reader / "extension" / "extension.yaml").write_text(HELLO_MANIFEST.text)
    (reader / "billing" / "main.py").write_text("")
    (reader / "kiket.toml").write_text(MODULE_TABLES.text)
    found = project.find(reader)
    billing, search = found.modules
    assert [each.name for each in found.extensions] == ["com.example.hello"]
    assert (billing.name, billing.entry, billing.declared.secrets) == (
        "billing",
        "main.py",
        ("DATABASE_URL",),
    )
    assert (search.name, search.command, search.channels) == (
        "search",
        ("./target/debug/search",),
        ("tcp",),
    )
    assert dict(search.env) == {"RUST_LOG": "debug"}
    assert search.watch == (search.folder, reader / "crates")


def test_a_module_by_hand_says_what_an_orchestrator_understands(reader: Path) -> None:
    write(reader, MODULE_BY_HAND)
    asked = HttpRequest("1", "GET", "/hello", {}, None)
    said = b'{"module_id":"greeter","listen":"127.0.0.1:8080"}\n'
    said += encode_line(asked) + encode_line(Shutdown())
    ran = subprocess.run(
        [sys.executable, "by_hand.py"], input=said, cwd=reader, capture_output=True, check=True
    )
    announce, answer = map(decode_to_orchestrator, ran.stdout.splitlines())
    assert announce == Announce("127.0.0.1:0", (Endpoint("/hello", ("GET",)),))
    assert answer == HttpResponse("1", 200, {}, b"Hello from greeter.")


def test_locals_of_exceptions_can_be_left_out(reader: Path) -> None:
    assert config.load(reader).locals
    (reader / "kiket.toml").write_text(NO_LOCALS.text)
    assert not config.load(reader).locals


def test_what_log_lines_say_of_themselves() -> None:
    said = [log_reading.read(line) for line in LOG_LINES.text.splitlines()]
    assert [(each.level, each.logger) for each in said] == [
        ("WARNING", "shop.orders"),
        ("INFO", ""),
        ("ERROR", "shop.orders"),
        ("WARNING", "shop::orders"),
        ("ERROR", "shop.orders"),
        ("ERROR", "shop"),
        ("ERROR", "Shop.Orders"),
        ("ERROR", ""),
    ]
    written, shown = LOG_OBJECT.text.splitlines()
    assert told(written) == shown
