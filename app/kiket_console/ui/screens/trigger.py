"""Choose a sample event and send it, signed, as the platform would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import plural, visible
from kiket_console.ui.paint.processes import state_word
from kiket_console.ui.screens.chooser import Choice, Chooser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kiket_console.model import Worker
    from kiket_console.wire import Template


def extension_dialog(workers: Sequence[Worker]) -> Chooser[str]:
    """Return the dialog that asks to which of several extensions a sample is to go."""
    choices = [
        Choice(
            worker.name,
            state_word(worker),
            plural(len(worker.handlers), "handler") if worker.handlers else "",
            worker.name,
        )
        for worker in workers
    ]
    return Chooser("Send it to which extension?", choices, empty="No extension has this name.")


def trigger_dialog(
    templates: Sequence[Template], send: Callable[[Template], Awaitable[str]], extension: str = ""
) -> Chooser[Template]:
    """Return the dialog; handled events come first, as *templates* has them."""
    choices = [
        Choice(
            f"{template.event} {template.version}".rstrip(),
            template.title,
            "handler" if template.handled else "",
            template,
        )
        for template in templates
    ]
    return Chooser(
        f"Send a sample event to {visible(extension)}" if extension else "Send a sample event",
        choices,
        verb="send",
        empty="No sample event has this name.",
        carry_out=send,
    )
