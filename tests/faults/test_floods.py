"""Floods of what is refused: counted and sampled, so that they fill nothing."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import EVENT, engine, rest, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.lab import Lab

SHARE = int(os.environ.get("KIKET_TORTURE_REFUSALS", "100"))
"""How many are refused for the rarest reason; 20 times as many in all."""
LARGE = b"x" * 16_000


@pytest.fixture(scope="module")
def flooded() -> Iterator[Lab]:
    """Return an engine that nothing else is refused by; of each kind the first are kept."""
    with engine() as lab:
        yield lab


def flood(lab: Lab, address: tuple[str, int], raw: bytes, number: int) -> list[int]:
    """Send a request that does not end its connection *number* times, piped; return statuses."""
    with lab.connect(address) as connection:
        last = raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        sender = threading.Thread(target=connection.sendall, args=(raw * (number - 1) + last,))
        sender.start()
        answers = statuses(rest(connection))
        sender.join()
    return answers


def request(path: str, *lines: str, body: bytes = b"") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def store_bytes(lab: Lab) -> int:
    """Return how large the store is, when its log is merged."""
    with contextlib.closing(sqlite3.connect(f"file:{lab.paths.store}?mode=ro", uri=True)) as store:
        [(pages, size)] = store.execute(
            "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
        )
    return int(pages) * int(size)


def test_thousands_of_refusals_fill_less_than_a_mebibyte(flooded: Lab) -> None:
    """Calls with a wrong token, telemetry of nobody, no webhooks, and what the guard refuses."""
    telemetry = json.dumps({"event": "e", "filler": "y" * 5000}).encode()
    lab = flooded
    before, rows, refused = store_bytes(lab), lab.rows(), lab.status()["refused"]
    wrong = request("/api/v1/extensions/logs", "Authorization: Bearer no", body=LARGE)
    assert flood(lab, lab.platform, wrong, 8 * SHARE) == [401] * (8 * SHARE)
    anonymous = request("/api/v1/ext/telemetry", body=telemetry)
    assert flood(lab, lab.platform, anonymous, 4 * SHARE) == [204] * (4 * SHARE)
    misnamed = request("/webhooks/no%20event", body=LARGE)
    assert flood(lab, lab.gateway, misnamed, 4 * SHARE) == [404] * (4 * SHARE)
    elsewhere = request("/nothing")
    assert flood(lab, lab.gateway, elsewhere, 3 * SHARE) == [404] * (3 * SHARE)
    for _ in range(SHARE):
        assert statuses(lab.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")) == [421]
    assert lab.status()["refused"] - refused == 16 * SHARE
    # calls are answered before they are in the store
    until(lambda: lab.rows("api") == 20 + 60, "the samples are recorded")
    assert store_bytes(lab) - before < 1024 * 1024
    calls = lab.details("api")
    kept = [each for each in calls if each.exchange.status == 401]
    assert len(kept) == 20
    assert all(len(each.request.body.raw) == 1024 for each in kept)
    assert all(each.request.body.truncated for each in kept)
    assert lab.rows() == rows

    def told() -> int:
        lines = lab.reader.log_page(lab.reader.log_ids())
        return sum("gateway 421: The host 'evil.example'" in each.text for each in lines)

    until(lambda: told() == 20, "as many are told of")


def test_what_a_worker_refuses_itself_is_recorded_whole(lab: Lab) -> None:
    """An unsigned delivery is forwarded: its developer is to see the refusal of their own code."""
    before = lab.rows("webhook")
    answers = flood(lab, lab.gateway, request(f"/webhooks/{EVENT}", body=b"{}"), 50)
    assert answers == [200] * 50
    assert lab.rows("webhook") == before + 50


def test_deliveries_that_are_too_large_are_recorded_in_part_and_in_samples(
    flooded: Lab,
) -> None:
    """A person sees what was refused: its headers and the start of its body."""
    lab = flooded
    rows, refused, calls = lab.rows(), lab.status()["refused"], lab.calls()
    declared = b"POST /webhooks/count.me HTTP/1.1\r\nHost: localhost\r\nX-Kept: yes\r\n"
    chunk = b"10000\r\n" + b"z" * 0x10000 + b"\r\n"
    endless = declared + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 100
    assert statuses(lab.send(endless)) == [413]
    for _ in range(60):
        raw = declared + b"Content-Length: 9000000\r\n\r\nthe beginning"
        assert statuses(lab.send(raw)) == [413]
    until(lambda: lab.rows() == rows + 20, "the sample is recorded")
    found = [each for each in lab.details("webhook") if each.exchange.status == 413]
    assert len(found) == 20
    assert all(each.request.header("x-kept") == "yes" for each in found)
    assert all(each.request.body.truncated for each in found)
    assert found[-1].request.body.raw == b"z" * 1024
    assert {each.exchange.state for each in found} == {"rejected"}
    assert "larger than 5242880 bytes" in found[0].attempts[0].error
    assert lab.status()["refused"] - refused == 61
    assert lab.calls() == calls
