"""What every test is: a condition of SQL, and the same as a predicate."""

from __future__ import annotations

import time
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kiket_console.model import Detail, LogLine, Message


class Cost(IntEnum):
    """How much it takes to know one test's answer; cheap tests are asked first."""

    ROW = 0
    """The exchange's own row."""
    LOOKUP = 1
    """A look at another row."""
    HEADERS = 2
    LOGS = 3
    BODY = 4


class Around(Protocol):
    """What is known beside one exchange."""

    def slow_limits(self) -> Mapping[str, int]:
        """Return above how many microseconds an exchange of each name is slow."""
        ...

    def sessions(self) -> Sequence[tuple[int, int]]:
        """Return each start of an engine: its number, and its first exchange; ascending."""
        ...

    def detail(self, exchange_id: int) -> Detail | None:
        """Return another exchange, or None when it is gone."""
        ...


class Listed(Protocol):
    """What a list showed at one moment; it stays that way."""

    @property
    def focus(self) -> int | None:
        """The selected exchange."""
        ...

    def shown(self, exchange_id: int) -> bool:
        """Whether the list showed an exchange."""
        ...

    def hidden(self, exchange_id: int) -> bool:
        """Whether there was one that it did not show."""
        ...


class Nothing:
    """An `Around` where nothing is known: what needs to know more does not match."""

    def slow_limits(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}

    def sessions(self) -> Sequence[tuple[int, int]]:
        """Return nothing."""
        return ()

    def detail(self, exchange_id: int) -> Detail | None:
        """Return None."""
        del exchange_id
        return None


class Where(Struct, frozen=True):
    """A condition over the table `exchange`, true or false for each row and never NULL.

    `functions` are those of ours that it calls, by name, with how many values each takes; they
    are to be made known to the connection before the condition is used.
    """

    clause: str
    parameters: tuple[Any, ...]
    functions: Mapping[str, tuple[int, Callable[..., bool]]] = field(default_factory=dict)


class Query:
    """A condition that is being written; values are bound in the order in which they stand."""

    def __init__(self, around: Around, now_us: int) -> None:
        self.around = around
        self.now_us = now_us
        self.parameters: list[Any] = []
        self.functions: dict[str, tuple[int, Callable[..., bool]]] = {}

    def bind(self, value: Any) -> str:
        """Return what stands for *value*."""
        self.parameters.append(value)
        return "?"

    def function(self, test: Callable[..., bool], values: int = 1) -> str:
        """Return the name under which SQL can call *test* with so many *values*."""
        name = f"kiket_{len(self.functions)}"
        self.functions[name] = (values, test)
        return name


class Subject(Struct, frozen=True):
    """One exchange that a predicate looks at."""

    detail: Detail
    logs: Sequence[LogLine] = ()
    around: Around = field(default_factory=Nothing)
    now_us: int = field(default_factory=lambda: time.time_ns() // 1000)

    @property
    def answers(self) -> list[Message]:
        """What each attempt was answered, in order."""
        return [each.answer for each in self.detail.attempts if each.answer is not None]


class Test(Protocol):
    """A part of a filter."""

    @property
    def cost(self) -> Cost:
        """How much it takes to know the answer."""
        ...

    def sql(self, query: Query) -> str:
        """Return a condition over `exchange` that is never NULL."""
        ...

    def holds(self, subject: Subject) -> bool:
        """Whether it is so of *subject*."""
        ...


class Inverse(Struct, frozen=True):
    """What is so when a test is not."""

    test: Test

    @property
    def cost(self) -> Cost:
        """How much it takes to know the answer."""
        return self.test.cost

    def sql(self, query: Query) -> str:
        """Return the opposite condition."""
        return f"NOT {self.test.sql(query)}"

    def holds(self, subject: Subject) -> bool:
        """Whether the test is not so."""
        return not self.test.holds(subject)


class Combined:
    """Tests of which all must be so, or (`either`) at least one; the cheapest is asked first."""

    def __init__(self, tests: Sequence[Test], *, either: bool) -> None:
        self._tests = sorted(tests, key=lambda each: each.cost)
        self._either = either

    @property
    def cost(self) -> Cost:
        """How much it takes to know the answer at most."""
        return self._tests[-1].cost if self._tests else Cost.ROW

    def sql(self, query: Query) -> str:
        """Return the conditions joined."""
        if not self._tests:
            return "0" if self._either else "1"
        joiner = " OR " if self._either else " AND "
        return f"({joiner.join(each.sql(query) for each in self._tests)})"

    def holds(self, subject: Subject) -> bool:
        """Whether all are so, or one of them."""
        return (any if self._either else all)(each.holds(subject) for each in self._tests)


class Never(Struct, frozen=True):
    """What cannot be so: nothing of the kind is recorded."""

    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return a condition that is false."""
        del query
        return "0"

    def holds(self, subject: Subject) -> bool:
        """Return False."""
        del subject
        return False
