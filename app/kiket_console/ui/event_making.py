"""Events as a person has chosen them and set their values, and what was sent last."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kiket_console.sending.templates import event_of
from kiket_console.sending.values import MISSING, Values
from kiket_console.wire import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.sending.overrides import Override
    from kiket_console.sending.templates import Base, Recipe
    from kiket_console.ui.history import History
    from kiket_console.ui.store_view import StoreView


class EventMaker:
    """Make events for *extension*, empty for the only one; reads captures from the store."""

    def __init__(
        self, extension: str, open_reader: Callable[[], StoreView], history: History
    ) -> None:
        self.extension = extension
        self._open_reader = open_reader
        self._history = history
        self._recipes: dict[int, Recipe] = {}
        self._last: dict[str, Any] = {}

    def make(self, base: Base, said: Sequence[Override]) -> Event:
        """Return an event to send; raises `ConsoleError`. Belongs in a thread."""
        recipe = self._recipes.get(id(base))  # bases live as long as we do
        if recipe is None:
            recipe = self._recipes[id(base)] = self._recipe(base)
        last: Any = MISSING
        if any("${last" in str(each.value) for each in said):
            last = self._newest(base.event)
        return recipe.event(said, Values(environ=os.environ, last=last))

    def known(self, base: Base) -> Any:
        """Return the JSON value that an event is made from; None before one was made."""
        recipe = self._recipes.get(id(base))
        return None if recipe is None else recipe.document

    def remember(self, base: Base, line: str) -> None:
        """Remember what was sent, and the line of values that were set."""
        kind = "sample" if base.capture is None else "last"
        self._history.add(" ".join((base.event, base.version or "-", kind, line)))

    def remembered(self, bases: Sequence[Base]) -> tuple[int, str]:
        """Return which of *bases* was sent last, and the line of its values; -1 for none."""
        if not self._history.entries:
            return -1, ""
        words = self._history.entries[-1].split(" ", 3)
        event, version, kind, line = [*words, *[""] * 3][:4]
        for position, base in enumerate(bases):
            if (base.event, base.version or "-") == (event, version) and (
                base.capture is not None
            ) is (kind == "last"):
                return position, line
        return -1, ""

    def _recipe(self, base: Base) -> Recipe:
        detail = None
        if base.capture is not None:
            with closing(self._open_reader()) as reader:
                detail = reader.detail(base.capture.id)
        return base.recipe(Event(base.event, base.version, self.extension), detail)

    def _newest(self, event: str) -> Any:
        """Return the newest capture of an event as JSON, `MISSING` without one."""
        if event not in self._last:
            self._last[event] = MISSING
            with closing(self._open_reader()) as reader:
                for each in reader.captures():
                    if each.name == event and self.extension in {"", each.worker}:
                        detail = reader.detail(each.id)
                        if detail is not None:
                            self._last[event] = event_of(detail.request.body)
                        break
        return self._last[event]
