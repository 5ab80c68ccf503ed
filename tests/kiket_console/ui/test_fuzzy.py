"""Typed letters find what begins with them, then words, pieces, and letters in their order."""

from __future__ import annotations

import pytest

from kiket_console.ui.fuzzy import fit


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("rep", "replay", "rep"), ("fail", "next failing", "fail"), ("lay", "replay", "lay"),
        ("nf", "next failing", "nf"), ("issue cr", "issue.created v1", "issuecr"), ("", "x", ""),
        ("FAIL", "next failing", "fail"),
    ],
)  # fmt: skip
def test_what_fits_is_marked(typed: str, text: str, marked: str) -> None:
    found = fit(typed, text)
    assert found is not None
    assert "".join(text[at] for at in sorted(found.positions)) == marked


@pytest.mark.parametrize(
    ("typed", "text"), [("x", "replay"), ("replay x", "replay"), ("yr", "replay")]
)
def test_what_does_not_fit_is_not_found(typed: str, text: str) -> None:
    assert fit(typed, text) is None


def test_better_fits_come_first() -> None:
    texts = ["undo replay", "reveal prompts", "replay", "a prep"]
    found = sorted((fit("rep", text).rank, text) for text in texts)  # type: ignore[union-attr]  # all fit
    assert [text for _, text in found] == ["replay", "undo replay", "a prep", "reveal prompts"]
