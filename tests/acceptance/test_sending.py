"""Send, edit and send again, from the command line and with a real extension behind it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]

BODY = '{"event": "issue.created", "issue": {"id": 1, "key": "KIK-1"}}'


def documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def sent_body(engine: Engine, exchange_id: int) -> Any:
    detail = engine.reader.detail(exchange_id)
    assert detail is not None
    return json.loads(detail.request.body.raw)


def test_an_event_is_made_from_a_sample_a_capture_or_a_persons_json(engine: Engine) -> None:
    sample = engine.trigger(
        "issue.created", "--set", "$.issue.key=KIK-9", "--set", "$.issue.id=${n}"
    )
    assert sample["status"] == 200
    body = sent_body(engine, sample["exchange_id"])
    assert (body["issue"]["key"], body["issue"]["id"]) == ("KIK-9", 1)

    engine.trigger("issue.created", "--data", BODY)
    done = engine.cli(
        *("trigger", "issue.created", "--from", "last", "--count", "2", "--json"),
        *("--set", "$.issue.key=${last.$.issue.key}-${n}"),
    )
    keys = [
        sent_body(engine, each["exchange_id"])["issue"]["key"] for each in documents(done.stdout)
    ]
    assert keys == ["KIK-1-1", "KIK-1-2"]

    again = engine.trigger("issue.created", "--from", str(sample["exchange_id"]))
    assert sent_body(engine, again["exchange_id"])["issue"]["key"] == "KIK-9"


def test_a_path_that_is_not_there_is_refused_with_the_one_that_was_meant(engine: Engine) -> None:
    done = engine.cli("trigger", "issue.created", "--set", "$.priority=high")

    assert done.returncode == 2
    assert done.stderr == ("Error: There is no $.priority.\n  Did you mean $.issue.priority?\n")


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(engine: Engine) -> None:
    first = engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"]
    done = engine.cli("send", str(first), "--set", "$.issue.id=2", "--way", "k1", "--dry-run")

    assert done.returncode == 0
    head, _, body = done.stdout.partition("\n\n")
    assert head.startswith("POST /v/v1/webhooks/issue.created HTTP/1.1\nhost: localhost\n")
    assert '"issue":{"id":2,"key":"KIK-1"}' in body
    assert "nothing was sent." in done.stderr
    assert "Signed as k1: HMAC-SHA256 of “" in done.stderr
    assert "Signature and timestamp are fine." in done.stderr
    told = json.loads(engine.cli("trigger", "issue.created", "--dry-run", "--json").stdout)
    assert (told["dry_run"], told["ok"]) == (True, True)
    webhooks = [each.id for each in engine.reader.recent(20) if each.source == "webhook"]
    assert webhooks[0] == first, "the newest"


def test_a_delivery_is_sent_with_changes_and_the_exit_status_says_how(engine: Engine) -> None:
    first = engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"]
    payload = engine.folder.parent / "payload.json"
    payload.write_text('{"issue": {"key": "KIK-2"}}')
    done = engine.cli(
        *("send", str(first), "--payload", str(payload), "--header", "X-Mine: 1", "--json")
    )
    result = json.loads(done.stdout)
    found = engine.reader.detail(result["exchange_id"])
    assert found is not None
    assert (done.returncode, result["status"]) == (0, 200)
    assert found.request.body.raw == payload.read_bytes()
    assert found.request.header("x-mine") == "1"
    assert (found.exchange.replay_of, found.exchange.edited) == (first, True)

    payload.write_text("{ not json")
    done = engine.cli("send", str(first), "--payload", str(payload))
    assert done.returncode == 7
    assert done.stderr.startswith(
        "The payload is no JSON and is sent as it is. Line 1, column 3: A name in double quotes"
    )
    refused = engine.cli("send", str(first), "--header", "X-Mine")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Line 1 of the headers has no colon.")


def test_several_are_sent_again_in_their_order_and_the_worst_decides(engine: Engine) -> None:
    """One that is not there, or is answered badly, does not stop the others."""
    first, second = (
        engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"] for _ in range(2)
    )
    done = engine.cli(
        "replay", str(second), str(first), "--count", "2", "--spacing", "1ms", "--json"
    )
    told = documents(done.stdout)
    assert (done.returncode, done.stderr) == (0, "4 sent · 4 ok\n")
    assert sorted(each["replay_of"] for each in told) == [first, first, second, second]

    done = engine.cli("replay", str(first), "9999")
    assert done.returncode == 7
    assert "9999: No exchange 9999 is recorded for this project." in done.stderr
    assert done.stderr.endswith("2 sent · 1 ok · 1 failed\n")
    done = engine.cli("replay", str(first), "--way", "unsigned", "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (7, 401)


def test_what_a_filter_lets_through_is_sent_again(engine: Engine) -> None:
    first = engine.trigger("issue.created@v1", "--data", BODY)["exchange_id"]
    engine.cli("replay", str(first), "--way", "stale")
    done = engine.cli("replay", "--filter", f"status:401 id:>{first}", "--json")
    [told] = documents(done.stdout)
    assert (done.returncode, told["status"]) == (0, 200)
    none = engine.cli("replay", "--filter", "status:418")
    assert (none.returncode, none.stdout) == (0, "")
    assert none.stderr == "0 sent · 0 ok\n"


TROUBLED = """\
from starlette.responses import JSONResponse


@sdk.webhook("issue.updated", version="v1")
def updated(payload, context):
    return JSONResponse({"error": "later"}, 503)


@sdk.webhook("workflow.before_transition", version="v1")
def guard(payload, context):
    return {"status": "deny", "message": "Not on a Friday."}
"""


def test_what_fails_is_tried_again_until_a_person_has_enough(engine: Engine) -> None:
    main = engine.folder / "main.py"
    engine.save("main.py", f"{main.read_text()}\n\n{TROUBLED}")
    done = engine.cli("trigger", "issue.updated", "--retry")
    [number] = re.findall(r"^#(\d+)  issue\.updated v1  503 ✗", done.stdout)
    assert done.returncode == 7
    assert re.search(rf"It is tried again in \S+ s; `kiket-console retry {number}` ", done.stderr)

    again = engine.cli("retry", number, "--json")
    told = json.loads(again.stdout)
    assert (again.returncode, told["status"], told["retry"]) == (7, 503, "waiting")
    detail = engine.reader.known(int(number))
    assert [each.status for each in detail.attempts] == [503, 503]

    assert engine.cli("retry", number, "--cancel").stdout == f"Not tried again: #{number}.\n"
    refused = engine.cli("retry", number, "--cancel")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: None of these deliveries waits to be tried again.\n")

    guard = engine.cli("trigger", "workflow.before_transition", "--retry")
    assert re.match(r"#\d+  workflow\.before_transition v1  200  deny  ", guard.stdout)
