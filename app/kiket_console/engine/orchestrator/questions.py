"""A module's questions for secrets, answered in their order, as often as it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.engine.orchestrator.secrets import Found
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.orchestrator.notebook import Notebook
    from kiket_console.engine.orchestrator.secrets import Desk
    from kiket_console.engine.orchestrator.wires import Wires
    from kiket_console.ipc import Channel

MOST_WAITING: Final = 1_000
"""Questions that may wait for the first answer; further ones are refused."""
STARTING_LIMIT_S: Final = 30.0
RUNNING_LIMIT_S: Final = 5.0
"""For how long a secret is repeated to a module of another SDK that says nothing."""


class _Question(NamedTuple):
    name: str
    exchange_id: int | None
    channel: Channel


class Questions:
    """Answers what one start of a module asks.

    With *empties* a module that cannot be told why there is no value gets an empty one; else *fail*
    is called with the reason, until it is running.
    """

    def __init__(
        self,
        desk: Desk,
        wires: Wires,
        book: Notebook,
        *,
        empties: bool,
        is_running: Callable[[], bool],
        fail: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._wires = wires
        self._book = book
        self._empties = empties
        self._is_running = is_running
        self._fail = fail
        self._on_change = on_change
        self._waiting: asyncio.Queue[_Question] = asyncio.Queue(MOST_WAITING)
        self._shown: tuple[tuple[str, bool], ...] = ()
        self.asked = 0
        """How many it asked."""

    def ask(self, name: str, exchange_id: int | None, channel: Channel) -> None:
        """Take a question; it is answered when those before it are."""
        self.asked += 1
        if self.asked == 1:
            self._on_change()
        question = _Question(name, exchange_id, channel)
        try:
            self._waiting.put_nowait(question)
        except asyncio.QueueFull:
            why = f"It has asked for {MOST_WAITING:,} secrets and waited for none."
            self._answer(question, Found("", why))

    async def run(self) -> None:
        """Answer, until cancelled."""
        while True:
            question = await self._waiting.get()
            self._answer(question, await self._desk.find(question.name))
            await asyncio.sleep(0)  # a thousand may wait, and others want their turn

    def close(self, why: str) -> None:
        """Give up what waits."""
        while not self._waiting.empty():
            self._book.gave_up(self._waiting.get_nowait().exchange_id, why)

    def _answer(self, question: _Question, found: Found) -> None:
        is_running = self._is_running()
        if found.error and not (self._wires.is_ours or self._empties or is_running):
            self._book.gave_up(question.exchange_id, found.error)
            self._fail(f"{found.error} A module of its SDK cannot be told; it was stopped.")
            return
        message = p.Secret(question.name, found.value, error=found.error or None)
        limit_s = RUNNING_LIMIT_S if is_running else STARTING_LIMIT_S
        try:
            sent = self._wires.send_secret(message, question.channel, limit_s, opens=is_running)
        except ConnectionError as error:
            self._book.gave_up(question.exchange_id, str(error))
            return
        errand = Errand(channel=question.channel, answers=question.exchange_id)
        self._book.sent(message, sent, errand, error=found.error)
        if self._desk.asked != self._shown:  # else whoever asks again and again is all one hears of
            self._shown = self._desk.asked
            self._on_change()
