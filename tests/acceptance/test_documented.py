"""What the SDK's pages have a reader type into a terminal, with the engine that they start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.docs.blocks import block, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

HELLO = block("quickstart.md", "Quickstart")
HELLO_RUN = block("quickstart.md", "Run it", 0)
HELLO_TRIGGER = block("quickstart.md", "Run it", 1)
MANIFEST = block("tutorial.md", "1. Say who you are")
TRIAGE = block("tutorial.md", "2. Handle an event", 0)
TRIAGE_RUN = block("tutorial.md", "2. Handle an event", 1)
TRIAGE_TRIGGER = block("tutorial.md", "2. Handle an event", 2)


def typed(text: str, folder: Path) -> Any:
    """Run a page's command in a shell, asking for JSON; return what the extension answered."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", f"{text.strip()} --json"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_quickstart_and_tutorial_are_answered_as_they_say(
    own_places: Path, running: Running
) -> None:
    """One engine for both: the tutorial's code is saved over the quickstart's, while it runs."""
    assert HELLO_RUN.text == TRIAGE_RUN.text == "kiket-console run --headless\n"
    folder = own_places / "triage"
    folder.mkdir()
    write(folder, MANIFEST, HELLO)
    with running(folder, "--session-secrets") as engine:

        def answer(trigger: str) -> Any:
            result = typed(trigger, folder)
            assert result["status"] == 200, result
            detail = engine.reader.detail(result["exchange_id"])
            assert detail is not None
            assert detail.attempts[0].answer is not None
            return json.loads(detail.attempts[0].answer.body.raw)

        assert answer(HELLO_TRIGGER.text) == {"ok": True, "greeting": "Hello, Bug!"}
        engine.save("main.py", TRIAGE.text)
        assert answer(TRIAGE_TRIGGER.text) == {"ok": True, "team": "on-call"}
