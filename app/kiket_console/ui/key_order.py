"""Keys take effect one after the other, so that what is typed ahead reaches what it was meant for.

    key ─► who has the focus ─► … ─► screen ─► app: its action
    Followed, close behind it ───────────────────► app: around once more, behind what that said,
                                                   then the next key, once what opened has the focus

A key whose action is carried out at once is spared the first way around. Textual hands each key at
once to who has the focus then. So the letters after a `/` typed quickly, or pasted by a terminal as
keys, went to the list as commands before there was a line to type into.
"""

from __future__ import annotations

import string
import sys
from collections import deque
from typing import TYPE_CHECKING, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.events import Key, Paste
from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.screen import Screen
    from textual.widget import Widget

LOOK_EVERY_S = 0.01
LOOKS = 300
"""Past these the next key is handed on whatever has become of the one before: after 3 s, and later
where the machine is so busy that this console, too, takes longer for everything."""
OPENS = "opens"
"""Group of the workers that read what a screen needs and then open it: keys wait for that one."""
ROUNDS = 2
"""The second goes behind what the key's action told others, as that a prompt is to go."""

Typed = Key | Paste


class Followed(Message):
    """Goes where a key went, and so arrives when all has been done with it."""

    bubble = True

    def __init__(self, number: int, rounds: int = ROUNDS) -> None:
        super().__init__()
        self.number = number
        self.rounds = rounds


def tell_digits_from_signs() -> None:
    """Have `esc` and a digit right behind it arrive as these two, as with any letter.

    Textual reads them as the sign that Option and the digit give on a Mac, which is where this is
    left as it is.
    """
    if sys.platform != "darwin":
        sequences = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
        for digit in string.digits:
            sequences.pop(f"\x1b{digit}", None)


class KeyOrder:
    """Hand keys on with *hand_on*, each when the one before it has taken effect.

    It returns whether an action was carried out, so that none is on its way any more.
    """

    def __init__(self, app: App[bool], hand_on: Callable[[Typed], Awaitable[bool]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: deque[Typed] = deque()
        self._number = 0
        self._under_way = False
        self._target: Widget
        """Where the key under way, and what follows it, begins."""

    async def take(self, typed: Typed) -> None:
        """Hand *typed* on now, or when its turn comes; nowhere once the console ends."""
        if not self._under_way:
            await self._begin(typed)
            return
        self._waiting.append(typed)
        if not self._target.is_attached:  # what closed took the key before along
            await self._go_on()
        elif len(self._waiting) == 1:
            self._be_patient(self._number)

    async def followed(self, event: Followed) -> bool:
        """Take note that a key has taken effect; go on when what it opened can be typed into.

        Return whether it has, and none comes after it.
        """
        if event.number != self._number or not self._under_way or not self._app.screen_stack:
            return False
        screen = self._app.screen
        if self._opens() or _is_held(screen) or (self._waiting and not _is_open(screen)):
            event.rounds = ROUNDS  # what is open by then may have asked for the focus only
            self._app.set_timer(LOOK_EVERY_S, lambda: self.followed(event))
        elif event.rounds > 1:
            self._follow(event.rounds - 1)
        else:
            await self._go_on()
        return not self._under_way

    def _follow(self, rounds: int) -> None:
        """Go around behind what an action has told others."""
        if self._app.screen_stack:
            self._target = self._app.focused or self._app.screen
            self._target.post_message(Followed(self._number, rounds))

    async def _begin(self, typed: Typed) -> None:
        if not self._app.screen_stack:
            return
        if (letter := self._behind_escape(typed)) is not None:
            self._waiting.appendleft(letter)
            typed = Key("escape", None)
        self._number += 1
        self._under_way = True
        self._target = self._app.focused or self._app.screen
        if await self._hand_on(typed):
            self._follow(1)
        else:
            self._target.post_message(Followed(self._number))
        if self._waiting:
            self._be_patient(self._number)

    def _opens(self) -> bool:
        """Whether a key has begun what will open a screen."""
        return any(each.group == OPENS and not each.is_finished for each in self._app.workers)

    async def _go_on(self) -> None:
        self._under_way = False
        if self._waiting:
            await self._begin(self._waiting.popleft())

    def _behind_escape(self, typed: Typed) -> Key | None:
        """Return the letter typed right behind `esc`, which makes them one key, alt+letter.

        None for any other key, and where that one means something.
        """
        if not isinstance(typed, Key) or not typed.key.startswith("alt+"):
            return None
        character = typed.character or ""
        name = typed.key.removeprefix("alt+")
        if name == f"shift+{character.lower()}":
            name = character  # as it is named without alt
        if not character or "+" in name or typed.key in self._app.active_bindings:
            return None
        return Key(name, character)

    def _be_patient(self, number: int, looks: int = 1) -> None:
        """Go on without a key that has not taken effect by the last look."""

        async def look() -> None:
            if not self._under_way or number != self._number:
                return
            if looks < LOOKS:
                self._be_patient(number, looks + 1)
            else:
                await self._go_on()

        self._app.set_timer(LOOK_EVERY_S, look)


def _is_held(screen: Screen[object]) -> bool:
    """Whether a screen is about to give keys to something else than what has the focus."""
    return bool(getattr(screen, "keys_wait", False))


def _is_open(screen: Screen[object]) -> bool:
    """Whether a screen, and what it has just opened, has the focus where keys are to go."""
    return screen.is_mounted and (screen.focused is not None or not screen.focus_chain)
