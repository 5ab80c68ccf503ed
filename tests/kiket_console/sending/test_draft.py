"""Drafts, what they change, and how they are kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Detail, Exchange, Headers, Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.sending import draft as draft_module
from kiket_console.sending import keeping
from kiket_console.sending.draft import Draft, original_of
from kiket_console.sending.head import HeaderError
from kiket_console.sending.keeping import Drafts
from kiket_console.wire import Edit

if TYPE_CHECKING:
    from pathlib import Path

HEADERS: Headers = (
    ("host", "localhost"),
    ("x-kiket-event", "issue.created"),
    ("x-kiket-signature", "00ff"),
    ("authorization", "Bearer [redacted]"),
    ("content-type", "application/json"),
    ("x-mine", "1"),
)


def recorded(raw: bytes, source: Source = Source.WEBHOOK, *, truncated: bool = False) -> Detail:
    exchange = Exchange(
        7, 1, source, "marketing", "issue.created", "v1", "POST", "/v/v1/webhooks/issue.created",
        1, State.FORWARDED, 200, 1, len(raw), "ok k0", "t", None, False, None, 1, False,
    )  # fmt: skip
    return Detail(exchange, Message(HEADERS, Body(raw, truncated=truncated)), None, (), ())


RAW = b'{"issue": {"id": 1.10, "t": "\xe2\x80\x8b"}}'


def test_a_recorded_delivery_is_laid_out_to_be_edited() -> None:
    original = original_of(recorded(RAW))

    assert original.draft == Draft(
        "issue.created",
        "v1",
        "content-type: application/json\nx-mine: 1",
        '{\n  "issue": {\n    "id": 1.10,\n    "t": "\\u200b"\n  }\n}',
    )
    assert (original.exchange_id, original.extension) == (7, "marketing")


def test_a_draft_with_nothing_changed_changes_nothing() -> None:
    original = original_of(recorded(RAW))

    assert original.edit(original.draft) == Edit()


def test_a_draft_is_sent_as_the_original_was_laid_out() -> None:
    original = original_of(recorded(b'{"a": 1, "b": [2, 3]}'))
    draft = replace(original.draft, payload=original.draft.payload.replace("3", "4"))

    assert original.edit(draft) == Edit(b'{"a": 1, "b": [2, 4]}')


def test_a_large_payload_is_laid_out_only_to_be_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_module, "LARGE_CHARACTERS", 8)
    original = original_of(recorded(b'{"a": 1, "b": 2}'))

    assert original.draft.payload == '{"a": 1, "b": 2}'
    shown = original.laid_out(original.draft.payload)
    assert shown == '{\n  "a": 1,\n  "b": 2\n}'
    edited = replace(original.draft, payload=shown.replace("2", "3"))
    assert original.edit(edited).raw_payload == b'{"a": 1, "b": 3}'
    assert original.sent_bytes(original.draft) == 16


def test_what_stood_on_several_lines_is_sent_as_it_is_typed() -> None:
    original = original_of(recorded(b'{\n\t"a": 1\n}\n'))
    draft = replace(original.draft, payload='{\n\t"a": 2\n}\n')

    assert original.edit(draft).raw_payload == b'{\n\t"a": 2\n}\n'


def test_what_is_no_json_is_sent_as_it_is_typed() -> None:
    original = original_of(recorded(b'{"a": 1}'))

    assert original.edit(replace(original.draft, payload="{ a")).raw_payload == b"{ a"


def test_headers_version_and_event_are_changed_by_themselves() -> None:
    original = original_of(recorded(RAW))
    draft = replace(original.draft, headers="x-mine: 2\n", version=" v2 ", event="issue.updated")

    assert original.edit(draft) == Edit(None, (("x-mine", "2"),), "issue.updated", "v2")
    with pytest.raises(HeaderError, match="Line 1 of the headers has no colon"):
        original.edit(replace(draft, headers="x-mine"))


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"hidden \xe2\x80\xae text", b"\x1b[31m"])
def test_bytes_that_nobody_can_type_are_left_as_they_are(raw: bytes) -> None:
    original = original_of(recorded(raw))

    assert not original.payload_is_text
    assert original.edit(replace(original.draft, version="v2")) == Edit(version="v2")


def test_a_payload_of_which_only_the_beginning_was_stored_is_plain_text() -> None:
    original = original_of(recorded(b'{"a": [1, 2', truncated=True))

    assert original.truncated
    assert original.draft.payload == '{"a": [1, 2'


def test_a_call_to_the_platform_cannot_be_edited() -> None:
    with pytest.raises(ConsoleError, match="Exchange 7 is a call to the platform"):
        original_of(recorded(b"{}", Source.API))


@pytest.fixture
def drafts(own_places: Path) -> Drafts:
    paths = ProjectPaths(own_places)
    paths.make()
    return Drafts(paths)


DRAFT = Draft("issue.created", "v1", "x: 1", '{"a": "\u00fc"}')


def test_a_draft_that_was_kept_is_there_until_it_is_forgotten(
    drafts: Drafts, own_places: Path
) -> None:
    assert drafts.kept("7-1") is None
    drafts.keep("7-1", replace(DRAFT, version="v0"))
    drafts.keep("7-1", DRAFT)
    assert drafts.kept("7-1") == DRAFT
    [file] = [*own_places.rglob("7-1.json")]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    drafts.forget("7-1")
    drafts.forget("7-1")
    assert drafts.kept("7-1") is None


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"event": 1}', b"\xff"])
def test_a_draft_that_cannot_be_read_is_none(drafts: Drafts, own_places: Path, raw: bytes) -> None:
    drafts.keep("7-1", DRAFT)
    [file] = [*own_places.rglob("7-1.json")]
    file.write_bytes(raw)

    assert drafts.kept("7-1") is None


def test_the_oldest_drafts_are_forgotten(
    drafts: Drafts, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_DRAFTS", 2)
    for number in (1, 2, 3):
        drafts.keep(str(number), DRAFT)
        [file] = [*own_places.rglob(f"{number}.json")]
        os.utime(file, (number, number))
    drafts.keep("4", DRAFT)

    assert [number for number in (1, 2, 3, 4) if drafts.kept(str(number))] == [3, 4]
