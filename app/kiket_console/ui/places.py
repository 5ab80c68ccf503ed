"""The places: the digit and the name of each, and how it is made when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

if TYPE_CHECKING:
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.screens.place import PlaceScreen

SCREENS: Final = "kiket_console.ui.screens"


class Place(Struct, frozen=True):
    """A place; one that is not built yet has no entry, and the others keep their digits."""

    digit: str
    label: str
    name: str
    """What it is called in the program: its mode, and the module of its screen."""

    def make(self, console: ConsoleApp) -> PlaceScreen:
        """Return its screen; the module is imported only now."""
        module = import_module(f"{SCREENS}.{self.name}")
        return cast("PlaceScreen", getattr(module, f"{self.label}Screen")(console))


PLACES: Final = (
    Place("1", "Traffic", "traffic"),
    Place("2", "Processes", "processes"),
    Place("3", "Logs", "logs"),
    Place("4", "Metrics", "metrics"),
    Place("6", "Secrets", "secrets"),
    Place("7", "Producer", "producer"),
    Place("8", "Platform", "platform"),
)
