"""Headers as a person edits them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.sending import head
from kiket_console.sending.head import HeaderError

names = st.text("abcXYZ019-_", min_size=1, max_size=12)
texts = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).filter(lambda text: not any(0x7F <= ord(sign) < 0xA0 for sign in text))


@given(st.lists(st.tuples(names, texts.map(lambda text: text.strip(" \t"))), max_size=8))
def test_what_is_written_is_read_again(headers: list[tuple[str, str]]) -> None:
    assert head.read(head.write(tuple(headers))) == tuple(headers)


def test_what_is_made_anew_is_not_edited() -> None:
    sent = (
        ("Host", "localhost"),
        ("X-Kiket-Event", "issue.created"),
        ("X-Kiket-Signature", "00"),
        ("webhook-id", "1"),
        ("content-length", "2"),
        ("x-mine", "1"),
    )

    assert head.editable(sent) == (("x-mine", "1"),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\n\nb", 2, "Line 3 of the headers has no colon."),
        ("a b: 1", 0, "'a b' is not a header's name; use letters, digits and - only."),
        (
            "a: 1\nb: \u20ac",
            1,
            "The value of b has characters that HTTP cannot carry; use Latin-1.",
        ),
        ("a: 1\rb: 2", 0, "The value of a has a line break, which would begin another header."),
        ("a: \x00", 0, "The value of a has characters that HTTP cannot carry; use Latin-1."),
    ],
)
def test_what_http_cannot_carry_is_said_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(HeaderError) as refused:
        head.read(text)

    assert (refused.value.line, refused.value.message) == (line, message)


def test_too_many_are_refused() -> None:
    with pytest.raises(HeaderError, match="101 headers of 1,111 bytes are too many"):
        head.read("\n".join(f"a{number:03}: {number:03}" for number in range(101)))


def test_a_change_stands_in_place_of_what_has_its_name() -> None:
    merged = head.merged((("X-A", "1"), ("x-b", "2"), ("x-a", "3")), (("x-a", "4"),))

    assert merged == (("x-b", "2"), ("x-a", "4"))
