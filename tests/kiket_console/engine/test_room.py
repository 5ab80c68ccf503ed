from __future__ import annotations

from kiket_console.engine.room import Room


class Granted:
    """Whose turn it was, in order."""

    def __init__(self, room: Room) -> None:
        self.names: list[str] = []
        self._room = room

    def ask(self, name: str, size: int):  # type: ignore[no-untyped-def]
        return self._room.ask(size, lambda: self.names.append(name))


def test_room_is_given_until_it_is_taken_and_then_in_order() -> None:
    granted = Granted(Room(10))
    first, second = granted.ask("first", 6), granted.ask("second", 4)
    granted.ask("third", 5)
    granted.ask("small", 1)
    at_first = list(granted.names)

    second.give_back()
    too_little = list(granted.names)
    first.give_back()

    assert at_first == ["first", "second"]
    assert too_little == at_first, "who is small does not overtake"
    assert granted.names == ["first", "second", "third", "small"]


def test_what_is_larger_than_the_room_gets_all_of_it_when_it_is_empty() -> None:
    granted = Granted(Room(10))
    small = granted.ask("small", 1)
    granted.ask("huge", 1000)
    assert granted.names == ["small"]

    small.give_back()

    assert granted.names == ["small", "huge"]


def test_who_goes_away_while_waiting_is_in_nobodys_way() -> None:
    granted = Granted(Room(10))
    first = granted.ask("first", 10)
    gone = granted.ask("gone", 10)
    granted.ask("last", 10)

    gone.give_back()
    first.give_back()
    first.give_back()  # twice is once

    assert granted.names == ["first", "last"]
