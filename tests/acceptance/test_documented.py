"""What the SDK's pages have a reader type into a terminal, with the engine that they start."""

from __future__ import annotations

import json
import os
import re
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
LINT = block("tutorial.md", "1. Say who you are", 1)
MODULES = (
    block("tutorial.md", "4. Guard a transition"),
    block("tutorial.md", "5. Use a secret"),
    block("tutorial.md", "6. Remember", 0),
    block("tutorial.md", "6. Remember", 1),
)
WHOLE = block("tutorial.md", "7. Put it together", 0)
WHOLE_TRIED = block("tutorial.md", "7. Put it together", 1)


def typed(text: str, folder: Path) -> str:
    """Type a page's commands into a shell; return what they print."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_quickstart_and_tutorial_are_answered_as_they_say(
    own_places: Path, running: Running
) -> None:
    """One engine for both: the tutorial's code is saved over the quickstart's, while it runs."""
    assert HELLO_RUN.text == TRIAGE_RUN.text == "kiket-console run --headless\n"
    folder = own_places / "triage"
    folder.mkdir()
    write(folder, MANIFEST, *MODULES, HELLO)
    assert typed(LINT.text, folder).endswith("nothing to correct.\n")
    with running(folder, "--session-secrets") as engine:

        def answer(trigger: str) -> Any:
            result = json.loads(typed(f"{trigger.strip()} --json", folder))
            assert result["status"] == 200, result
            detail = engine.reader.detail(result["exchange_id"])
            assert detail is not None
            assert detail.attempts[0].answer is not None
            return json.loads(detail.attempts[0].answer.body.raw)

        assert answer(HELLO_TRIGGER.text) == {"ok": True, "greeting": "Hello, Bug!"}
        engine.save("main.py", TRIAGE.text)
        assert answer(TRIAGE_TRIGGER.text) == {"ok": True, "team": "on-call"}
        engine.save("main.py", WHOLE.text)
        shown = typed(WHOLE_TRIED.text, folder)
        assert re.search(r"^ *1  DOCK-412 +on-call", shown, re.MULTILINE)
        assert re.search(r"workflow\.before_transit\S* → allow", shown)
        assert 400 not in {each.status for each in engine.reader.recent(100)}
