"""Who took a secret's new value, as a person is told; and which secret of a worker is rotated."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kiket_console.text import duration, reading_order, visible
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
    """Ask which secret of *worker* is rotated, and open the form of its new value."""
    from kiket_console.ui.screens.chooser import Chooser

    known = dict(worker.secrets)
    if worker.module is not None:
        known = dict(worker.module.asked) | known
    names = sorted(known, key=reading_order)
    if not names:
        place.console.say(f"{visible(worker.name)} asks for no secret.")
    elif len(names) == 1:
        place.console.secrets.rotate(names[0])
    else:
        choices = [Choice(name, "" if known[name] else "has no value", "", name) for name in names]

        def chosen(name: str | None) -> None:
            if name is not None:
                place.console.secrets.rotate(name)

        place.console.push_screen(Chooser("Rotate", choices, empty="No such secret."), chosen)


def show_outcome(
    console: ConsoleApp, rotation: Rotation, done: str, *, in_passing: bool = False
) -> None:
    """Show who took a value, and say what is to be known of it; *done* begins a sentence.

    *in_passing*: where all took it, that is said without a question of its own. So it is where
    nobody had it.
    """
    from kiket_console.ui.screens.question import QuestionScreen

    is_had = bool(rotation.acks or rotation.restarted)
    if rotation.ok and (in_passing or not is_had):
        said = outcome(rotation) if is_had else [visible(rotation.warning)]
        console.say(" ".join(filter(None, (f"{done}.", *said))))
        return
    title = done if rotation.ok else f"{done}, but not by all"
    screen = QuestionScreen[Seen](title, outcome(rotation), (Seen.CLOSE,), Seen.CLOSE)
    console.push_screen(screen)


def outcome(rotation: Rotation) -> list[str]:
    """Return how a rotation went, a sentence for each worker."""
    said = [_told(ack) for ack in rotation.acks]
    said += [
        f"⟳ {visible(worker)} is started anew, as it takes secrets at its start alone."
        for worker in rotation.restarted
        if worker not in rotation.failed
    ]
    said += [
        f"✗ {visible(worker)} did not come to serve with it in time; what served before goes on."
        for worker in rotation.failed
    ]
    if rotation.warning:
        said.append(f"! {visible(rotation.warning)}")
    return said or ["No module has it; the next that asks gets the new value."]


def _told(ack: RotationAck) -> str:
    took = "" if ack.duration_us is None else f" in {duration(ack.duration_us)}"
    sign = "✓" if ack.status == "success" else "✗"
    because = f": {visible(ack.message)}" if ack.message else ""
    return f"{sign} {visible(ack.module)}  {visible(ack.status)}{took}{because}"
