"""The main job, end to end: receive, judge, run, record, show, mend, send again."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

BODY = json.dumps({"event": "issue.created", "issue": {"id": 1, "key": "KIK-1"}}).encode()
ROUTE = "/v/v1/webhooks/issue.created"


def test_a_triggered_event_is_handled_answered_and_stored(engine: Engine, until: Until) -> None:
    result = engine.trigger("issue.created@v1", "--data", BODY.decode())
    assert (result["schema"], result["state"], result["status"]) == (1, "forwarded", 200)
    until(lambda: engine.reader.exchange_logs(result["exchange_id"]), "its log line is recorded")
    done = engine.cli("traffic", "show", str(result["exchange_id"]), "--json")
    shown = json.loads(done.stdout)
    assert shown["signature"] in {"ok k0", "ok sw1"}, "a delivery of ours carries both"
    assert shown["judgement"]["ok"] is True
    assert json.loads(shown["request"]["body"]["text"])["issue"]["key"] == "KIK-1"
    assert json.loads(shown["tries"][0]["answer"]["body"]["text"]) == {"ok": True, "key": "KIK-1"}
    [child] = shown["children"]
    assert (child["name"], child["status"], child["source"]) == ("POST extensions/logs", 204, "api")
    assert [line["text"] for line in shown["logs"]] == ["handling KIK-1"]
    assert engine.secret not in done.stdout


def test_a_broken_handler_is_seen_mended_and_sent_again(engine: Engine, until: Until) -> None:
    good = (engine.folder / "main.py").read_text()
    engine.save("main.py", good.replace('return {"ok"', 'return {"ok": 1 / 0, "was"'))
    failed = engine.trigger("issue.created", "--version", "v1", "--data", BODY.decode())
    assert failed["status"] == 400
    logs = partial(engine.reader.exchange_logs, failed["exchange_id"])
    [traceback] = until(lambda: [each for each in logs() if "Traceback" in each.text], "its log")
    assert "ZeroDivisionError" in traceback.text
    assert "main.py" in traceback.text
    engine.save("main.py", good)
    done = engine.cli("replay", str(failed["exchange_id"]), "--json")
    again = json.loads(done.stdout)
    assert (done.returncode, again["status"]) == (0, 200)
    row = engine.reader.exchange(again["exchange_id"])
    first = engine.reader.exchange(failed["exchange_id"])
    assert row is not None
    assert first is not None
    assert (row.replay_of, row.signature) == (failed["exchange_id"], "re-signed")
    assert (first.status, first.replay_of) == (400, None), "the original is as it was"


def test_an_old_delivery_is_accepted_when_it_is_signed_anew_and_stale_when_not(
    engine: Engine,
) -> None:
    """A replay of what a handler refused as too old is what the person asked for."""
    status, _ = engine.post(ROUTE, BODY, engine.signed(BODY, age_s=7200))
    assert status == 401
    old = engine.newest()
    assert old.signature == "stale"
    again = json.loads(engine.cli("replay", str(old.id), "--json").stdout)
    assert again["status"] == 200
    exact = engine.cli("replay", str(old.id), "--exact", "--json")
    assert (exact.returncode, json.loads(exact.stdout)["status"]) == (7, 401)


def test_each_way_to_be_refused_has_its_own_sentence(engine: Engine) -> None:
    """The developer's own code answers; the console says which check failed, and how."""
    wrong = {**engine.signed(BODY), "X-Kiket-Signature": "0" * 64}
    malformed = {**engine.signed(BODY), "X-Kiket-Signature": "not hex"}
    for headers, status, word in (
        (engine.signed(BODY), 200, "ok k0"),
        ({}, 401, "unsigned"),
        (wrong, 401, "mismatch"),
        (engine.signed(BODY, age_s=412), 401, "stale"),
        (malformed, 401, "malformed"),
    ):
        answered, document = engine.post(ROUTE, BODY, headers)
        assert (answered, engine.newest().signature) == (status, word), document
    detail = engine.reader.detail(engine.newest().id)
    stale = next(row for row in engine.reader.recent(50) if row.signature == "stale")
    said = engine.reader.detail(stale.id)
    assert detail is not None
    assert said is not None
    assert said.judgement is not None
    told = re.search(r"(\d+) s old; the limit is 300 s", said.judgement.sentence)
    assert told is not None
    assert int(told[1]) >= 412


def test_what_no_handler_takes_names_the_nearest_one(engine: Engine) -> None:
    status, _ = engine.post("/v/v9/webhooks/issue.created", BODY, engine.signed(BODY))
    assert status == 404
    detail = engine.reader.detail(engine.newest().id)
    assert detail is not None
    assert detail.judgement is not None
    assert "v1" in detail.judgement.sentence + (detail.judgement.nearest or "")
    status, _ = engine.post("/v/v1/webhooks/issue.creatd", BODY, engine.signed(BODY))
    assert status == 404
    detail = engine.reader.detail(engine.newest().id)
    assert detail is not None
    assert detail.judgement is not None
    assert "issue.created" in detail.judgement.sentence + (detail.judgement.nearest or "")


def test_a_body_that_is_no_json_is_answered_and_kept_as_it_came(engine: Engine) -> None:
    raw = b'{"half": \xff\x00'
    status, _ = engine.post(ROUTE, raw, engine.signed(raw))
    assert 400 <= status < 500
    detail = engine.reader.detail(engine.newest().id)
    assert detail is not None
    assert detail.request.body.raw == raw


def test_what_cannot_be_read_or_imported_is_said_with_its_place_and_heals_by_itself(
    folder: Path, running: Running, until: Until
) -> None:
    manifest = (folder / "extension.yaml").read_text()
    code = (folder / "main.py").read_text()
    (folder / "extension.yaml").write_text("id: [unclosed\n")
    (folder / "main.py").write_text(code.replace("import logging", "import loging"))
    with running(folder) as engine:
        until(lambda: engine.status()["workers"][0]["state"] == "broken", "the worker is broken")
        worker = engine.status()["workers"][0]
        assert worker["problem"]["file"] == "extension.yaml"
        assert "extension.yaml" in worker["problem"]["sentence"]
        status, answer = engine.post(ROUTE, BODY)
        assert status == 503
        assert "extension.yaml" in json.dumps(answer)

        engine.save("extension.yaml", manifest)
        told = until(
            lambda: [each for each in engine.said("worker") if each.get("where") == "main.py:1"],
            "the next thing that is wrong is told",
        )
        assert "loging" in told[-1]["problem"]

        engine.save("main.py", code)
        assert engine.trigger("issue.created", "--data", BODY.decode())["status"] == 200


def test_a_syntax_error_leaves_the_old_code_serving(engine: Engine, until: Until) -> None:
    good = (engine.folder / "main.py").read_text()
    engine.save("main.py", good + "\ndef broken(:\n")
    worker = engine.status()["workers"][0]
    assert (worker["state"], worker["serving"]) == ("broken", True)
    assert worker["problem"]["line"] == good.count("\n") + 2
    assert engine.trigger("issue.created", "--data", BODY.decode())["status"] == 200
    engine.save("main.py", good)
    assert engine.status()["workers"][0]["state"] == "serving"


def test_requests_that_arrive_before_the_code_is_up_are_held(
    folder: Path, running: Running, until: Until
) -> None:
    """What came of it is counted, and told to the last word as JSON without escape codes."""
    with running(folder) as engine:
        status, _ = engine.post(ROUTE, BODY, engine.signed(BODY))
        assert status == 200
        done = engine.cli("trigger", "issue.created", "--data", BODY.decode(), "--count", "5")
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 5

        until(lambda: engine.status()["exchanges"] >= 12, "each call is recorded, too")
        status_now = json.loads(engine.cli("status", "--json").stdout)
        assert status_now["recording"] == "ok"
        assert status_now["exchanges"] == 12, "six deliveries and their calls"
        assert status_now["p95_us"] > 0
        assert status_now["error_share"] == 0
        printed = engine.cli("traffic", "list", "--json").stdout.splitlines()
        listed = [json.loads(line) for line in printed]
        assert [each["id"] for each in listed] == sorted(each["id"] for each in listed)
        names = sorted(each["name"] for each in listed)
        assert names == ["POST extensions/logs"] * 6 + ["issue.created"] * 6

        told = {each["id"] for each in listed}
        until(lambda: {each["id"] for each in engine.said("exchange")} >= told, "all are told")
        until(lambda: len(engine.said("log")) >= 6, "the log lines are told")
        assert engine.stop() == 0
    assert [each["reason"] for each in engine.said("stopped")] == ["SIGTERM"]
    raw = engine.out.read_bytes()
    assert b"\x1b" not in raw
    assert all(json.loads(line)["schema"] == 1 for line in raw.splitlines())
