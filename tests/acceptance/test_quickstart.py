"""The SDK's documented quickstart, word for word, under the console."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.docs.blocks import SEED, block

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

QUICKSTART = block(SEED, "Quickstart", 1)


def test_the_quickstart_runs_unchanged_in_an_otherwise_empty_folder(
    own_places: Path, running: Running
) -> None:
    folder = own_places / "quickstart"
    folder.mkdir()
    (folder / "main.py").write_text(QUICKSTART.text)
    with running(folder, "--session-secrets") as engine:
        answers = {}
        for version in ("v1", "v2"):
            result = engine.trigger(f"issue.created@{version}")
            assert result["status"] == 200, result
            detail = engine.reader.detail(result["exchange_id"])
            assert detail is not None
            assert detail.exchange.signature.startswith("ok ")
            answer = detail.attempts[0].answer
            assert answer is not None
            answers[version] = json.loads(answer.body.raw)
            made = [("POST extensions/logs", 204)]
            if version == "v1":
                made.append(("POST secrets", 201))
            calls = engine.calls(result["exchange_id"], len(made))
            assert [(call.name, call.status) for call in calls] == made
        assert answers == {"v1": {"ok": True}, "v2": {"ok": True, "version": "v2"}}
        [worker] = engine.status()["workers"]
        handled = [(each["event"], each["version"]) for each in worker["handlers"]]
        assert handled == [("issue.created", "v1"), ("issue.created", "v2")]
        assert worker["guessed"] == "entry main:sdk guessed from main.py"
        # with its quotes: six characters alone are among the digits of a store by chance
        assert b'"abc123"' not in engine.paths.store.read_bytes()
