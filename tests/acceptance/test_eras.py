"""Extensions of each release under the console, as if its platform were there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    from kiket_console.model import Detail

    Running = Callable[..., AbstractContextManager[Engine]]

SAMPLE = ROOT / "assets" / "samples" / "marketing"
ERAS = {"v0": "ok k0", "interim": "ok k0", "newest": "ok es256"}
"""How a delivery of each time is known."""
EVERY_CALL = '''\
"""Call everything that the SDK can call, as extensions of the interim release did."""

from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", workspace_token="wk_of_the_tests")
MODULE, TABLE = "com.example.calls", "rows"


@sdk.webhook("automation.dispatch", version="v1")
async def everything(payload, context):
    endpoints = context.endpoints
    await endpoints.log_event("seen", n=1)
    await endpoints.emit_metric("n", 1)
    await endpoints.notify("Title", "Body")
    await context.secrets.set("TOKEN", "of-the-handler")
    rotated = await context.secrets.rotate("TOKEN")
    listed = [each.key for each in await context.secrets.list()]
    read = (await context.secrets.get("TOKEN")).value == rotated.value
    await context.secrets.delete("TOKEN")
    limit = await endpoints.rate_limit()
    table = endpoints.custom_data(27)
    row = (await table.create(MODULE, TABLE, {"name": "a"}))["data"]
    await table.update(MODULE, TABLE, row["id"], {"name": "b"})
    got = (await table.get(MODULE, TABLE, row["id"]))["data"]
    found = (await table.list(MODULE, TABLE, filters={"name": "b"}))["data"]
    await table.delete(MODULE, TABLE, row["id"])
    events = await endpoints.sla_events(27).list(state="breached", limit=5)
    forms = endpoints.intake_forms(27)
    keys = [form["key"] for form in (await forms.list(active=True))["data"]]
    form = await forms.get("bug")
    sent = await forms.create_submission("bug", {"title": "t"}, metadata={"by": "test"})
    waiting = await forms.list_submissions("bug", status="pending")
    approved = await forms.approve_submission("bug", sent["id"], notes="fine")
    again = await forms.get_submission("bug", sent["id"])
    stats = await forms.stats("bug", period="week")
    [anchor], _ = await endpoints.audit.list_anchors(per_page=1)
    whole = await endpoints.audit.get_anchor(anchor.merkle_root, include_records=True)
    proof = await endpoints.audit.get_proof(whole.records[0]["id"])
    holds = endpoints.audit.verify_proof_locally(
        proof.content_hash, proof.proof, proof.leaf_index, whole.merkle_root
    )
    return {
        "secrets": ["TOKEN" in listed, read],
        "limit": sorted(limit),
        "rows": [got["name"], len(found)],
        "sla": events["data"],
        "forms": [keys, sent["status"], len(waiting["data"])],
        "url": forms.public_url(form),
        "decided": [approved["status"], again["status"], stats["approved"]],
        "proved": holds and (await endpoints.audit.verify(proof)).verified,
    }
'''
MANIFEST = """\
id: com.example.calls
version: "1.0.0"
custom_data:
  permissions:
    - { module: com.example.calls, operations: [read, write, delete] }
"""
TABLES = """\
module: com.example.calls
version: "1.0"
tables:
  rows:
    columns:
      - { name: id, type: bigint, primary_key: true, auto_increment: true }
      - { name: name, type: string, "null": false }
"""


@pytest.fixture
def folder(own_places: Path) -> Path:
    """Return a project of the sample, once for each era, and of an extension that calls it all."""
    folder = own_places / "project"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    tables = folder / "calls" / ".kiket" / "modules" / "rows"
    tables.mkdir(parents=True)
    (folder / "calls" / "main.py").write_text(EVERY_CALL)
    (folder / "calls" / "extension.yaml").write_text(MANIFEST)
    (tables / "schema.yml").write_text(TABLES)
    extensions = [f'name = "{era}"\nentry = "main:sdk"\nera = "{era}"' for era in ERAS]
    extensions.append('name = "calls"\npath = "calls"')
    (folder / "kiket.toml").write_text("".join(f"[[extension]]\n{each}\n" for each in extensions))
    return folder


def test_extensions_of_each_era_find_their_platform(
    folder: Path, running: Running, until: Callable[..., Any]
) -> None:
    with running(folder, "--session-secrets") as engine:
        until(lambda: _serving(engine) == {*ERAS, "calls"}, "all of them serve")
        for era, verdict in ERAS.items():
            _sample_is_served(engine, era, verdict)
        _every_call_is_answered(engine)


def _sample_is_served(engine: Engine, era: str, verdict: str) -> None:
    event = engine.folder / "events" / "campaign.created.v1.json"
    detail, answer = _triggered(
        engine, "campaign.created@v1", "--extension", era, "--data", f"@{event}"
    )
    assert answer["ok"] is True
    assert detail.exchange.signature == verdict, era
    assert ("authentication" in json.loads(detail.request.body.raw)) == (era != "v0")
    headers = {name.lower() for name, _ in detail.request.headers}
    assert ("x-kiket-signature" in headers) == (era != "newest")
    calls = [(call.name, call.status) for call in engine.calls(detail.exchange.id, 2)]
    assert ("POST extensions/logs", 204) in calls
    assert ("GET secrets", 200) in calls


def _every_call_is_answered(engine: Engine) -> None:
    form = engine.cli("platform", "add", "intake_forms", "key=bug", "name=Bug", "public=true")
    assert form.returncode == 0, form.stderr
    detail, answer = _triggered(
        engine, "automation.dispatch@v1", "--extension", "calls", "--data", "{}"
    )
    assert [child.name for child in detail.children if child.status in {404, 501}] == []
    assert answer.pop("url").startswith("http")
    assert answer == {
        "secrets": [True, True],
        "limit": ["limit", "remaining", "reset_in", "window_seconds"],
        "rows": ["b", 1],
        "sla": [],
        "forms": [["bug"], "pending", 1],
        "decided": ["approved", "approved", 1],
        "proved": True,
    }


def _triggered(engine: Engine, *arguments: str) -> tuple[Detail, Any]:
    """Trigger an event that is answered with 200; return all about it, and the answer."""
    result = engine.trigger(*arguments)
    detail = engine.reader.detail(result["exchange_id"])
    assert detail is not None
    assert detail.attempts[0].answer is not None
    answer = json.loads(detail.attempts[0].answer.body.raw)
    assert result["status"] == 200, (arguments, answer)
    return detail, answer


def _serving(engine: Engine) -> set[str]:
    """Return the names of the workers whose newest word is that they serve."""
    newest = {each["name"]: each["state"] for each in engine.said("worker")}
    return {name for name, state in newest.items() if state == "serving"}
