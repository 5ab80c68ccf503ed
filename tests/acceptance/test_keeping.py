"""Pin, delete and bring back on the command line, and a project of several extensions."""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.commands.console import need_same_start
from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

BODY = json.dumps({"event": "issue.created", "issue": {"id": 1, "key": "KIK-1"}})
SEVERAL = f"""\
[[extension]]
name = "first"
entry = "main:sdk"

[[extension]]
name = "second"
path = "second"
command = ["{sys.executable}", "server.py"]
dialect = "k0"
"""
SERVER = """\
import http.server, os


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


def listed(engine: Engine, *arguments: str) -> list[dict[str, Any]]:
    """Return `traffic list --json`."""
    done = engine.cli("traffic", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_exchanges_are_pinned_deleted_and_brought_back_by_id(engine: Engine) -> None:
    sent = engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"]
    engine.calls(sent, 1)
    other = engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"]

    done = engine.cli("traffic", "pin", str(sent), "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"schema": 1, "ids": [sent]})
    assert [each["id"] for each in listed(engine) if each["pinned"]] == [sent]
    assert f" {sent}★ " in engine.cli("traffic", "list").stdout
    assert engine.cli("traffic", "unpin", str(sent)).stderr == "Unpinned 1 exchange.\n"

    done = engine.cli("traffic", "note", str(sent), "why is it\nslow? #slow")
    assert (done.returncode, done.stderr) == (0, f"Noted at exchange {sent}.\n")
    assert [each["note"] for each in listed(engine) if each["note"]] == ["why is it slow? #slow"]
    assert "\n  noted: why is it slow? #slow\n" in engine.cli("traffic", "show", str(sent)).stdout
    done = engine.cli("traffic", "note", str(sent), "")
    assert done.stderr == f"Removed the note of exchange {sent}.\n"
    assert [each["note"] for each in listed(engine) if each["note"]] == []

    done = engine.cli("traffic", "delete", str(sent))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Deleted 1 exchange and ")
    assert f"`kiket-console traffic restore {sent}` undoes it." in done.stderr
    assert sent not in [each["id"] for each in listed(engine)]
    assert other in [each["id"] for each in listed(engine)]
    assert engine.cli("traffic", "show", str(sent)).returncode == ExitCode.USAGE

    done = engine.cli("traffic", "restore", str(sent))
    assert (done.returncode, done.stderr[:26]) == (0, "Brought back 1 exchange an")
    assert engine.cli("traffic", "show", str(sent)).returncode == 0


def test_an_exchange_that_is_not_there_is_named(engine: Engine) -> None:
    for command, sentence in (
        ("delete", "Exchange 7777 is not recorded"),
        ("restore", "Exchange 7777 cannot be brought back"),
    ):
        done = engine.cli("traffic", command, "7777")
        assert done.returncode == ExitCode.USAGE
        assert done.stderr.startswith(f"Error: {sentence}")


def test_two_extensions_are_addressed_by_name_and_what_was_deleted_is_gone_for_good(
    folder: Path, running: Running, until: Until
) -> None:
    """One of them is a command. What one engine deleted, the next one cannot bring back.

    The next one is started with options, and tells them to whoever starts another one.
    """
    (folder / "kiket.toml").write_text(SEVERAL)
    (folder / "second").mkdir()
    (folder / "second" / "server.py").write_text(SERVER)
    with running(folder) as engine:

        def serving() -> bool:
            return [each["serving"] for each in engine.status()["workers"]] == [True, True]

        until(serving, "both serve")
        refused = engine.cli("trigger", "issue.created", "--data", BODY)
        assert refused.returncode == ExitCode.USAGE
        assert "Name one of first, second" in refused.stderr

        sent = engine.trigger("issue.created", "--extension", "first", "--data", BODY)
        assert sent["status"] == 200
        other = engine.trigger("issue.created", "--extension", "second", "--data", BODY)
        assert other["status"] == 201
        assert engine.post("/x/nobody/webhooks/issue.created", b"{}")[0] == 404

        assert {each["worker"] for each in listed(engine)} == {"first", "second"}
        assert {each["worker"] for each in listed(engine, "--worker", "second")} == {"second"}
        assert "  worker " in engine.cli("traffic", "list").stdout.splitlines()[0]
        done = engine.cli("traffic", "list", "--worker", "third")
        assert (done.stdout, done.stderr) == (
            "", "Nothing of third is recorded for this project yet.\n",
        )  # fmt: skip

        said = engine.cli("status").stdout
        assert "server.py" in said
        assert "its secrets are in its environment" in said

        def told() -> bool:
            serve = {each["name"] for each in engine.said("worker") if each["serving"]}
            return serve == {"first", "second"}

        until(told, "both are told of")

        deleted = str(sent["exchange_id"])
        assert engine.cli("traffic", "delete", deleted).returncode == 0
        assert engine.stop(signal.SIGHUP) == 0, "as when its terminal closes"
    assert engine.cli("traffic", "delete", deleted).returncode == ExitCode.NETWORK
    options = ("--durability", "process", "--allow-host", "demo.example")
    with running(folder, *options) as engine:
        assert engine.cli("traffic", "restore", deleted).returncode == ExitCode.USAGE
        kept = [each["id"] for each in listed(engine)]
        assert sent["exchange_id"] not in kept
        assert other["exchange_id"] in kept
        _was_told_how_to_start(engine)
        _does_as_it_was_told(engine)


def _was_told_how_to_start(engine: Engine) -> None:
    """See what a console that is opened with other options is told."""
    told = engine.status()["options"]
    assert list(told) == [*("--trust", "--allow-host", "demo.example", "--durability", "process")]
    for same in ([], ["--trust"], ["--allow-host", "demo.example"]):
        need_same_start(engine.paths, same)
    with pytest.raises(ConsoleError, match="was started with --trust --allow-host d") as other:
        need_same_start(engine.paths, ["--port", "8765"])
    assert other.value.exit_code is ExitCode.USAGE


def _does_as_it_was_told(engine: Engine) -> None:
    """See that what the command line says of durability and hosts is so."""
    assert engine.status()["durability"] == "process"
    assert re.search(r"recording  ok\b.* \(process\)\n", engine.cli("status").stdout)
    path = "/x/first/webhooks/x"
    assert engine.post(path, b"{}", {"host": "demo.example"})[0] != 421
    assert engine.post(path, b"{}", {"host": "other.example"})[0] == 421
    assert engine.status()["refused"] == 1
    assert "refused    1 request unread" in engine.cli("status").stdout
