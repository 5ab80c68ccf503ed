"""What a person asks of the engine besides sending, and what they are told of how it went.

Whatever can be undone is done at once, without a question; `undo` takes it back, step by step.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import plural, visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine

STEPS = 100
"""So many steps can be undone; the oldest are forgotten."""
_ASKED = {
    "start": "is starting",
    "restart": "is starting anew",
    "stop": "is stopping",
    "kill": "is being killed",
}
_ENDING = ("stop", "kill")
_OPPOSITE = {"start": "stop", "stop": "start", "kill": "start"}


class Step(Struct, frozen=True):
    """Something that was done, and how it is taken back."""

    take_back: Callable[[Engine], Awaitable[str]]
    """Returns the sentence that says what is so again."""


class Requests:
    """Carry out what is asked; what changes something, one after the other as it was asked."""

    def __init__(self, console: ConsoleApp) -> None:
        self._console = console
        self._steps: deque[Step] = deque(maxlen=STEPS)
        self._turn = asyncio.Lock()

    def command_worker(self, name: str, verb: str) -> None:
        """Restart, stop, start or kill a worker; all but a restart can be undone."""
        whom = visible(name)

        async def carry_out(engine: Engine, verb: str) -> str:
            await engine.worker(name, verb)
            self._console.heard_status(await engine.status())
            return f"{whom} {_ASKED[verb]}"  # it has only begun

        async def take_back(engine: Engine) -> str:
            return f"{await carry_out(engine, _OPPOSITE[verb])}."

        async def command(engine: Engine) -> None:
            said = await carry_out(engine, verb)
            if verb in _OPPOSITE:
                self._steps.append(Step(take_back))
            self._console.say(f"{said}{'; u starts it again' if verb in _ENDING else ''}.")

        self.change(command)

    def pin(self, exchanges: Sequence[Exchange]) -> None:
        """Keep exchanges whatever their age; when all of them are kept, no longer."""
        pinned = not all(each.pinned for each in exchanges)
        changed = [each for each in exchanges if each.pinned != pinned]

        async def change(engine: Engine, *, to: bool) -> str:
            ids = await engine.pin(_ids(changed), pinned=to)
            self._console.changed(ids.ids)
            name, one = _named(changed), len(changed) == 1
            if to:
                return f"Marked {name}: {'it is' if one else 'they are'} kept."
            return f"{name} {'is' if one else 'are'} marked no longer."

        async def take_back(engine: Engine) -> str:
            return await change(engine, to=not pinned)

        async def pin(engine: Engine) -> None:
            self._console.say(await change(engine, to=pinned))
            self._steps.append(Step(take_back))

        self.change(pin)

    def note(self, exchanges: Sequence[Exchange], text: str) -> None:
        """Write one line about exchanges; an empty text takes away what was written."""
        before: dict[str, list[int]] = {}
        for each in exchanges:
            before.setdefault(each.note, []).append(each.id)

        async def take_back(engine: Engine) -> str:
            for note, ids in before.items():
                await engine.note(ids, note)
                self._console.changed(ids)
            return f"The note of {_named(exchanges)} is as it was."

        async def note(engine: Engine) -> None:
            ids = await engine.note(_ids(exchanges), text)
            self._console.changed(ids.ids)
            self._steps.append(Step(take_back))
            name = _named(exchanges)
            said = f"Noted at {name}." if text.strip() else f"Removed the note of {name}."
            self._console.say(said)

        self.change(note)

    def remove(self, exchanges: Sequence[Exchange]) -> None:
        """Take exchanges out of the list and the store, with the calls that they caused."""
        name, one = _named(exchanges), len(exchanges) == 1

        async def take_back(engine: Engine) -> str:
            await engine.restore(_ids(exchanges))
            self._console.show_exchange(exchanges[0].id)
            return f"{name} {'is' if one else 'are'} back."

        async def remove(engine: Engine) -> None:
            gone = await engine.remove(_ids(exchanges))
            along = len(gone.ids) - len(exchanges)
            calls = f" and {plural(along, 'call')}" if along else ""
            self._steps.append(Step(take_back))
            self._console.say(f"Deleted {name}{calls}; u undoes it.")

        self.change(remove)

    def attempt(self, exchanges: Sequence[Exchange]) -> None:
        """Make the next attempt at deliveries that failed, at once."""
        left = self._console.whereabouts

        async def attempt(engine: Engine) -> None:
            for each in exchanges:
                self._console.deliveries.tell(_named([each]), await engine.retry(each.id), left)

        self.carry_out(attempt)

    def give_up(self, exchanges: Sequence[Exchange]) -> None:
        """Make no more attempts at deliveries."""

        async def give_up(engine: Engine) -> None:
            found = await engine.cancel_retries(_ids(exchanges))
            count = len(found.ids)
            name = _named(exchanges) if count == 1 else f"{count:,} deliveries"
            self._console.say(f"{name} {'is' if count == 1 else 'are'} tried no more.")

        self.carry_out(give_up)

    @property
    def can_undo(self) -> bool:
        """Whether something was done, or is under way, that can be taken back."""
        return bool(self._steps) or self._turn.locked()

    def undo(self) -> None:
        """Take back what was done last."""

        async def undo(engine: Engine) -> None:
            if not self._steps:
                self._console.say("There is nothing to undo.")
                return
            step = self._steps.pop()
            try:
                self._console.say(await step.take_back(engine))
            except ConsoleError as error:
                if error.exit_code is ExitCode.NETWORK:  # it can be tried again
                    self._steps.append(step)
                raise

        self.change(undo)

    def remember(self, step: Step) -> None:
        """Let a step be taken back that was done elsewhere."""
        self._steps.append(step)

    def change(self, request: Callable[[Engine], Awaitable[None]]) -> None:
        """Carry out what can be undone, or undoes, once what was asked before it is done."""

        async def in_turn(engine: Engine) -> None:
            async with self._turn:
                await request(engine)

        self.carry_out(in_turn)

    def carry_out(self, request: Callable[[Engine], Awaitable[None]], group: str = "ask") -> None:
        """Carry out a request; say what went wrong with it."""

        async def ask() -> None:
            try:
                await request(self._console.connected())
            except ConsoleError as error:
                self._console.say(str(error), error=True)

        self._console.run_worker(ask(), group=group)


def _named(exchanges: Sequence[Exchange]) -> str:
    if len(exchanges) > 1:
        return plural(len(exchanges), "exchange")
    return f"{exchanges[0].id} {visible(exchanges[0].name)}".rstrip()


def _ids(exchanges: Sequence[Exchange]) -> tuple[int, ...]:
    return tuple(each.id for each in exchanges)
