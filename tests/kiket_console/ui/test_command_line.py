"""What is typed after `:`: names, their beginnings, arguments, offers and mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import screen_text, settled, until

from kiket_console.ui.actions import Registry
from kiket_console.ui.command import Argument, Scope
from kiket_console.ui.command_line import CommandError, numbers, offers, read, usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.snap import scene

    from kiket_console.ui.app import ConsoleApp

REGISTRY = Registry()


@pytest.mark.parametrize(
    ("text", "id_", "argument"),
    [
        (":processes", "place.processes", ""), ("processes", "place.processes", ""),
        ("proc", "place.processes", ""), ("q", "quit", ""), ("theme", "theme", ""),
        (" theme  kiket-dawn ", "theme", "kiket-dawn"), ("replay", "traffic.replay", ""),
    ],
)  # fmt: skip
def test_a_command_is_named_in_full_or_by_a_beginning_that_fits_one(
    text: str, id_: str, argument: str
) -> None:
    typed = read(text, REGISTRY, Scope.TRAFFIC)
    assert (typed.command.id, typed.argument) == (id_, argument)
    assert text[typed.column : typed.column + len(argument)] == argument


@pytest.mark.parametrize(
    ("text", "sentence", "column", "length"),
    [
        ("thme", 'There is no command "thme". Did you mean "theme"?', 0, 4),
        ("xyzzy 1", 'There is no command "xyzzy". ctrl+p finds one.', 0, 5),
        ("processes now", '"processes" takes nothing after it. Write "processes" alone.', 10, 3),
        (":restart", '"restart" works in Processes. Press 2 to go there.', 1, 7),
    ],
)
def test_a_mistake_is_said_with_its_place(
    text: str, sentence: str, column: int, length: int
) -> None:
    with pytest.raises(CommandError) as refused:
        read(text, REGISTRY, Scope.TRAFFIC)
    assert str(refused.value) == sentence
    assert (refused.value.column, refused.value.length) == (column, length)


def test_a_beginning_of_several_names_them() -> None:
    with pytest.raises(CommandError, match=r'"t" could be "t\w+".* or "t\w+"\. Type more of it\.'):
        read("t", REGISTRY, Scope.TRAFFIC)


def test_names_are_offered_with_help_and_key_the_recent_ones_first() -> None:
    found = offers("", 0, REGISTRY, Scope.TRAFFIC, recent=["theme"], values=lambda *_: ())
    assert found[0].text == "theme "
    assert found[0].note == "T       Choose colours, with a live preview."
    found = offers("re", 2, REGISTRY, Scope.TRAFFIC, values=lambda *_: ())
    assert found[0].text.startswith("re")
    assert (found[0].start, found[0].end) == (0, 2)


def test_an_argument_is_offered_by_its_type() -> None:
    def values(argument: Argument, typed: str) -> list[tuple[str, str]]:
        assert (argument, typed) == (Argument.THEME, "ki")
        return [("kiket-dusk", "dark")]

    (found,) = offers("theme ki", 8, REGISTRY, Scope.TRAFFIC, values=values)
    assert (found.text, found.start, found.end) == ("kiket-dusk", 6, 8)
    assert offers("processes x", 11, REGISTRY, Scope.TRAFFIC, values=values) == []


def test_each_name_means_one_command_in_a_place() -> None:
    for place in (Scope.TRAFFIC, Scope.PROCESSES, Scope.LOGS):
        names = [name for each in REGISTRY.runnable(place) for name in each.all_names]
        assert sorted(names) == sorted(set(names))


def test_how_a_command_is_typed() -> None:
    assert usage(REGISTRY["theme"]) == "theme [theme]"
    assert usage(REGISTRY["place.logs"]) == "logs"


@pytest.mark.parametrize(
    ("text", "found"),
    [("12", [12]), ("12 14,16", [12, 14, 16]), ("12-14", [12, 13, 14]), ("", [])],
)
def test_exchanges_are_named_by_numbers_and_ranges(text: str, found: list[int]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "column", "length"),
    [
        ("12 x", 3, 1),
        ("1-", 0, 2),
        ("9-99999999", 0, 10),
        ("-1", 0, 2),
        ("15-12", 0, 5),
        (", ,", 0, 3),
        (f"1 {2**63}", 2, 19),
    ],
)
def test_what_is_no_number_is_said_with_its_place(text: str, column: int, length: int) -> None:
    with pytest.raises(CommandError) as refused:
        numbers(text)
    assert (refused.value.column, refused.value.length) == (column, length)


async def test_a_command_acts_on_the_exchange_whose_number_it_is_given(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"mark 1190", "enter")
        await until(pilot, lambda: ("pin", "1190", "True") in engine.asked)
        await pilot.press("colon", *"1188", "enter")
        await until(pilot, lambda: "▌ 1188" in screen_text(app))
        await pilot.press("colon", *"mark 7", "enter")
        await until(pilot, lambda: "There is no exchange 7." in screen_text(app))
        await pilot.press("colon", *"mark x", "enter")
        await until(pilot, lambda: '▼ "x" is no number of an exchange.' in screen_text(app))
        await pilot.press("escape", "colon", "up")
        await until(pilot, lambda: " : mark x" in screen_text(app))
