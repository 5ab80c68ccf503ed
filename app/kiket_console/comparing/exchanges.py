"""The difference between two exchanges: how each ended and how fast, headers and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.carried import readable
from kiket_console.comparing.bodies import BodyDifference, compare_bodies
from kiket_console.comparing.headers import HeaderChange, compare_headers
from kiket_console.comparing.structure import Kind
from kiket_console.model import Message
from kiket_console.text import duration, plural

if TYPE_CHECKING:
    from kiket_console.comparing.bodies import Manner
    from kiket_console.model import Detail, Exchange

SLOW_US: Final = 100_000
TIMES_SLOWER: Final = 2
"""A duration is a finding when it is longer than `SLOW_US` and so many times the other."""
FACTS: Final = ("worker", "name", "version", "method", "path")


class Side(Struct, frozen=True):
    """What one message of two exchanges differs in."""

    headers: tuple[HeaderChange, ...]
    """All headers, those that are the same too."""
    body: BodyDifference
    noise: bool
    """Whether headers that differ each time count."""

    @property
    def header_changes(self) -> list[HeaderChange]:
        """The headers that differ and count."""
        return [
            each
            for each in self.headers
            if each.kind is not Kind.SAME and (self.noise or not each.volatile)
        ]

    @property
    def ignored(self) -> list[HeaderChange]:
        """The headers that differ and do not count."""
        return [
            each
            for each in self.headers
            if each.kind is not Kind.SAME and each.volatile and not self.noise
        ]

    @property
    def count(self) -> int:
        """How many differences there are."""
        return len(self.header_changes) + self.body.count


class Comparison(Struct, frozen=True):
    """What differs between two exchanges."""

    before: Exchange
    after: Exchange
    request: Side
    response: Side

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What the two were, where that differs: a fact's name, and how it was on each side."""
        pairs = [(name, getattr(self.before, name), getattr(self.after, name)) for name in FACTS]
        return [(name, one, two) for name, one, two in pairs if one != two]

    @property
    def same_ending(self) -> bool:
        """Whether both ended with the same status, or in the same state without one."""
        return _ending(self.before) == _ending(self.after)

    @property
    def same(self) -> bool:
        """Whether nothing that counts differs; how long they took does not."""
        return (
            self.same_ending
            and not self.facts
            and not self.request.count
            and not self.response.count
        )

    @property
    def slower(self) -> bool:
        """Whether the second took so much longer that it is a finding."""
        one, two = self.before.duration_us, self.after.duration_us
        return one is not None and two is not None and two > SLOW_US and two >= TIMES_SLOWER * one

    @property
    def verdict(self) -> str:
        """All of it in one sentence: `Same response, the request differs in 1 field, ….`."""
        said = [*self._response_words(), *self._request_words()]
        pace = self._pace()
        sentence = ", ".join([*said, pace] if pace else said)
        return f"{sentence[0].upper()}{sentence[1:]}."

    def _response_words(self) -> list[str]:
        said: list[str] = []
        if not self.same_ending:
            said.append(f"{_ending(self.before)} became {_ending(self.after)}")
        if self.response.count:
            said.append(_counted(self.response, "response"))
        if not said:
            no_request = not self.request.count and not self.facts
            return ["same request and same response" if no_request else "same response"]
        return said

    def _request_words(self) -> list[str]:
        said = [f"another {name}" for name, _, _ in self.facts if name != "path"]
        if not said and self.facts:
            said.append("another path")
        if self.request.count:
            said.append(_counted(self.request, "request"))
        if not said and (self.response.count or not self.same_ending):
            return ["same request"]
        return said

    def _pace(self) -> str:
        one, two = self.before.duration_us, self.after.duration_us
        if one is None or two is None or abs(two - one) < 50:
            return ""
        word = "slower" if two > one else "faster"
        times = f" ({two / one:.1f} times)" if self.slower and one else ""
        return f"{duration(abs(two - one))} {word}{times}"


def compare_exchanges(before: Detail, after: Detail, manner: Manner) -> Comparison:
    """Return what differs; raises `JsonPathError` as `Manner.check` does."""
    before, after = readable(before), readable(after)
    return Comparison(
        before.exchange,
        after.exchange,
        _side(before.request, after.request, manner),
        _side(_answer(before), _answer(after), manner),
    )


def _side(before: Message, after: Message, manner: Manner) -> Side:
    return Side(
        tuple(compare_headers(before.headers, after.headers)),
        compare_bodies(before.body, after.body, manner),
        manner.noise,
    )


def _answer(detail: Detail) -> Message:
    """Return the last answer, an empty one when none came."""
    last = detail.attempts[-1].answer if detail.attempts else None
    return last if last is not None else Message()


def _ending(exchange: Exchange) -> str:
    return str(exchange.state.value if exchange.status is None else exchange.status)


def _counted(side: Side, whose: str) -> str:
    """Say how much differs: `2 fields and 1 header of the response differ`."""
    noun = "field" if side.body.form == "json" else "place"
    parts: list[str] = []
    if side.body.count:
        parts.append(plural(side.body.count, noun))
    if side.header_changes:
        parts.append(plural(len(side.header_changes), "header"))
    return f"{' and '.join(parts)} of the {whose} differ{'s' if side.count == 1 else ''}"
