"""A project's `.env` reaches its worker, is taken up when it is saved, and gives no secret away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

MAIN = """
import os
from kiket_sdk import KiketSDK
sdk = KiketSDK()
@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    print("told", os.environ["SHOP_TOKEN"])
    return {"name": os.environ["SHOP_NAME"], "lang": os.environ["LANG"],
            "token": os.environ["SHOP_TOKEN"], "ours": "KIKET_CONSOLE_BODY_MIB" in os.environ}
"""
FIRST = "SHOP_NAME=corner\nSHOP_TOKEN=tok_from_the_file\nLANG=xx\nKIKET_CONSOLE_BODY_MIB=2\n"


def test_variables_of_the_project(folder: Path, running: Running, until: Until) -> None:
    (folder / "main.py").write_text(MAIN)
    (folder / ".env").write_text(FIRST)
    with running(folder, environment={"LANG": "C.UTF-8"}) as engine:
        engine.wait_serving()
        assert engine.status()["env_file"] == str(folder / ".env")
        assert str(folder / ".env") in engine.cli("status").stdout

        first = _answer(engine)
        assert (first["name"], first["lang"], first["ours"]) == ("corner", "C.UTF-8", False)
        assert first["token"] == "[secret:SHOP_TOKEN]"  # as it was recorded
        told = until(lambda: [each for each in engine.said("log") if "told" in each["text"]], "log")
        assert told[0]["text"] == "told [secret:SHOP_TOKEN]"
        assert b"tok_from_the_file" not in engine.out.read_bytes()

        engine.save(".env", FIRST.replace("corner", "market"))
        assert engine.said("worker")[-1]["last_reload"] == ".env"
        assert _answer(engine)["name"] == "market"

        engine.save(".env", "SHOP_NAME='")
        assert engine.said("worker")[-1]["problem"].startswith(f"{folder / '.env'}:1 cannot be")
        assert _answer(engine)["name"] == "market"  # the old code goes on


def _answer(engine: Engine) -> Any:
    """Trigger an event; return the worker's answer as it was recorded."""
    number = engine.trigger("issue.created@v1")["exchange_id"]
    shown = json.loads(engine.cli("traffic", "show", str(number), "--json").stdout)
    return json.loads(shown["tries"][-1]["answer"]["body"]["text"])
