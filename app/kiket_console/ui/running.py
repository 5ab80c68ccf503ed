"""Run a command of the registry, whoever asks for it: the `:` line, the palette, a key."""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from kiket_console.errors import ConsoleError
from kiket_console.ui.command import Argument, Command, Scope

if TYPE_CHECKING:
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.screens.place import PlaceScreen
    from kiket_console.ui.widgets.prompt import Prompt

RECENT = 5
HISTORY = "commands"
_ACTION = re.compile(r"(?P<app>app\.)?(?P<name>\w+)(?P<fixed>\(.*\))?")


class Runner:
    """Runs commands and remembers which were run last."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self.recent: list[str] = []
        """Ids of the commands run last by name, the latest first."""

    def palette(self) -> None:
        """Find a command by its name."""
        from kiket_console.ui.palette import palette_dialog

        place = self._app.place
        if place is not None and self._app.screen is place:
            dialog = palette_dialog(self._app.registry, place.PLACE, self.recent)
            self._app.push_screen(dialog, self._picked)

    def line(self, text: str = "") -> Prompt:
        """Show the `:` line with *text* on it, and return it."""
        from kiket_console.ui.widgets.prompt import Prompt

        prompt = Prompt(":", text, history=self._app.history(HISTORY).entries, verb="run")
        place = self._app.place
        if place is not None and self._app.screen is place:
            place.ask(prompt, self._typed, changed=self._offer)
        return prompt

    def ask(self, id_: str) -> None:
        """Ask for the argument of a command that cannot be run without."""
        self.line(self._app.registry[id_].all_names[0] + " ")

    async def run(self, command: Command, argument: str = "") -> None:
        """Carry out a command in the place that is shown; raises `ConsoleError`.

        A command that acts on exchanges acts on those whose numbers it is given.
        """
        place, found = self._app.place, _ACTION.fullmatch(command.action)
        if place is None or found is None:
            return
        self.recent = [command.id, *(id_ for id_ in self.recent if id_ != command.id)][:RECENT]
        if argument and command.argument is Argument.EXCHANGE and command.scope is Scope.TRAFFIC:
            from kiket_console.ui.command_line import numbers
            from kiket_console.ui.screens.traffic import TrafficScreen

            if isinstance(place, TrafficScreen):
                with place.instead(numbers(argument)):
                    await self._app.run_action(found["name"], place)
            return
        of_app = found["app"] or command.scope is Scope.APP
        owner = self._app if of_app else _owner(place, command)
        if found["fixed"] or not argument:
            await self._app.run_action(found["name"] + (found["fixed"] or ""), owner)
            return
        done = getattr(owner, f"action_{found['name']}")(argument)
        if isawaitable(done):
            await done

    def _picked(self, command: Command | None) -> None:
        if command is None:
            return
        if command.needs_argument:
            self.ask(command.id)
        else:
            self._app.run_worker(self.run(command), group="command")

    async def _typed(self, text: str) -> str:
        from kiket_console.ui.command_line import read

        place = self._app.place
        if place is None or not text.strip(": "):
            return ""
        typed = read(text, self._app.registry, place.PLACE)
        self._app.history(HISTORY).add(text.strip())
        place.close_prompt()  # before it runs: a command may ask for a line of its own
        try:
            await self.run(typed.command, typed.argument)
        except ConsoleError as error:
            column = getattr(error, "column", None)
            if column is None or not typed.argument:
                self._app.say(str(error), error=True)
            else:  # the argument is wrong: back to it
                prompt = self.line(text)
                prompt.complain(str(error), typed.column + column, getattr(error, "length", 1))
        return ""

    def _offer(self, prompt: Prompt) -> None:
        from kiket_console.ui.arguments import values
        from kiket_console.ui.command_line import offers
        from kiket_console.ui.widgets.offers import Offer

        place = self._app.place
        if place is None:
            return
        found = offers(
            prompt.text,
            prompt.cursor,
            self._app.registry,
            place.PLACE,
            recent=self.recent,
            values=lambda argument, typed: values(self._app, argument, typed),
        )
        prompt.offer([Offer(each.text, each.start, each.end, each.note) for each in found])


def _owner(place: PlaceScreen, command: Command) -> Any:
    """Return what carries a command out: the place, or the pane that it is for."""
    if command.scope is Scope.VIEW:
        return place.text
    if command.scope is Scope.LIST:
        return place.text if place.opened else place.list
    return place
