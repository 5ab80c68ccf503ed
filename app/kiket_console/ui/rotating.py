"""Hand a secret's new value to the modules that have the old one, and show who took it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.text import duration, visible
from kiket_console.ui.choices import Choice

if TYPE_CHECKING:
    from kiket_console.model import Worker
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.screens.place import PlaceScreen
    from kiket_console.wire import Rotation, RotationAck


class Seen(StrEnum):
    """What there is to say to an outcome."""

    CLOSE = "Close"


def rotate(place: PlaceScreen, worker: Worker) -> None:
    """Ask which secret of *worker* is rotated, and for its new value; then do it."""
    from kiket_console.ui.screens.chooser import Chooser

    known = dict(worker.secrets)
    if worker.module is not None:
        known = dict(worker.module.asked) | known
    names = [name for name, _ in sorted(known.items())]
    if not names:
        place.console.say(f"{visible(worker.name)} asks for no secret.")
    elif len(names) == 1:
        _ask_for_value(place, names[0])
    else:
        choices = [Choice(name, "" if known[name] else "has no value", "", name) for name in names]

        def chosen(name: str | None) -> None:
            if name is not None:
                _ask_for_value(place, name)

        place.console.push_screen(Chooser("Rotate", choices, empty="No such secret."), chosen)


def _ask_for_value(place: PlaceScreen, name: str) -> None:
    from kiket_console.ui.widgets.prompt import Prompt

    def done(value: str) -> str:
        place.console.run_worker(_rotate(place.console, name, value or None), group="ask")
        return ""

    prompt = Prompt(
        f"new value of {name}",
        placeholder="enter alone hands out the present one again",
        verb="rotate",
        hidden=True,
    )
    place.ask(prompt, done)


async def _rotate(console: ConsoleApp, name: str, value: str | None) -> None:
    from kiket_console.ui.screens.question import QuestionScreen

    console.say(f"Rotating {visible(name)}; each module has a few seconds to confirm it.")
    try:
        rotation = await console.connected().modules.rotate(name, value)
    except ConsoleError as error:
        console.say(str(error), error=True)
        return
    title = f"{visible(name)} is rotated" if rotation.ok else f"Not all took {visible(name)}"
    screen = QuestionScreen[Seen](title, outcome(rotation), (Seen.CLOSE,), Seen.CLOSE)
    await console.push_screen(screen)


def outcome(rotation: Rotation) -> list[str]:
    """Return how a rotation went, a sentence for each module and what was started anew."""
    said = [_told(ack) for ack in rotation.acks]
    said += [
        f"⟳ {visible(worker)} is started anew, as it takes secrets at its start alone."
        for worker in rotation.restarted
    ]
    return said or ["No module has it; the next that asks gets the new value."]


def _told(ack: RotationAck) -> str:
    took = "" if ack.duration_us is None else f" in {duration(ack.duration_us)}"
    sign = "✓" if ack.status == "success" else "✗"
    because = f": {visible(ack.message)}" if ack.message else ""
    return f"{sign} {visible(ack.module)}  {visible(ack.status)}{took}{because}"
