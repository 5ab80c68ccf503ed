"""Exchanges as files: compared with golden ones, and HAR with the rules of its format.

After a wanted change: `UPDATE_GOLDEN=1 pytest tests/kiket_console/exporting`, and look at
the difference.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console import __version__, traced_frames
from kiket_console.exporting.commands import Urls
from kiket_console.exporting.files import FORMS, Recorded, form, made
from kiket_console.model import Judgement, LogLine, State
from kiket_console.traced_frames import TracedFrame

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail

GOLDEN = Path(__file__).parent / "golden"
URLS = Urls("http://127.0.0.1:8700", "http://127.0.0.1:8701")


@pytest.fixture
def recorded(make_detail: MakeDetail) -> list[Recorded]:
    """Return a good delivery, and one that no answer came to."""
    good = make_detail(
        b'{"issue": {"id": 42, "api_token": "hunter2"}, "note": "it\'s `fine`"}', dialect="k0"
    )
    bad = make_detail(
        b"\xff\x00binary", id=1205, status=None, state=State.FAILED, duration_us=None,
        name="issue.*created*", path="/webhooks/x?token=hunter2&a=1", replay_of=None,
        answer=b"", answer_headers=(),
    )  # fmt: skip
    line = LogLine(
        1, good.exchange.started_us, "marketing", "log", "INFO", "app",
        "labelled ```\x1b[31m", "", good.exchange.id,
    )  # fmt: skip
    return [Recorded(good, (line,)), Recorded(bad)]


@pytest.mark.parametrize("name", ["har", "jsonl", "curl", "markdown"])
def test_a_file_is_as_it_was_agreed(recorded: list[Recorded], name: str) -> None:
    raw = made(name, recorded, URLS).replace(__version__.encode(), b"VERSION")
    golden = GOLDEN / f"two{form(name).suffix}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(raw)
    assert raw.decode() == golden.read_text()


def test_the_archive_keeps_the_rules_of_har(recorded: list[Recorded]) -> None:
    """HAR 1.2: which members there must be, and of which kind."""
    archive = json.loads(made("har", recorded, URLS))
    log = archive["log"]
    assert set(archive) == {"log"}
    assert (log["version"], set(log["creator"])) == ("1.2", {"name", "version"})
    assert len(log["entries"]) == 2
    for entry in log["entries"]:
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo
        _has(entry, time=(int, float), request=dict, response=dict, cache=dict, timings=dict)
        timings = entry["timings"]
        _has(timings, send=(int, float), wait=(int, float), receive=(int, float))
        assert entry["time"] == sum(timings.values())
        request, response = entry["request"], entry["response"]
        _has(request, method=str, url=str, httpVersion=str, cookies=list, headers=list,
             queryString=list, headersSize=int, bodySize=int)  # fmt: skip
        _has(request["postData"], mimeType=str, params=list, text=str)
        _has(response, status=int, statusText=str, httpVersion=str, cookies=list, headers=list,
             content=dict, redirectURL=str, headersSize=int, bodySize=int)  # fmt: skip
        _has(response["content"], size=int, mimeType=str)
        for pair in (*request["headers"], *request["queryString"], *response["headers"]):
            _has(pair, name=str, value=str)
            assert len(pair) == 2
        for owner in (entry, request, response):
            own = [name for name in owner if name.startswith("_")]
            assert owner is entry or not own


def _has(owner: dict[str, Any], **members: Any) -> None:
    for name, kind in members.items():
        assert isinstance(owner[name], kind), name


@pytest.mark.parametrize("name", [each.name for each in FORMS if each.name != "curl"])
def test_what_looks_like_a_secret_is_left_out(recorded: list[Recorded], name: str) -> None:
    raw = made(name, recorded, URLS)
    parts = [raw]
    if name == "bundle":
        with zipfile.ZipFile(io.BytesIO(raw)) as bundle:
            parts = [bundle.read(each) for each in bundle.namelist()]
            assert set(bundle.namelist()) == {
                "README.md", "report.md", "traffic.har", "exchanges.jsonl",
            }  # fmt: skip
    assert all(b"hunter2" not in part and b"0000000000" not in part for part in parts)


def test_unredacted_is_as_it_was_recorded_but_never_a_bundle(recorded: list[Recorded]) -> None:
    assert b"hunter2" in made("jsonl", recorded, URLS, redact=False)
    assert made("bundle", recorded, URLS, redact=False) == made("bundle", recorded, URLS)


def test_a_path_that_is_no_url_is_archived_with_its_query(make_detail: MakeDetail) -> None:
    archive = json.loads(made("har", [Recorded(make_detail(path="//[x?a=b&c"))], URLS))
    (entry,) = archive["log"]["entries"]
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": "b"},
        {"name": "c", "value": ""},
    ]


def test_each_line_of_json_lines_is_all_that_is_known(recorded: list[Recorded]) -> None:
    lines = [json.loads(line) for line in made("jsonl", recorded, URLS).splitlines()]
    assert [line["id"] for line in lines] == [1204, 1205]
    assert lines[0]["logs"][0]["text"].startswith("labelled")
    assert lines[1]["request"]["body"] == {"base64": "/wBiaW5hcnk="}


def test_a_report_cannot_be_broken_out_of(make_detail: MakeDetail) -> None:
    hostile = b"```\n</details>\x1b[2J<img src=x>\n````\n# Title"
    detail = make_detail(hostile, name="<b>*x*</b>|`", headers=(("X-A", "```"),))
    text = made("markdown", [Recorded(detail)], URLS).decode()
    lines = text.split("\n")
    fences = [line for line in lines if line.startswith("`````")]
    assert len(fences) == 2
    inside = lines[lines.index(fences[0]) : lines.index(fences[1], lines.index(fences[0]) + 1)]
    assert "# Title" in inside
    assert "\x1b" not in text
    assert lines[0] == r"## \<b\>\*x\*\</b\>\|\` v2: 200"


def test_a_judgement_is_told(make_detail: MakeDetail) -> None:
    import msgspec

    stale = Judgement(False, "stale", "k1", "The timestamp is 412 s old.", 412.0)
    detail = msgspec.structs.replace(make_detail(), judgement=stale)
    assert (
        "signature: The timestamp is 412 s old."
        in made("markdown", [Recorded(detail)], URLS).decode()
    )


def test_an_unknown_kind_is_an_error(recorded: list[Recorded]) -> None:
    with pytest.raises(KeyError):
        made("pdf", recorded, URLS)


def test_locals_of_exceptions_are_for_their_owner_alone(recorded: list[Recorded]) -> None:
    """They are kept beside the log line; others are told the traceback."""
    (line,) = recorded[0].logs
    frames = traced_frames.stored((TracedFrame("a.py", 1, "f", values=(("mail", "'ada'"),)),), str)
    told = [replace(recorded[0], logs=(replace(line, frames=frames),))]
    assert b"'ada'" in made("jsonl", told, URLS, redact=False)
    assert b"'ada'" not in made("jsonl", told, URLS)
