"""Whatever bytes arrive at the gateway: its worker sees what another strict reader finds."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from tests.faults.lab import PATH, engine
from tests.kiket_core.streams import (
    EXAMPLES,
    Request,
    as_another_reader,
    check_answers,
    sent,
    streams,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.lab import Lab

WITNESS = """\
import json, os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"].endswith("/webhooks/count.me"):
        target = scope["raw_path"] + b"?" + scope["query_string"]
        seen = [scope["method"], target.decode("latin-1"), body.hex()]
        with open(os.environ["KIKET_COUNT"], "a") as file:
            file.write(json.dumps(seen) + "\\n")
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def witnessed() -> Iterator[Lab]:
    """Return an engine whose worker notes every delivery whole."""
    files = {"main.py": WITNESS, "extension.yaml": "id: sample\nversion: '1.0'\n"}
    with engine(project_files=files, header_deadline_s=1, body_deadline_s=1, idle_s=1) as lab:
        lab.deliver()
        yield lab


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(pieces=streams())
def test_a_worker_sees_only_what_another_strict_reader_finds_too(
    witnessed: Lab, pieces: list[bytes]
) -> None:
    path = f"{PATH}?n={next(_numbers)}"  # so that a late call is not taken for one of the next
    raw = b"".join(pieces).replace(PATH.encode(), path.encode())
    check_answers(sent(witnessed.connect(), [raw[: len(raw) // 2], raw[len(raw) // 2 :]]))
    lines = [json.loads(line) for line in witnessed.count_file.read_text().splitlines()[-9:]]
    seen = [Request(method, target, bytes.fromhex(body)) for method, target, body in lines]
    served = [each for each in seen if each.target == path]
    found, gave_up = as_another_reader(raw)
    deliveries = [each for each in found if (each.method, each.target) == ("POST", path)]
    assert served == deliveries[: len(served)] or gave_up, raw
    both = min(len(served), len(deliveries))
    assert served[:both] == deliveries[:both], raw
