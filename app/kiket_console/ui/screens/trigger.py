"""Choose a sample event and send it, signed, as the platform would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.screens.chooser import Choice, Chooser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kiket_console.wire import Template


def trigger_dialog(
    templates: Sequence[Template], send: Callable[[Template], Awaitable[str]]
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
        "Send a sample event",
        choices,
        verb="send",
        empty="No sample event has this name.",
        carry_out=send,
    )
