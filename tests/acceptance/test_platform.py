"""The platform's state, written by an extension and by a person, from screen and command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.acceptance.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine
    from tests.acceptance.terminal import Terminal

    Running = Callable[..., AbstractContextManager[Engine]]

MAIN = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", workspace_token="wk_of_the_tests",
               extension_id="com.example.sample", extension_version="1.0.0")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    table = context.endpoints.custom_data("27")
    row = await table.create("com.example.sample", "contacts", {"email": payload["issue"]["key"]})
    return {"ok": True, "row": row["data"]["id"]}
"""
SCHEMA = """\
module: com.example.sample
version: "1.0"
tables:
  contacts:
    columns:
      - { name: id, type: bigint, primary_key: true, auto_increment: true }
      - { name: email, type: string, "null": false, unique: true }
      - { name: score, type: integer, default: 0 }
"""
BODY = '{{"event": "issue.created", "issue": {{"id": 1, "key": "{}"}}}}'


@pytest.fixture
def with_table(folder: Path) -> Path:
    """Return a folder with an extension that writes custom data."""
    (folder / "main.py").write_text(MAIN)
    schemas = folder / ".kiket" / "modules" / "contacts"
    schemas.mkdir(parents=True)
    (schemas / "schema.yml").write_text(SCHEMA)
    return folder


def documents(out: str) -> list[dict[str, Any]]:
    """Return what was printed as JSON lines."""
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.needs("tmux")
def test_rows_are_written_by_code_and_by_a_person(
    with_table: Path, running: Running, terminal: Callable[..., Terminal]
) -> None:
    with running(with_table) as engine:
        engine.wait_serving()
        screen = terminal()
        screen.shows("Nothing has arrived yet")
        screen.press("8")
        screen.shows(r"contacts +0")
        screen.type(":rows contacts")
        screen.press("Enter")
        screen.shows("It has no rows yet")
        _on_the_command_line(engine)
        _on_screen(screen)


def _on_the_command_line(engine: Engine) -> None:
    """Code and command line are held to the same columns, and calls fail as they are told to."""
    empty = engine.cli("platform", "rows", "contacts").stderr
    assert "`kiket-console platform rows contacts --columns` says what it takes" in empty
    columns = engine.cli("platform", "rows", "contacts", "--columns").stdout.splitlines()
    assert [each.split() for each in columns] == [
        ["email", "text", "required", "unique"],
        ["score", "integer", "default", "0"],
        ["project_id", "id", "default", "27"],
    ]
    [told] = documents(engine.cli("platform", "rows", "contacts", "--columns", "--json").stdout)
    assert [each["name"] for each in told["columns"]] == ["email", "score", "project_id"]

    engine.trigger("issue.created", "--data", BODY.format("ada@example.com"))
    again = engine.cli("platform", "add", "contacts", "email=ada@example.com")
    assert again.returncode == 2
    assert "The row does not fit: email has already been taken." in again.stderr
    engine.cli("platform", "set", "contacts", "1", "score=7")
    rows = documents(engine.cli("platform", "rows", "contacts", "--json").stdout)
    found = [(each["row"]["email"], each["row"]["score"]) for each in rows]
    assert found == [("ada@example.com", 7)]

    engine.cli("platform", "fail", "POST custom_data/* 503 1x")
    assert engine.trigger("issue.created", "--data", BODY.format("x"))["status"] == 400
    assert engine.trigger("issue.created", "--data", BODY.format("y"))["status"] == 200


def _on_screen(screen: Terminal) -> None:
    """See what was written meanwhile; change it, delete it and bring it back."""
    screen.shows(r"1  ada@example.com +7")
    screen.shows(r"\d  y ")
    screen.press("G", "e")
    screen.shows('"email": "ada@example.com"')
    screen.press("Down", "Down", "End", "Left", "BSpace")
    screen.type("42")
    screen.press("F5")
    screen.shows(r"ada@example.com +42")
    screen.press("DC")
    until(lambda: "ada@example.com" not in screen.screen(), "it is deleted")
    screen.press("u")
    screen.shows(r"ada@example.com +42")
