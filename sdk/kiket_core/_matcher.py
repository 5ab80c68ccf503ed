"""Find many patterns in one text, at a cost that hardly depends on how many there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_core._spellings import SHORTEST_SUBSTRING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Wherever a pattern of n characters stands there is a whole group of 5 that starts at a multiple of
# n - 4. So looking up every (n - 4)th group finds every pattern of n characters or more.
_GROUP: Final = 5
_LONGEST_STRIDE: Final = 32

_TOKEN_START: Final = re.compile(r"(?<!\w)(?=\S)")
_TOKEN_END: Final = re.compile(r"(?!\w)")


class Span(NamedTuple):
    """One place where a pattern stands: `text[start:end]`, and whose pattern it is."""

    start: int
    end: int
    name: str


class Matcher:
    """Match patterns of 8 characters and more anywhere, shorter ones as whole tokens.

    Immutable once built, so that any thread may use it without a lock.
    """

    __slots__ = (
        "_groups",
        "_names",
        "_probes",
        "_stride",
        "_token_lengths",
        "_tokens_known",
        "shortest",
    )

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take pattern → name."""
        probes: dict[str, set[tuple[int, int]]] = {}
        tokens = [pattern for pattern in names if len(pattern) < SHORTEST_SUBSTRING]
        longer = [pattern for pattern in names if len(pattern) >= SHORTEST_SUBSTRING]
        shortest = min(map(len, longer), default=SHORTEST_SUBSTRING)
        stride = min(shortest - _GROUP + 1, _LONGEST_STRIDE)
        for pattern in longer:
            for offset in range(stride):
                group = pattern[offset : offset + _GROUP]
                probes.setdefault(group, set()).add((offset, len(pattern)))
        self.shortest: Final = min(map(len, names), default=0)
        """No text that has fewer characters holds a pattern."""
        self._names = dict(names)
        self._probes = probes
        self._groups = frozenset(map(tuple, probes))
        self._stride = stride
        self._tokens_known = tokens
        self._token_lengths = sorted(set(map(len, tokens)), reverse=True)

    def spans(self, text: str) -> list[Span]:
        """List every place of every pattern, overlapping ones too, by start, longest first."""
        stride = self._stride
        groups_of_text = zip(  # each of `_GROUP` characters; the slices are made in one go
            text[::stride],
            text[1::stride],
            text[2::stride],
            text[3::stride],
            text[4::stride],
            strict=False,
        )
        found: list[Span] = []
        if not self._groups.isdisjoint(groups_of_text):  # hardly ever, and looking is fast
            found = self._substrings(text)
        if self._tokens_known and any(token in text for token in self._tokens_known):
            found += self._tokens(text)
        if len(found) > 1:
            found.sort(key=lambda span: (span.start, -span.end))
        return found

    def _substrings(self, text: str) -> list[Span]:
        probes, names = self._probes, self._names
        groups = range(0, len(text) - _GROUP + 1, self._stride)
        found = []
        for at in [at for at in groups if text[at : at + _GROUP] in probes]:
            for offset, length in probes[text[at : at + _GROUP]]:
                start, end = at - offset, at - offset + length
                if start < 0 or end > len(text):  # a cut slice could equal a shorter pattern
                    continue
                name = names.get(text[start:end])
                if name is not None:
                    found.append(Span(start, end, name))
        return found

    def _tokens(self, text: str) -> list[Span]:
        found = []
        for token in _TOKEN_START.finditer(text):
            start = token.start()
            for length in self._token_lengths:
                end = start + length
                name = self._names.get(text[start:end]) if end <= len(text) else None
                if name is not None and _TOKEN_END.match(text, end):
                    found.append(Span(start, end, name))
        return found
