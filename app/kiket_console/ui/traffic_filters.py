"""Filters of exchanges, as the filter bar wants them; nothing is imported before one is typed."""

from __future__ import annotations

import re
from array import array
from functools import partial
from typing import TYPE_CHECKING

from kiket_console.ui.filtering import WithGrammar
from kiket_console.ui.listed import snapshot
from kiket_console.ui.scan import Question, Sieve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.filters import Completion, Filter
    from kiket_console.model import Exchange
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.filtering import Grammar
    from kiket_console.ui.listed import Snapshot
    from kiket_console.ui.pages import Reader

MARKED = "is:marked"
_OF_LIST = re.compile(r"@(?:focus|shown|hidden)\b")


class TrafficFilters(WithGrammar["Filter"]):
    """The language of `kiket_console.filters`, with the filters saved for the project *folder*."""

    listed: Snapshot | None = None
    """What the list showed before it was narrowed as it is now."""
    history = "filters"
    example = "any text   event:issue.*   status:>=500   $.issue.key=KIK-42   -is:replayed"

    @property
    def _grammar(self) -> Grammar[Filter]:
        from kiket_console import filters

        return filters

    def look_at(self, feed: Feed[Exchange], text: str) -> None:
        """Remember what a list shows, unless *text*, which narrows it, asks for what it showed."""
        if self.listed is None or not _OF_LIST.search(text):
            self.listed = snapshot(feed)

    def parse(self, text: str) -> Filter:
        """Return what *text* means; raises `FilterError`."""
        from kiket_console import filters

        saved = self.saved() if "@" in text else None
        return filters.parse(text, saved=saved, listed=self.listed)

    def completions(self, text: str, cursor: int, reader: Reader) -> Sequence[Completion]:
        """Return what may be typed at the *cursor*: fields, then values seen so far."""
        from kiket_console import filters

        saved = self.saved() if "@" in text else None
        return filters.completions(text, cursor, reader, saved, in_list=True)

    def sieve(self, wanted: Filter, reader: Reader) -> Sieve:
        """Return how to find the exchanges that match."""
        return Sieve(
            newest=lambda: reader.newest()[0],
            oldest=reader.oldest,
            matches=_asked(wanted, reader),
            failing=self.failing(reader),
            pending=_asked(self.parse("is:pending"), reader),
        )

    def failing(self, reader: Reader) -> Question:
        """Return how to find the exchanges that a person should look at."""
        return _asked(self.parse("is:error"), reader)


def toggled_marks(text: str) -> str:
    """Return the filter *text* for marked exchanges only, or for others too when it is that."""
    if text == MARKED:
        return ""
    inner = text[len(MARKED) + 2 : -1]
    if text == f"{MARKED} ({inner})" and _is_whole(inner):
        return inner
    return f"{MARKED} ({text})" if text else MARKED


def _is_whole(text: str) -> bool:
    """Whether a text is a filter; what stands between two groups, as in `a) OR (b`, is none."""
    from kiket_console.filters import FilterError, grammar

    try:
        grammar.parse(text)
    except FilterError:
        return False
    return True


def _asked(wanted: Filter, reader: Reader) -> Question:
    return Question(partial(reader.matching, wanted), partial(_among, wanted, reader))


def _among(wanted: Filter, reader: Reader, ids: Sequence[int]) -> array[int]:
    return reader.matching_among(wanted, ids) if ids else array("q")
