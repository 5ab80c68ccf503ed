"""What can be typed, for whoever explains the language."""

from __future__ import annotations

from typing import Final, NamedTuple

from kiket_console.filters.fields import FIELDS


class Line(NamedTuple):
    """Something that can be typed, and what it does."""

    typed: str
    says: str


BASICS: Final = (
    Line("issue.created", "that text anywhere: name, path, headers, bodies, errors, logs, note"),
    Line('"out of stock"', "a phrase"),
    Line("/timeout after \\d+/i", "a regular expression anywhere"),
    Line("event:issue.*", "a field; * stands for anything"),
    Line("sig:bad,stale", "one of several values"),
    Line("status>=500  dur:1s..5s", "comparisons and ranges"),
    Line("path~^/v[12]/", "a field by regular expression; = is exact, != and !~ the opposite"),
    Line("$.issue.points>=5", "a value in the request's JSON; resp$ in the answer's"),
    Line("h.x-request-id:req_7*", "a header; reqh. and resph. for one side"),
    Line("-is:replayed  NOT x  !x", "the opposite, missing values included"),
    Line("a b OR c", "a and b, or c; brackets group"),
    Line("@name", "a saved filter; @marked, @unmarked, @all"),
)
"""The language, by example."""


def lines() -> list[Line]:
    """Return the language by example, then each field with an example and what it compares."""
    return [*BASICS, *(Line(field.example, field.says) for field in FIELDS)]
