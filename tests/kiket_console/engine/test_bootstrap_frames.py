"""What the frames of an exception held: shown by what values are, with no code of theirs run."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import itertools
import json
import sys
import traceback
import types
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from pydantic import BaseModel, SecretStr

from kiket_console import traced_frames
from kiket_console.engine import bootstrap_frames
from kiket_console.engine.bootstrap_frames import HIDDEN, Showing, frames_of
from kiket_console.traced_frames import TracedFrame

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def rested() -> None:
    """Begin a new second."""
    bootstrap_frames._told.clear()


def raised(call: Callable[[], Any]) -> Exception:
    """Return what a call raises."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def shown(value: Any) -> str:
    """Return a value as it is sent."""
    return Showing().value(value, 0)


@dataclasses.dataclass
class Order:
    number: int
    api_key: str = "k"
    note: str = dataclasses.field(default="private", repr=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    number: int


class Model(BaseModel):
    number: int = 1
    key: SecretStr = SecretStr("hidden")


class Colour(enum.Enum):
    RED = 1


Odd = enum.Enum("Odd", {"\udcff": 1})
Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - as older code has them


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (-3, "-3"),
        (1 << 9999, "<int of 10,000 bits>"),
        ("it's \"so\"\n", '"it\'s \\"so\\"\\n"'),
        ("a\udcffb", '"a\\udcffb"'),
        ("Größe\x02", '"Größe\\u0002"'),
        ("Größe".encode(), 'b"Größe"'),
        (b"\x00\xff", 'b"\\u0000\\xff"'),
        (bytearray(b"a"), 'bytearray(b"a")'),
        ([1, (2,), {3}, {"a": None}], '[1, (2,), {3}, {"a": None}]'),
        ([[[[1]]]], "[[[[…]]]]"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        (collections.deque([1]), "deque([1])"),
        (collections.OrderedDict(a=1), 'OrderedDict({"a": 1})'),
        (list(range(22)), f"[{', '.join(map(str, range(20)))}, … +2]"),
        (Point(1, "y"), 'Point(x=1, y="y")'),
        (Order(7), f"Order(number=7, api_key={HIDDEN}, note=Ellipsis)"),
        (Slotted(7), "Slotted(number=7)"),
        (Model(), "Model(number=1, key=<pydantic.types.SecretStr>)"),
        (Colour.RED, "Colour.RED"),
        (ValueError("no", 1), 'ValueError("no", 1)'),
        (datetime.timedelta(days=1), "datetime.timedelta(days=1)"),
        (datetime.datetime(2026, 1, 2), "datetime.datetime(2026, 1, 2, 0, 0)"),  # noqa: DTZ001 - one without a zone
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (Path("/srv"), f'{type(Path()).__name__}("/srv")'),
        (len, "<builtin_function_or_method len>"),
        (sys, "<module sys>"),
        (Order, "<class Order>"),
        ({"token": "t", "Cookie": "c", "token_type": None, b"jwt": b"x"},
         '{"token": [redacted], "Cookie": [redacted], "token_type": None, b"jwt": [redacted]}'),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)  # fmt: skip
def test_values_are_shown_by_what_they_hold(value: object, text: str) -> None:
    assert shown(value) == text


ran: list[str] = []


def lies(*_: object) -> Any:
    ran.append("code of the developer's")
    raise RuntimeError


class Liar:
    __class__ = property(lies)
    __repr__ = __str__ = __len__ = __getattr__ = __bool__ = lies


class LyingType(type):
    __module__ = property(lies)
    __name__ = property(lies)
    __repr__ = lies

    __eq__ = __hash__ = lies


class Made(metaclass=LyingType):
    pass


class LyingCall:
    __call__ = __getattr__ = lies


class LyingError(ValueError):
    __cause__ = __traceback__ = property(lies)
    __bool__ = __len__ = lies


class Name(enum.StrEnum):
    SECRET = "password"


class LyingList(list[int]):
    __iter__ = __len__ = __repr__ = lies


class LyingDict(dict[str, int]):
    __iter__ = __len__ = __repr__ = items = lies


class LyingText(str):
    __slots__ = ()
    __len__ = __repr__ = __getitem__ = lies


class LyingZone(datetime.tzinfo):
    utcoffset = dst = tzname = __repr__ = lies


@dataclasses.dataclass(repr=False)
class LyingOrder:
    number: int = 1
    __repr__ = __getattr__ = lies


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (Liar, f"<{__name__}.Liar>"),
        (lambda: [Liar()], f"[<{__name__}.Liar>]"),
        (Made, f"<{__name__}.Made>"),
        (lambda: types.MethodType(LyingCall(), 1), f"<{__name__}.LyingCall>"),
        (lambda: LyingList([1]), "LyingList([1])"),
        (lambda: LyingDict(a=1), 'LyingDict({"a": 1})'),
        (lambda: LyingText("ab"), '"ab"'),
        (lambda: datetime.datetime(2026, 1, 2, tzinfo=LyingZone()), "<datetime.datetime>"),
        (LyingOrder, "LyingOrder(number=1)"),
    ],
    ids=["class", "inside", "metaclass", "method", "list", "dict", "text", "zone", "dataclass"],
)
def test_no_code_of_a_value_is_run(make: Callable[[], object], text: str) -> None:
    value = make()
    ran.clear()
    told = shown(value)
    assert (told, ran) == (text, [])


def test_no_code_of_an_exception_is_run() -> None:
    def fails() -> None:
        try:
            raise LyingError
        except LyingError as error:
            raise KeyError from error

    error = raised(fails)
    ran.clear()
    told = frames_of(error, lambda _: False)
    assert ([each["function"] for each in told], ran) == (["fails", "raised", "fails"], [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([(b"x-api-key", b"k")], f'[(b"x-api-key", {HIDDEN})]'),
        (["mysql", "--password", "k"], f'["mysql", "--password", {HIDDEN}]'),
        ([{"name": "DB_PASS", "value": "k"}], f'[{{"name": "DB_PASS", "value": {HIDDEN}}}]'),
        ({Name.SECRET: "k"}, f'{{"password": {HIDDEN}}}'),
        ({("db", "secret"): "k"}, f'{{("db", "secret"): {HIDDEN}}}'),
        (("shop", "k"), '("shop", "k")'),
    ],
    ids=["header", "option", "variable", "enum", "pair", "other"],
)
def test_what_stands_behind_the_name_of_a_secret_is_left_out(value: object, text: str) -> None:
    assert shown(value) == text


def test_no_text_is_cut_where_the_room_ends() -> None:
    show = Showing()
    for _ in range(20):
        last = show.value("x" * 8_000, 0)
    assert last == "<str>"
    assert shown(decimal.Decimal("1" * 9_000)) == "<decimal.Decimal>"


def test_a_value_within_itself_has_an_end() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert shown(circle) == "[[[[…]]]]"


def test_a_long_text_is_sent_so_far_that_a_secret_in_what_is_shown_is_whole() -> None:
    assert len(shown("x" * 50_000)) < 9_000
    inner = shown({"a": "x" * 300})
    assert traced_frames.shortened(inner) == f'{{"a": "{"x" * 59}…"}}'


def test_all_values_together_take_a_bounded_room() -> None:
    def fails() -> None:
        large = [{"text": "x" * 9_000, "number": number} for number in range(5_000)]
        raise KeyError(large[0]["number"])

    told = frames_of(raised(fails), lambda _: False)
    assert len(json.dumps(told)) < 2 * bootstrap_frames.BUDGET


def test_a_machine_that_is_busy_with_others_hides_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what they take of the processor is bounded, for the code waits that long."""
    clock, spent_s = itertools.count(), [0.0]
    times = types.SimpleNamespace(monotonic=lambda: next(clock), thread_time=lambda: spent_s[0])
    monkeypatch.setattr(bootstrap_frames, "time", times)
    show = Showing()

    assert show.value({"n": 1}, 0) == '{"n": 1}'
    spent_s[0] = 1.0
    assert show.value({"n": 1}, 0) == "<dict>"


def test_frames_come_in_the_order_of_the_traceback_with_their_source() -> None:
    def inner(amount: int) -> None:
        password = "hunter2"  # noqa: F841 - what is to be seen is that it is not
        raise KeyError(amount)

    def outer() -> None:
        try:
            inner(3)
        except KeyError as error:
            raise ValueError from error

    told = frames_of(raised(outer), lambda _: False)
    assert [frame["function"] for frame in told] == ["outer", "inner", "raised", "outer"]
    frame = told[1]
    assert dict(frame["values"]) == {"amount": "3", "password": HIDDEN}
    assert frame["source"][frame["line"] - frame["first"]].strip() == "raise KeyError(amount)"


def test_frames_of_a_group_of_exceptions_stand_where_its_traceback_has_them() -> None:
    def first(one: int) -> None:
        raise KeyError(one)

    def second(two: int) -> None:
        raise ValueError(two)

    def together() -> None:
        raise ExceptionGroup("both", [raised(lambda: first(1)), raised(lambda: second(2))])

    error = raised(together)
    lines = "".join(traceback.format_exception(error)).split("\n")
    told = msgspec.convert(frames_of(error, lambda _: False), tuple[TracedFrame, ...])
    assert len(told) == len(traced_frames.placed(told, lines)) == 8
    places = {each.frame.function: lines[each.last].strip(" |") for each in
              traced_frames.placed(told, lines)}  # fmt: skip
    assert (places["first"], places["second"]) == ("raise KeyError(one)", "raise ValueError(two)")


def test_what_no_text_can_carry_is_written_out() -> None:
    def fails(shade: enum.Enum) -> None:
        raise KeyError(shade)

    told = frames_of(raised(lambda: fails(next(iter(Odd)))), lambda _: False)
    assert told[-1]["values"] == [("shade", "Odd.\\udcff")]


def test_a_circle_of_causes_has_an_end() -> None:
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    assert frames_of(one, lambda _: False) == []


def test_own_frames_are_kept_before_those_of_libraries() -> None:
    def library(depth: int) -> None:
        if depth:
            library(depth - 1)
        raise KeyError(depth)

    def own() -> None:
        library(40)

    told = frames_of(raised(own), lambda _: True)
    assert len(told) == bootstrap_frames.FRAMES
    assert {frame["function"] for frame in told} == {"library"}
    code = types.CodeType.replace(own.__code__, co_filename="/srv/app/own.py")
    told = frames_of(raised(types.FunctionType(code, globals(), closure=own.__closure__)),
                     lambda path: path != "/srv/app/own.py")  # fmt: skip
    assert [told[0]["function"], told[1]["function"]] == ["own", "library"]


def test_a_flood_of_exceptions_is_told_by_tracebacks_alone() -> None:
    error = raised(lambda: [][1])
    told = [frames_of(error, lambda _: False) for _ in range(20)]
    assert all(told[: bootstrap_frames.EXCEPTIONS_PER_S])
    assert told[bootstrap_frames.EXCEPTIONS_PER_S :].count([]) >= 10
