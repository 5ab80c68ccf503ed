"""The sample extension, unchanged, under the console as under the platform of each release."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from tests.docs.blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

SAMPLE = ROOT / "assets" / "samples" / "marketing"
ERAS = {"v0": "ok k0", "interim": "ok k0", "newest": "ok es256"}
"""How a delivery of each time is known."""


def test_the_sample_serves_the_platform_of_each_era(
    own_places: Path, running: Running, until: Callable[..., Any]
) -> None:
    folder = own_places / "marketing"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (folder / "kiket.toml").write_text(
        "\n".join(
            f'[[extension]]\nname = "{era}"\nentry = "main:sdk"\nera = "{era}"' for era in ERAS
        )
    )
    with running(folder, "--session-secrets") as engine:
        until(lambda: _serving(engine) == set(ERAS), "every era serves")
        for era, verdict in ERAS.items():
            event = folder / "events" / "campaign.created.v1.json"
            result = engine.trigger(
                *("campaign.created@v1", "--extension", era, "--data", f"@{event}")
            )
            assert result["status"] == 200, (era, result)
            detail = engine.reader.detail(result["exchange_id"])
            assert detail is not None
            assert detail.exchange.signature == verdict, era
            answer = detail.attempts[0].answer
            assert answer is not None
            assert json.loads(answer.body.raw)["ok"] is True
            body = json.loads(detail.request.body.raw)
            assert ("authentication" in body) == (era != "v0")
            headers = {name.lower() for name, _ in detail.request.headers}
            assert ("x-kiket-signature" in headers) == (era != "newest")
            calls = [(child.name, child.status) for child in detail.children]
            assert ("POST extensions/logs", 204) in calls
            assert ("GET secrets", 200) in calls


def _serving(engine: Engine) -> set[str]:
    """Return the names of the workers whose newest word is that they serve."""
    newest = {each["name"]: each["state"] for each in engine.said("worker")}
    return {name for name, state in newest.items() if state == "serving"}
