"""Filters of log lines, as the filter bar wants them; nothing is imported before one is typed."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.ui.filtering import WithGrammar
from kiket_console.ui.scan import Question, Sieve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.ui.filtering import Grammar
    from kiket_console.ui.pages import Reader

MOST_VALUES = 30
_WORD = re.compile(r"[^\s()]*$")
_OF_WORKER = re.compile(r'worker:(?:"((?:[^"\\]|\\.)*)"|([\w./@+-]+))')
_STDERR = "stream:stderr"
_SEEN = {"worker": "worker", "ext": "worker", "logger": "logger"}


class Offer(Struct, frozen=True):
    """A text that may take the place of what is typed from `start` up to `end`."""

    text: str
    start: int
    end: int
    note: str


class LogFilters(WithGrammar["LogFilter"]):
    """The language of `kiket_console.filters.log_lines`, with the project's saved filters."""

    history = "log-filters"
    example = "any text   level:>=warn   worker:marketing   since:15m   -stream:stdout"

    @property
    def _grammar(self) -> Grammar[LogFilter]:
        from kiket_console.filters import log_lines

        return log_lines

    def completions(self, text: str, cursor: int, reader: Reader) -> Sequence[Offer]:
        """Return what may be typed at the *cursor*: fields, then values seen so far."""
        from kiket_console.filters import log_lines

        found = _WORD.search(text[:cursor])
        typed = found[0] if found else ""
        bare = typed.lstrip("-!")
        start = cursor - len(bare)
        name, colon, value = bare.partition(":")
        field = next((each for each in log_lines.FIELDS if each.name == name.lower()), None)
        if not colon:
            return [
                Offer(f"{each.name}:", start, cursor, each.says)
                for each in log_lines.FIELDS
                if each.name.startswith(bare.lower())
            ]
        if field is None:
            return []
        begin = cursor - len(value.rpartition(",")[2])
        wanted = text[begin:cursor].lower()
        if column := _SEEN.get(field.name):
            seen = reader.log_values(column, MOST_VALUES)
            offers = [(log_lines.quoted(each), f"{count:,}") for each, count in seen]
        elif field.is_seen:  # of the exchange that a line belongs to
            seen = reader.values_of(field.name, wanted, MOST_VALUES)
            offers = [(log_lines.quoted(each), f"{count:,}") for each, count in seen]
        else:
            offers = [(word, "") for word in field.words]
        return [
            Offer(word, begin, cursor, note)
            for word, note in offers
            if word.lower().startswith(wanted) and word.lower() != wanted
        ]

    def sieve(self, wanted: LogFilter, reader: Reader) -> Sieve:
        """Return how to find the lines that match."""
        return Sieve(
            newest=lambda: reader.newest()[2],
            oldest=reader.oldest_log,
            matches=Question(partial(reader.matching_logs, wanted)),
            failing=Question(partial(reader.matching_logs, self.errors())),
        )

    def errors(self, also: str = "") -> LogFilter:
        """Return the filter of errors, of those that match *also*."""
        return self.parse(f"is:error ({also})" if also else "is:error")

    def of_worker(self, name: str) -> LogFilter:
        """Return the filter of what one worker logged."""
        from kiket_console.filters import log_lines

        return self.parse(f"worker:{log_lines.quoted(name)}")

    def with_stderr(self, text: str) -> str:
        """Return a filter narrowed to standard error; of one that is, what it was before."""
        if text == _STDERR:
            return ""
        if text.endswith(f" {_STDERR}"):
            before = text.removesuffix(f" {_STDERR}")
            return before[1:-1] if before.startswith("(") and before.endswith(")") else before
        if re.search(r"\bOR\b|\|", text):
            text = f"({text})"
        return f"{text} {_STDERR}".lstrip()

    def worker_of(self, text: str) -> str | None:
        """Return whose lines a filter of `of_worker` lets through; None for any other filter."""
        found = _OF_WORKER.fullmatch(text)
        if found is None:
            return None
        return found[2] if found[1] is None else re.sub(r"\\(.)", r"\1", found[1])
