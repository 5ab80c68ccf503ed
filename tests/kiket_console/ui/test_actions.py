"""The registry of commands is complete, and its keys do not collide."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from kiket_console.ui import app, screens, widgets
from kiket_console.ui.actions import COMMANDS, PLACE_SCOPES, Registry, Scope, of, unique_keys
from kiket_console.ui.command import Mode
from kiket_console.ui.registry.footers import FOOTERS, MOST
from kiket_console.ui.screens.help import key_lines

OUTER = {Scope.APP, Scope.PLACE, *PLACE_SCOPES, Scope.LIST, Scope.VIEW}
AMBIGUOUS = {"ctrl+h", "ctrl+i", "ctrl+m", "ctrl+left_square_bracket", "ctrl+j"}


def test_every_command_has_an_id_of_its_own_a_label_and_a_sentence() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)
    for command in COMMANDS:
        assert command.label
        assert command.help[0].isupper()
        assert command.help.endswith(".")


@pytest.mark.parametrize("place", PLACE_SCOPES)
def test_a_key_does_one_thing_in_a_place(place: Scope) -> None:
    unique_keys(of(Scope.APP, Scope.PLACE, place, Scope.LIST))


@pytest.mark.parametrize("place", PLACE_SCOPES)
def test_a_text_takes_only_few_keys_from_its_place(place: Scope) -> None:
    """What they do outside of a text would make no sense within, or is the same."""
    inner = unique_keys(of(Scope.APP, Scope.LIST, Scope.VIEW))
    outer = unique_keys(of(Scope.PLACE, place))
    taken = {"enter", "escape", "slash", "space", "W", "left", "right", "n", "N"}
    assert inner.keys() & outer.keys() <= taken


@pytest.mark.parametrize("inner", sorted(set(Scope) - OUTER))
def test_a_key_does_one_thing_in_a_dialog(inner: Scope) -> None:
    unique_keys(of(Scope.APP, inner))


def test_two_commands_for_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'r' belongs to 'traffic.replay'"):
        unique_keys(of(Scope.TRAFFIC, Scope.PROCESSES))


def test_no_key_is_one_that_terminals_cannot_tell_apart() -> None:
    keys = {key for command in COMMANDS for key in command.key_names}
    assert not keys & AMBIGUOUS


@pytest.mark.parametrize("place", PLACE_SCOPES)
@pytest.mark.parametrize("mode", [Mode.LIST, Mode.DETAILS])
def test_the_footer_names_at_most_six_keys(place: Scope, mode: Mode) -> None:
    assert 2 <= len(Registry().footer(place, mode)) <= 6


def test_the_footer_names_commands_of_its_place_that_exist() -> None:
    registry = Registry()
    for (place, _), ids in FOOTERS.items():
        assert len(ids) == len(set(ids)) <= MOST
        for id_ in ids:
            assert registry[id_].scope in (place, Scope.PLACE, Scope.APP, Scope.LIST, Scope.VIEW)


def bound() -> dict[str, list[type]]:
    """Return which screens and widgets bind the keys of each command."""
    owners: dict[str, list[type]] = {}
    for package in (app, screens, widgets):
        for found in pkgutil.iter_modules(getattr(package, "__path__", [])):
            import_module(f"{package.__name__}.{found.name}")
    classes = [DOMNode]
    for each in classes:
        classes += each.__subclasses__()
    for each in dict.fromkeys(classes):
        for binding in vars(each).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id:
                owners.setdefault(binding.id, []).append(each)
    return owners


def test_every_command_is_carried_out_by_whoever_binds_its_keys() -> None:
    owners = bound()
    for command in COMMANDS:
        assert owners.get(command.id), f"nobody binds {command.id}"
        for owner in owners[command.id]:
            doer = app.ConsoleApp if command.action.startswith("app.") else owner
            name = command.action.removeprefix("app.").partition("(")[0]
            assert callable(getattr(doer, f"action_{name}", None)), (command.id, doer)


@pytest.mark.parametrize("place", PLACE_SCOPES)
def test_the_keys_page_lists_every_key_of_a_place(place: Scope) -> None:
    scopes = (place, Scope.PLACE, Scope.LIST, Scope.APP)
    lines = key_lines([(scope, of(scope)) for scope in scopes], 200)
    page = "\n".join("".join(text for text, _ in line) for line in lines)
    for command in of(*scopes):
        assert command.help in page
