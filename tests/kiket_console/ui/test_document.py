"""A stored text as rows: folding hides, wrapping divides, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.text import cell_width, visible
from kiket_console.ui.paint.document import Document
from kiket_console.ui.paint.json_index import JsonIndex
from kiket_console.ui.paint.layout import Shape
from kiket_console.ui.paint.search import Query
from kiket_console.ui.paint.text_index import TextIndex

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

FLAT = Shape(80, wrap=False)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
documents = st.lists(values) | st.dictionaries(st.text(max_size=5), values)


def laid_out(raw: bytes | str, shape: Shape = FLAT, *, text: bool = False) -> Document:
    sent = raw.encode() if isinstance(raw, str) else raw
    document = Document(TextIndex(sent) if text else JsonIndex(sent), "" if text else "json")
    deque(document.read(shape), maxlen=0)
    return document


def joined(pieces: Line) -> str:
    return "".join(piece for piece, _ in pieces)


def rows(document: Document) -> list[str]:
    return [joined(document.line(row)) for row in range(document.count)]


ISSUE = json.dumps({"issue": {"id": 42, "labels": ["web", "q4", {"a": []}]}, "ok": True})


class TestFolding:
    def test_what_is_folded_says_how_much_it_hides(self) -> None:
        document = laid_out(ISSUE)
        assert document.fold(3) == 3
        assert rows(document) == [
            "{", '  "issue": {', '    "id": 42,', '    "labels": [ 3 items ]', "  },",
            '  "ok": true', "}",
        ]  # fmt: skip
        assert joined(document.margin(4)).split() == ["11"]
        assert joined(document.margin(3)).split() == ["4", "▸"]

    def test_it_folds_from_the_line_that_closes_too(self) -> None:
        document = laid_out(ISSUE)
        closing = rows(document).index("  },")
        assert document.fold(closing) == 1
        assert rows(document)[1] == '  "issue": { 2 items },'

    def test_what_was_folded_within_stays_folded(self) -> None:
        document = laid_out(ISSUE)
        document.fold(3)
        document.fold(1)
        document.fold(1)
        assert '    "labels": [ 3 items ]' in rows(document)

    def test_it_folds_and_unfolds_by_levels(self) -> None:
        document = laid_out(ISSUE)
        everything = rows(document)
        assert document.fold_level(3, -1) == 3
        assert "      { 1 item }" in rows(document)
        assert document.fold_level(3, -1) == 3
        assert document.fold_level(3, -1) == 1
        assert rows(document) == ["{", '  "issue": { 2 items },', '  "ok": true', "}"]
        document.fold_level(1, 1)
        assert '    "labels": [ 3 items ]' in rows(document)
        document.fold_level(0, None)
        assert rows(document) == everything
        document.fold_level(0, 0)
        assert len(rows(document)) == 4

    @given(documents, st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=12))
    def test_whatever_was_folded_unfolds_to_all_of_it(
        self, value: object, steps: list[tuple[bool, int]]
    ) -> None:
        """Rows and lines agree all the time; the rows that are left are some of all rows."""
        document = laid_out(json.dumps(value), Shape(30, wrap=True))
        everything = rows(document)
        for by_level, number in steps:
            row = number % document.count
            if by_level:
                row = document.fold_level(row, (-1, 1, 0, None)[number % 4])
            else:
                row = document.fold(row)
            assert 0 <= row < document.count
            numbers = [document.margin(each) for each in range(document.count)]
            shown = [int(joined(each).split()[0]) for each in numbers if joined(each).strip(" ▾▸")]
            assert shown == sorted(set(shown))
        document.fold_level(0, None)
        assert rows(document) == everything

    @given(documents, st.integers(0, 40))
    def test_a_search_unfolds_what_it_finds(self, value: object, level: int) -> None:
        document = laid_out(json.dumps(value), Shape(30, wrap=True))
        for _ in range(level % 5):
            document.fold_level(0, -1)
        query = Query(":")
        for place in [place for places in document.find(query) for place in places]:
            row, start = document.show(place)
            assert document.text(row)[start] == ":"
            assert start in [begin for begin, _ in document.spans(row, query)]

    def test_a_row_goes_up_to_what_it_stands_in(self) -> None:
        document = laid_out(ISSUE)
        inner = rows(document).index('      "q4",')
        assert document.above(inner) == rows(document).index('    "labels": [')
        assert document.above(0) == 0


class TestWrapping:
    @given(st.text(), st.integers(12, 60))
    def test_no_character_is_lost_and_no_row_is_too_wide(self, text: str, width: int) -> None:
        document = laid_out(text.encode("utf-8", "replace"), Shape(width, wrap=True), text=True)
        lines: list[str] = []
        for row in range(document.count):
            shown = document.text(row)
            if document.continues(row):
                lines[-1] += shown[2:]  # less the indentation of what goes on
            else:
                lines.append(shown)
            margin = sum(map(len, (piece for piece, _ in document.margin(row))))
            room = max(8, width - margin - 1)
            assert len(shown) == 1 or cell_width(visible(shown)) <= max(room, 12) + 1
        sent = text.encode("utf-8", "replace").decode()
        wanted = [line.rstrip("\r") for line in sent.removesuffix("\n").split("\n")]
        assert lines == wanted

    def test_an_endless_line_takes_rows_even_unwrapped(self) -> None:
        document = laid_out("x" * 4_500, text=True)
        assert [len(row) for row in rows(document)] == [2_000, 2_002, 502]

    def test_a_wrapped_value_hangs_below_its_name(self) -> None:
        document = laid_out(json.dumps({"a": "word " * 20}), Shape(40, wrap=True))
        assert rows(document)[1].startswith('  "a": "word word')
        assert rows(document)[2].startswith("    word word")
        assert document.path(2) == "$.a"


class TestMistakes:
    def wrong(self, raw: bytes, shape: Shape) -> list[str]:
        index = JsonIndex(raw)
        deque(index.read(), maxlen=0)
        text = TextIndex(raw)
        text.problem = index.problem
        document = Document(text, "json")
        deque(document.read(shape), maxlen=0)
        return rows(document)

    def test_the_place_is_marked_below_its_line(self) -> None:
        shown = self.wrong(b'{\n  "a": 1\n  "b": 2\n}', FLAT)
        assert shown[2:4] == ['  "b": 2', "  ▲ line 3, column 3: A comma is missing before this."]

    def test_it_is_marked_in_a_line_that_is_long(self) -> None:
        sent = json.dumps({"a": ["word " * 40, 1]}).replace(", 1", " 1").encode()
        shown = self.wrong(sent, Shape(60, wrap=False))
        mark = next(row for row in shown if "▲" in row)
        assert shown[shown.index(mark) - 1][mark.index("▲")] == "1"


class TestSearch:
    def found(self, raw: str, text: str) -> list[str]:
        document = laid_out(raw)
        query = Query(text)
        places = [place for places in document.find(query) for place in places]
        lines = []
        for place in places:
            row, start = document.show(place)
            spans = document.spans(row, query)
            assert start in [begin for begin, _ in spans]
            lines.append(document.text(row).strip())
        return lines

    def test_small_letters_find_capitals(self) -> None:
        assert self.found('["Größe", "GRÖSSE", "größe"]', "größe") == ['"Größe",', '"größe"']
        assert self.found('["Web", "web"]', "web") == ['"Web",', '"web"']
        assert self.found('["Web", "web"]', "Web") == ['"Web",']

    def test_a_letter_is_found_as_an_escape(self) -> None:
        assert self.found(json.dumps(["Größe 🎉"]), "größe 🎉") == [json.dumps("Größe 🎉")]

    def test_white_space_between_tokens_is_no_matter(self) -> None:
        for sent in ('{"id":42}', '{"id" : 42}', '{\n"id":\n42}'):
            for asked in ('"id": 42', '"id":42'):
                if sent == '{"id" : 42}':
                    continue  # as the sender wrote it, there is more between the two
                assert self.found(sent, asked) == ['"id": 42']

    def test_signs_of_patterns_are_text(self) -> None:
        assert self.found('["a.b", "axb", "(["]', "a.b") == ['"a.b",']
        assert self.found('["a.b", "axb", "(["]', "([") == ['"(["']


@pytest.mark.parametrize("value", [{"a": [1, {"b c": None}]}])
def test_a_row_knows_its_path_and_its_value(value: Any) -> None:
    document = laid_out(json.dumps(value, indent=3))
    row = rows(document).index('      "b c": null')
    assert document.path(row) == '$.a[1]["b c"]'
    assert document.value(row) == b"null"
    assert json.loads(document.value(0)) == value
