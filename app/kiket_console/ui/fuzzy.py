"""Find what a few typed letters mean: a beginning, a piece, or letters in their order."""

from __future__ import annotations

from msgspec import Struct

_BEGINNING, _WORD, _PIECE, _LETTERS = 0, 1, 2, 3
"""How well a word fits, the best first."""


class Fit(Struct, frozen=True):
    """How a text fits what was typed: less is better, and which of its characters do."""

    rank: tuple[int, int]
    positions: frozenset[int]

    @property
    def scattered(self) -> bool:
        """Whether letters in their order are all that was found."""
        return self.rank[0] == _LETTERS


def fit(typed: str, text: str) -> Fit | None:
    """Return how *text* fits the words of *typed*; None when one of them is not in it at all."""
    lowered = text.lower()
    worst, first = _BEGINNING, len(text)
    positions: set[int] = set()
    for word in typed.lower().split():
        found = _find(word, lowered)
        if found is None:
            return None
        rank, places = found
        worst, first = max(worst, rank), min(first, places[0])
        positions.update(places)
    return Fit((worst, first if positions else 0), frozenset(positions))


def _find(word: str, text: str) -> tuple[int, list[int]] | None:
    if text.startswith(word):
        return _BEGINNING, list(range(len(word)))
    place = text.find(word)
    inside = place
    while place > 0 and text[place - 1].isalnum():
        place = text.find(word, place + 1)
    if place > 0:
        return _WORD, list(range(place, place + len(word)))
    if inside >= 0:
        return _PIECE, list(range(inside, inside + len(word)))
    return _letters(word, text)


def _letters(word: str, text: str) -> tuple[int, list[int]] | None:
    """Find the letters in their order, the first of them at the beginning of a word."""
    starts = [n for n, sign in enumerate(text) if sign == word[0] and _begins(text, n)]
    for start in starts:
        places = [start]
        for sign in word[1:]:
            place = text.find(sign, places[-1] + 1)
            if place < 0:
                break
            places.append(place)
        else:
            return _LETTERS, places
    return None


def _begins(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isalnum()
