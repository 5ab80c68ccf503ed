"""Bodies are shown as what they are: by content type, and by how they begin."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from kiket_console.model import Body
from kiket_console.ui.paint import bodies
from kiket_console.ui.paint.body import BodyView
from kiket_console.ui.paint.layout import Shape

if TYPE_CHECKING:
    from kiket_console.ui.paint.source import LineSource

SHAPE = Shape(80, wrap=False)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))


def view(
    raw: bytes, kind: str = "", encoding: str = "", *, pretty: bool = True, **body: object
) -> BodyView:
    stored = Body(raw, len(raw) + int(str(body.pop("missing", 0))), **body)  # type: ignore[arg-type]  # handed on
    made = BodyView(stored, kind, encoding)
    made.lay_at_once(SHAPE, pretty=pretty)
    return made


def lines_of(source: LineSource) -> list[str]:
    return [
        "".join(text for text, _ in [*source.margin(row), *source.line(row)])
        for row in range(source.count)
    ]


def shown(raw: bytes, kind: str = "", encoding: str = "", **options: object) -> list[str]:
    return lines_of(view(raw, kind, encoding, **options).source)  # type: ignore[arg-type]  # handed on


def facts(made: BodyView) -> list[str]:
    return ["".join(text for text, _ in fact) for fact in made.facts]


@pytest.mark.parametrize(
    ("raw", "content_type", "name"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", "json"),
        (b'{"a": 1}', "application/vnd.api+json", "json"),
        (b'{"a": 1}', "", "json"),
        (b"[1]", "text/plain", "json"),
        (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson", "lines"),
        (b'{"a": 1}\n{"a": 2}\n', "", "lines"),
        (b"a=1&b=2", "application/x-www-form-urlencoded", "form"),
        (b"a=1&b=%20", "", "form"),
        (b"2 > 1 & 1 = 1", "", "text"),
        (b"<p>{}</p>", "text/html", "text"),
        (b"{}", "text/html", "text"),
        (PNG, "application/json", "bytes"),
        (b"", "", "text"),
    ],
)
def test_the_content_type_decides_and_looking_helps(
    raw: bytes, content_type: str, name: str
) -> None:
    assert bodies.kind_of(raw, content_type).name == name


def test_json_is_laid_out_and_shown_as_sent_when_that_is_asked_for() -> None:
    sent = b'{"a":[1,2]}'
    assert shown(sent, "application/json") == [
        "   1 ▾ {", '   2 ▾   "a": [', "   3       1,", "   4       2", "   5     ]", "   6   }",
    ]  # fmt: skip
    assert shown(sent, "application/json", pretty=False) == ['   1  {"a":[1,2]}']


def test_what_is_no_json_is_text_with_a_sentence_and_a_mark() -> None:
    lines = shown(b'{"a": 1,\n "b": }', "application/json")
    assert lines == [
        "! This is not JSON: line 2, column 7. A value is missing after the colon.",
        "",
        '   1  {"a": 1,',
        '   2   "b": }',
        "            ▲ line 2, column 7: A value is missing after the colon.",
    ]


def test_what_only_looks_like_json_is_text_without_a_word() -> None:
    assert shown(b"[draft] hello", "text/plain") == ["   1  [draft] hello"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_what_was_packed_for_the_way_is_unpacked(encoding: str) -> None:
    sent = json.dumps({"labels": ["web"] * 9}).encode()
    packer = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(sent, mtime=0),
        "deflate": zlib.compress(sent),
        "raw deflate": packer.compress(sent) + packer.flush(),
    }[encoding]
    name = encoding.split()[-1]
    made = view(packed, "application/json", name)
    assert '   2 ▾   "labels": [' in lines_of(made.source)
    assert facts(made) == [f"{name}, {len(sent)} b unpacked"]
    made.lay_at_once(SHAPE, pretty=False)
    assert lines_of(made.source)[0].startswith(f" 00000000  {packed[:3].hex(' ')}")


def test_a_bomb_is_unpacked_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "UNPACKED_LIMIT_BYTES", 1_000)
    lines = shown(gzip.compress(b"x" * 1_000_000), "text/plain", "gzip")
    assert lines[0] == "   1  " + "x" * 1_000
    assert lines[-1].strip() == "… only the first 1000 b were unpacked".replace("1000 b", "1.0 k")


def test_bytes_are_named_and_shown_in_hex() -> None:
    made = view(PNG, "image/png")
    assert facts(made) == ["PNG image"]
    assert lines_of(made.source)[0] == (
        " 00000000  89 50 4e 47 0d 0a 1a 0a  00 01 02 03 04 05 06 07  ·PNG············"
    )
    assert facts(view(b"\x00\x01", "application/x-protobuf")) == ["Protocol Buffers message"]
    assert facts(view(b"\x00\x01")) == ["bytes"]


def test_a_form_is_a_table_of_its_fields() -> None:
    lines = shown(b"name=Jane+D%C3%B6&x=%1b%5b2J&empty", "application/x-www-form-urlencoded")
    assert lines == ["  name   Jane Dö", r"  x      \x1b[2J", "  empty  "]


def test_parts_are_shown_each_as_what_it_is() -> None:
    raw = (
        b'--XX\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json'
        b'\r\n\r\n{"a": 1}\r\n--XX\r\nContent-Disposition: form-data; name="logo"; '
        b'filename="a.png"\r\n\r\n' + PNG + b"\r\n--XX--\r\n"
    )
    lines = shown(raw, 'multipart/form-data; boundary="XX"')
    assert lines[0] == '  part 1  name="meta"  application/json  8 b'
    assert lines[1:4] == ["   1 ▾ {", '   2     "a": 1', "   3   }"]
    assert lines[5].startswith('  part 2  name="logo"; filename="a.png"  48 b')
    assert lines[6].startswith(" 00000000  89 50")


def test_text_in_another_charset_is_read_in_it() -> None:
    sent = "Größe".encode("latin-1")
    assert shown(sent, "text/plain; charset=iso-8859-1") == ["   1  Größe"]
    assert shown('{"a": "ö"}'.encode("utf-16"), "application/json; charset=utf-16")[1] == (
        '   2     "a": "ö"'
    )
    assert shown(b"x", "text/plain; charset=klingon") == ["   1  x"]


@pytest.mark.parametrize("charset", ["hex", "rot13", "zlib", "idna", "punycode", "undefined"])
def test_a_charset_that_turns_bytes_into_no_text_is_not_believed(charset: str) -> None:
    assert shown("ö".encode(), f"text/plain; charset={charset}") == ["   1  ö"]


class TestWhatIsMissing:
    def test_a_body_that_was_cut_says_so_at_both_ends(self) -> None:
        made = view(b'{"a": [1, 2, {"b": "lo', "application/json", truncated=True, missing=5_000)
        assert facts(made) == ["cut: 22 b kept"]
        lines = lines_of(made.source)
        assert lines[-1].strip() == "… 4.9 k more came and were not kept"
        assert lines[-2].endswith('"b": "lo')
        assert "▲" not in "".join(lines)

    def test_a_character_cut_in_half_at_the_end_is_still_text(self) -> None:
        raw = "Größe".encode()[:3]
        assert shown(raw, truncated=True, missing=4)[0].startswith("   1  Gr")

    def test_a_body_larger_than_what_is_shown_says_so(self) -> None:
        lines = shown(b"x" * 100, "text/plain", unread=200 << 20)
        assert lines[-1].strip() == "… 200 M more are stored; the first 100 b are shown"

    def test_hidden_characters_are_noticed(self) -> None:
        assert facts(view("admin\u202euser".encode())) == ["contains hidden characters"]
        assert facts(view("Größe\n".encode())) == []
