"""Ask which calls the platform is to answer with an error, in one line with offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console import forced_failures
from kiket_console.model import Source
from kiket_console.ui.widgets.offers import Offer
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.platform_changes import PlatformChanges
    from kiket_console.ui.screens.platform import PlatformScreen
    from kiket_console.ui.store_view import StoreView
    from kiket_console.wire import PlatformSettings

NONE: Final = "none"
RECENT: Final = 200
"""So many of the newest exchanges are looked at for calls to offer."""
MOST: Final = 8
_USUAL: Final = ("* custom_data/*", "POST extensions/notifications", "GET intake_forms*")
_THEN: Final = (
    ("503", "unavailable"),
    ("429", "too many calls"),
    ("500", "it fails"),
    ("403", "not allowed"),
    ("0 2s", "answered as usual, but late"),
    ("3x", "only the next three times"),
)


def ask_for_failure(
    screen: PlatformScreen, changes: PlatformChanges, settings: PlatformSettings
) -> None:
    """Ask for a failure, and force it."""
    history = screen.console.history("failures")
    prompt = Prompt(
        "fail", verb="force it", placeholder=forced_failures.EXAMPLE, history=history.entries
    )
    calls = calls_of(screen.console.reader)

    def done(text: str) -> str:
        if text.strip():
            fail(changes, settings, text)
            history.add(text.strip())
        return ""

    screen.ask(prompt, done, changed=lambda prompt: prompt.offer(_offers(prompt, calls, settings)))


def fail(changes: PlatformChanges, settings: PlatformSettings, text: str) -> None:
    """Force what a line asks for; raises `FailureError`."""
    if text.strip() == NONE:
        changes.force(settings)
    else:
        failure = forced_failures.read(text)
        changes.force(settings, *forced_failures.added(settings.failures, failure))


def calls_of(reader: StoreView) -> list[tuple[str, str]]:
    """Return the calls that were made lately, and some that code often makes."""
    newest, _, _ = reader.newest()
    rows = reader.page(list(range(max(1, newest - RECENT + 1), newest + 1)))
    seen = dict.fromkeys(row.name for row in reversed(rows) if row.source is Source.API)
    found = [(name, "called lately") for name in list(seen)[:MOST]]
    return [*found, *((name, "") for name in _USUAL if name not in seen)]


def _offers(
    prompt: Prompt, calls: Sequence[tuple[str, str]], settings: PlatformSettings
) -> list[Offer]:
    text, cursor = prompt.text, prompt.cursor
    typed = text[:cursor].lower()
    if len(typed.split()) > 1 and (typed.endswith(" ") or typed.split()[-1][0].isdigit()):
        begin = typed.rfind(" ") + 1
        return [
            Offer(word, begin, len(text), said)
            for word, said in _THEN
            if word.startswith(typed[begin:]) and word not in typed[:begin].split()
        ]
    known = [(f"{name} ", said) for name, said in calls]
    if settings.failures:
        known.insert(0, (NONE, "answer all calls as usual again"))
    return [
        Offer(name, 0, len(text), said) for name, said in known if typed.strip() in name.lower()
    ]
