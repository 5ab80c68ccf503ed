"""A value in parts is the value again, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine.secrets import chunks

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(TEXTS, st.integers(2, 40))
def test_parts_make_up_the_value_and_each_fits(value: str, units: int) -> None:
    parted = chunks.split(value, units)
    if parted is None:
        assert len(value.encode("utf-16-le")) <= units * 2
        return
    head, parts = parted
    assert all(len(part.encode("utf-16-le")) <= units * 2 for part in parts)
    assert chunks.head_of(str(head)) == head
    assert len(set(head.places("key/NAME"))) == len(parts)
    assert chunks.joined(head, parts) == value


def test_a_value_that_is_not_whole_is_none() -> None:
    parted = chunks.split("a long secret value", 4)
    assert parted is not None
    head, parts = parted
    for broken in (parts[:-1], (None, *parts[1:]), (*parts[1:], parts[0]), (*parts, "x")):
        assert chunks.joined(head, broken) is None


@pytest.mark.parametrize("value", ["v", "kiket-console", "kiket-console:parts", "😀" * 600])
def test_what_fits_is_kept_as_it_is(value: str) -> None:
    assert chunks.split(value, chunks.WINDOWS_UNITS) is None
    assert chunks.split(value, None) is None
    assert chunks.head_of(value) is None


def test_a_value_that_looks_like_a_head_is_never_taken_for_one() -> None:
    value = f"kiket-console:parts:1:{'0' * 64}"
    parted = chunks.split(value, None)
    assert parted is not None
    head, parts = parted
    assert chunks.joined(head, parts) == value
    assert chunks.head_of(None) is None
