"""What was recorded goes elsewhere: to a shell, to a test, beside another exchange."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Engine

ROUTE = "/v/v1/webhooks/issue.created"
BODY = b'{"issue": {"key": "KIK-7", "title": "it\'s \\"quoted\\" $HOME"}}'


def shell_status(engine: Engine, exchange_id: int) -> int:
    """Run the curl command of an exchange; return the status that it was answered with."""
    made = engine.cli("traffic", "curl", str(exchange_id))
    assert made.returncode == 0, made.stderr
    ended = subprocess.run(
        ["sh", "-c", made.stdout],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "KIKET_WEBHOOK_SECRET": engine.secret, "no_proxy": "*"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout.split()[1])


@pytest.mark.needs("curl")
def test_the_curl_of_a_delivery_returns_the_same_status(engine: Engine) -> None:
    """Good ones are signed anew when the command runs; refused ones are refused again."""
    old = {**engine.signed(BODY), "X-Kiket-Signature": "0" * 64}
    for headers, path in (
        (engine.signed(BODY), ROUTE),
        (engine.signed(BODY, age_s=7200), ROUTE),
        (old, ROUTE),
        ({}, ROUTE),
        (engine.signed(BODY), "/v/v9/webhooks/issue.created"),
    ):
        status, _ = engine.post(path, BODY, headers)
        assert shell_status(engine, engine.newest().id) == status
    triggered = engine.trigger("issue.created")
    assert shell_status(engine, triggered["exchange_id"]) == triggered["status"] == 200
    replayed = json.loads(engine.cli("replay", str(triggered["exchange_id"]), "--json").stdout)
    assert shell_status(engine, replayed["exchange_id"]) == 200


def test_a_delivery_becomes_a_test_that_passes(engine: Engine) -> None:
    """Two hours later too: the test signs when it runs."""
    status, _ = engine.post(ROUTE, BODY, engine.signed(BODY))
    assert status == 200
    saved = engine.cli("traffic", "save", str(engine.newest().id), "--name", "kept", "--json")
    assert saved.returncode == 0, saved.stderr
    module, fixture = json.loads(saved.stdout)["files"]
    known = {name: value for name, value in os.environ.items() if not name.startswith("KIKET_")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", module],
        cwd=engine.folder, capture_output=True, text=True, timeout=120, check=False, env=known,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    with open(fixture, encoding="utf-8") as opened:  # noqa: PTH123 - a name that was printed
        assert json.load(opened)["response"] == {"ok": True, "key": "KIK-7"}
    again = engine.cli("traffic", "save", str(engine.newest().id), "--name", "kept")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    assert "--force" in again.stderr


def test_a_replay_is_compared_with_what_it_repeats(engine: Engine) -> None:
    """After a save the difference says what the new code answers otherwise.

    The project's settings say what does not count.
    """
    engine.post(ROUTE, BODY, engine.signed(BODY))
    first = engine.newest()
    engine.cli("replay", str(first.id))
    same = engine.cli("traffic", "diff", str(engine.newest().id), "--json")
    assert (same.returncode, json.loads(same.stdout)["same"]) == (0, True), same.stdout
    good = (engine.folder / "main.py").read_text()
    engine.save("main.py", good.replace('"ok": True', '"ok": False, "at": 7, "unstable": 1'))
    engine.cli("replay", str(first.id))
    newest = str(engine.newest().id)
    differs = engine.cli("traffic", "diff", newest, "--json")
    found = json.loads(differs.stdout)
    assert (differs.returncode, found["before"]) == (6, first.id)
    changes = {(row["kind"], row["path"]) for row in found["response"]["body"]["changes"]}
    assert changes == {("changed", "$.ok"), ("added", "$.at")}
    ignored = engine.cli("traffic", "diff", newest, "--ignore", "$..at", "--ignore", "$.ok")
    assert (ignored.returncode, "Same request and same" in ignored.stdout) == (0, True)
    shown = engine.cli("traffic", "diff", newest)
    assert '+   "at": 7' in shown.stdout


def test_exports_are_private_and_replace_nothing_unasked(engine: Engine) -> None:
    engine.post(ROUTE, BODY, {**engine.signed(BODY), "Authorization": "Bearer hunter2"})
    number = str(engine.newest().id)
    file = engine.folder / "out.har"
    done = engine.cli("traffic", "export", number, "--format", "har", "-o", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in file.read_text()
    assert json.loads(file.read_text())["log"]["entries"][0]["response"]["status"] == 200
    again = engine.cli("traffic", "export", number, "--format", "har", "-o", str(file))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    assert "--force" in again.stderr
    forced = engine.cli("traffic", "export", number, "--format", "curl", "-o", str(file), "--force")
    assert forced.returncode == 0
    assert file.read_text().startswith("#!/bin/sh")
    filtered = engine.cli("traffic", "export", "--filter", "status:>=500", "--format", "jsonl")
    assert filtered.returncode == 2
    chosen = f"event:issue.created id:>={number}"
    lines = engine.cli("traffic", "export", "--filter", chosen).stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [int(number)]
