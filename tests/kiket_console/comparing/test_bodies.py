"""The difference between two bodies: by structure, by lines, by bytes; always in bounded time."""

from __future__ import annotations

import hashlib
import json

import pytest

from kiket_console.comparing import bodies
from kiket_console.comparing.bodies import Manner, compare_bodies
from kiket_console.json_path import JsonPathError
from kiket_console.model import Body, SecretReference


def body(raw: bytes | str | object, **more: object) -> Body:
    if isinstance(raw, str):
        raw = raw.encode()
    if not isinstance(raw, bytes):
        raw = json.dumps(raw).encode()
    return Body(raw, len(raw), hashlib.sha256(raw).digest(), **more)  # type: ignore[arg-type]  # handed on as they came


def shown(before: object, after: object, manner: Manner | None = None) -> list[str]:
    found = compare_bodies(body(before), body(after), manner or Manner())
    return [
        f"{row.kind}: {row.before} | {row.after}" if not row.hidden else f"… {row.hidden}"
        for row in found.rows
    ]


def test_json_is_shown_by_its_structure_and_what_is_the_same_in_brief() -> None:
    before = {"id": 1, "labels": ["a", "b"], "big": list(range(50)), "old": {"x": [1]}}
    after = {"id": 2, "labels": ["a", "b"], "big": list(range(50)), "new": {"x": [1]}}
    assert shown(before, after) == [
        "same: { | {",
        'changed:   "id": 1 |   "id": 2',
        'same:   "labels": ["a", "b"] |   "labels": ["a", "b"]',
        'same:   "big": [ 50 items ] |   "big": [ 50 items ]',
        'removed:   "old": { | None',
        'removed:     "x": [ | None',
        "removed:       1 | None",
        "removed:     ] | None",
        "removed:   } | None",
        'added: None |   "new": {',
        'added: None |     "x": [',
        "added: None |       1",
        "added: None |     ]",
        "added: None |   }",
        "same: } | }",
    ]


def test_far_from_a_difference_rows_are_counted_and_not_shown() -> None:
    before = {f"k{n}": n for n in range(30)}
    assert shown(before, before | {"k20": "x"}) == [
        "… 18",
        *(f'same:   "k{n}": {n} |   "k{n}": {n}' for n in range(17, 20)),
        'retyped:   "k20": 20 |   "k20": "x"',
        *(f'same:   "k{n}": {n} |   "k{n}": {n}' for n in range(21, 24)),
        "… 7",
    ]
    assert len(shown(before, before, Manner(whole=True))) == 32
    assert shown(before, before) == ["… 1"]
    assert compare_bodies(body(before), body(before), Manner()).changes == []


def test_text_is_compared_by_lines_and_a_run_is_one_difference() -> None:
    found = compare_bodies(body("a\nb\nc\nd"), body("a\nx\ny\nd\ne"), Manner())
    assert (found.form, found.count) == ("text", 2)


@pytest.mark.parametrize(
    ("before", "after", "form"),
    [
        ("", "", ""),
        ("{}", "", "json"),
        ("{}", "not json", "text"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 3}', "text"),
        (b"\x00\x01", b"\x00\x02", "bytes"),
        (b"\xff\xfe" + b"x" * 50, b"{}", "bytes"),
        ("[" * 100_000, "[" * 100_001, "text"),
    ],
)
def test_what_is_no_json_is_compared_all_the_same(before: object, after: object, form: str) -> None:
    found = compare_bodies(body(before), body(after), Manner())
    assert (found.form, bool(found.count)) == (form, before != after)


@pytest.mark.parametrize(
    ("one", "two", "offset"),
    [(b"\xff", b"\xfe", 0), (b"\xffab", b"\xffac", 2), (b"\xffab", b"\xff", 1), (b"", b"\xff", 0)],
)
def test_bytes_differ_from_an_offset_on(one: bytes, two: bytes, offset: int) -> None:
    found = compare_bodies(Body(one), Body(two), Manner())
    assert found.count == 1
    assert found.notes == (f"The bytes differ from offset {offset:#x} on.",)


def test_a_character_that_was_cut_in_two_is_still_text() -> None:
    cut = body("é".encode()[:1], truncated=True)
    assert compare_bodies(cut, body(""), Manner()).form == "text"


def test_bytes_that_differ_far_behind_what_is_shown_still_differ() -> None:
    raw = bytes(200_000)
    found = compare_bodies(body(raw), body(raw[:-1] + b"\x01"), Manner())
    assert found.count == 1
    assert any(hex(199_999) in note for note in found.notes)


def test_what_a_person_should_know_is_said() -> None:
    cut = compare_bodies(body("{}", truncated=True), body("{}"), Manner())
    assert any("cut" in note for note in cut.notes)
    marked = b'{"token": "[secret:TOKEN]"}'
    one = Body(marked, 40, b"1", references=(SecretReference(11, 8, "TOKEN"),))
    two = Body(marked, 40, b"2", references=(SecretReference(11, 8, "TOKEN"),))
    secret = compare_bodies(one, two, Manner())
    assert (secret.count, len(secret.notes)) == (0, 1)
    assert "secret" in secret.notes[0]
    written = compare_bodies(body('{"n": 1}'), body('{"n": 1.0}'), Manner())
    assert written.count == 0
    assert any("written otherwise" in note for note in written.notes)


def test_a_bad_path_is_refused() -> None:
    with pytest.raises(JsonPathError):
        Manner(ignore=("a.b",)).check()


def test_bodies_that_are_too_different_are_compared_by_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "JSON_LIMIT_S", 0.0)
    before = [n * 1.5 for n in range(2_000)]
    after = [n * 2.5 + 1 for n in range(2_000)]
    found = compare_bodies(body(before), body(after), Manner(unordered=True))
    assert found.form == "text"
    assert found.count > 100
    assert any("too different" in note for note in found.notes)
