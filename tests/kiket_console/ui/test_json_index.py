"""JSON is laid out by one pass over its bytes: as `json` reads it, with each token as sent."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiket_console import json_path
from kiket_console.ui.paint import json_index
from kiket_console.ui.paint.json_index import DEEPEST, JsonIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.json_path import Place

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
documents = st.lists(values) | st.dictionaries(st.text(), values)
few = st.lists(scalars, max_size=3)
short = few | st.dictionaries(st.text(), few, max_size=3)
almost = st.lists(
    st.sampled_from(
        [*'{}[],:"', '"a"', '"b":', "1", "-", "0", "1.5", "1.", "true", "nul", " ", "\n", "[]",
         "{}", r'"\u12"', r'"\n"', '"x', "null", "é", "'a'"],
    ),
    max_size=9,
).map("".join)  # fmt: skip


def read(raw: bytes | str, **options: bool) -> JsonIndex:
    index = JsonIndex(raw.encode() if isinstance(raw, str) else raw, **options)
    deque(index.read(), maxlen=0)
    return index


def lines(index: JsonIndex) -> list[str]:
    return ["  " * index.depth(line) + index.text(line) for line in range(index.count)]


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield each value of a document in the order in which it is written, with its place."""
    yield at, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*at, number))


@given(documents, st.sampled_from([None, 1, 7]), st.booleans())
def test_laying_out_changes_white_space_alone(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    sent = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    index = read(sent)
    assert index.problem is None
    assert index.complete
    assert json.loads("\n".join(lines(index))) == value
    assert lines(index) == lines(read(json.dumps(value, ensure_ascii=ascii_only)))


@given(documents)
def test_each_line_has_the_path_of_its_value_and_what_opens_is_closed_and_counted(
    value: object,
) -> None:
    index = read(json.dumps(value))
    opening = [line for line in range(index.count) if index.opened_by(line) == line]
    assert [index.place(line) for line in opening] == [place for place, _ in places(value)]
    for line in range(index.count):
        found = json_path.get(value, index.place(line))
        assert json.loads(index.value(line)) == found
        closes = index.closes(line)
        assert index.depth(closes) == index.depth(line)
        if closes != line:
            assert index.opened_by(closes) == line
            assert index.items(line) == len(found) > 0


@example('{"a": 1,}')
@example('["a" "b"]')
@example("[01]")
@example('{"a" 1}')
@example("[1]]")
@given(almost)
def test_json_is_what_python_takes_for_json(text: str) -> None:
    """Whatever is wrong is found, at a place within the text and with a sentence."""
    try:
        json.loads(text)
    except ValueError:
        problem = read(text).problem
        assert problem is not None
        assert 0 <= problem.offset <= len(text.encode())
        assert problem.sentence.endswith(".")
        assert problem.line == text.encode()[: problem.offset].count(b"\n") + 1
    else:
        assert read(text).problem is None


@given(documents, st.data())
def test_the_same_is_found_whatever_is_read_in_one_step(value: object, data: st.DataObject) -> None:
    """A step may end anywhere: what is known of the lines before it is all that it takes."""
    sent = json.dumps(value)
    at = data.draw(st.integers(0, len(sent)))
    added = data.draw(st.sampled_from(["", ",", "}", "]", "1", '"']))
    sent = sent[:at] + added + sent[at:]
    whole = read(sent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_index, "STEP_LINES", data.draw(st.integers(1, 5)))
        stepped = read(sent)
    assert (stepped.problem, stepped.codes, stepped.starts) == (
        whole.problem,
        whole.codes,
        whole.starts,
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, "A comma is missing before this."),
        ('{"a": [1, 2,]}', 1, 12, "Nothing follows this comma; it is one too many."),
        ('{"a": 1}\n{"b": 2}', 2, 1, "Nothing may follow here, after the end of the document."),
        ('{"a": }', 1, 7, "A value is missing after the colon."),
        ('{"a"}', 1, 2, "A colon and a value are missing after this name."),
        ("{1: 2}", 1, 2, "A name in double quotes is missing before this value."),
        ("{a: 2}", 1, 2, "The name a has to stand in double quotes."),
        ('["a": 2]', 1, 2, "A name belongs into an object; an array has none."),
        ("{'a': 2}", 1, 2, "Names and texts take double quotes, not single ones."),
        ('{"a": None}', 1, 7, "None is not JSON; it is written null."),
        ('{"a": 1} // said so', 1, 10, "JSON has no comments."),
        ('{"ä": "x', 1, 7, "The text that begins here has no closing quote."),
        ('["a\\x"]', 1, 4, "JSON knows no escape \\x."),
        ('["a\x01"]', 1, 4, "The character 0x01 has to be escaped within a text."),
        ('{"a": [1, 2}', 1, 12, "} stands where ] has to close the [."),
        ('{"a": 1}}', 1, 9, "Nothing is open that } could close."),
        ("[\n  1,\n  [2\n", 4, 1, "It ends too early: the [ of line 3 is never closed."),
        ("[007]", 1, 2, "A number does not begin with 0."),
        ("[1, ,2]", 1, 5, "A value is missing before this comma."),
        ("", 1, 1, "There is nothing here."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    text: str, line: int, column: int, sentence: str
) -> None:
    problem = read(text).problem
    assert problem is not None
    assert (problem.line, problem.column, problem.sentence) == (line, column, sentence)


def test_tokens_stay_as_they_were_sent() -> None:
    assert lines(read(r'{"price":1.10,"price" : 1E+2,"name":"\u00e9\/", "e": [ ], "o":{ }}')) == [
        "{", '  "price": 1.10,', '  "price": 1E+2,', r'  "name": "\u00e9\/",', '  "e": [],',
        '  "o": {}', "}",
    ]  # fmt: skip


@given(documents, st.data())
def test_what_was_cut_off_is_laid_out_as_far_as_it_came(value: object, data: st.DataObject) -> None:
    sent = json.dumps(value)
    kept = sent[: data.draw(st.integers(0, len(sent)))]
    index = read(kept, cut_off=True)
    assert index.problem is None
    shown = "".join(index.text(line) for line in range(index.count))
    assert "".join(shown.split()) == "".join(kept.split())


@given(st.lists(short, min_size=1, max_size=4))
def test_several_documents_are_laid_out_one_below_the_other(several: list[object]) -> None:
    index = read("\n".join(map(json.dumps, several)), several=True)
    assert index.problem is None
    roots = [line for line in range(index.count) if index.place(line) == ()]
    assert [json.loads(index.value(line)) for line in roots if index.opened_by(line) == line] == (
        several
    )


def test_nesting_beyond_all_measure_is_left_as_it_is() -> None:
    assert read("[" * DEEPEST + "]" * DEEPEST).problem is None
    index = read("[" * (DEEPEST + 1) + "1" + "]" * (DEEPEST + 1))
    assert index.too_deep
    assert index.problem is not None
    assert index.problem.sentence == f"It is nested more than {DEEPEST} levels deep."


def test_bytes_that_are_no_utf8_do_not_stop_it() -> None:
    assert lines(read(b'{"a\xff": "\xfe"}'))[1] == r'  "a\xff": "\xfe"'


def test_where_a_secret_is_a_number_its_reference_is_a_value() -> None:
    index = read(
        '{"port": [secret:PORT], "all": [1, [secret:B-2] ], "seed": [[secret:C]], "n": [ ]}'
    )
    assert index.problem is None
    assert lines(index) == [
        "{",
        '  "port": [secret:PORT],',
        '  "all": [', "    1,", "    [secret:B-2]", "  ],",
        '  "seed": [', "    [secret:C]", "  ],",
        '  "n": []',
        "}",
    ]  # fmt: skip
    assert index.value(1) == b"[secret:PORT]"
    assert index.place(4) == ("all", 1)


@pytest.mark.parametrize("text", ["[secret]", "[secret:]", "[secret:a b]", "[ secret:a]"])
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    assert read(text).problem is not None
