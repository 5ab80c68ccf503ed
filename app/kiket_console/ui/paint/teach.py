"""What an empty place says: what would be here, and the one key or command that fills it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from kiket_console.text import plural, visible
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import PlatformCollection

MARGIN = "  "
KeyOf: TypeAlias = Callable[[str], str]
"""Returns the key of a command, by its id, as a person has it."""


def empty_traffic(status: EngineStatus | None, width: int, key: KeyOf = usual_key) -> list[Line]:
    """Return what to do to see a first exchange, or what is wrong when no code takes one."""
    broken = (
        [each for each in status.workers if each.problem and not each.serving] if status else []
    )
    if status is not None and broken and len(broken) == len(status.workers):
        return _nothing_serves(broken, width)
    if status is not None and status.workers and not status.extensions:
        return _no_message_yet(status, width)
    hint = "Each webhook and each call to the platform appears here as it happens."
    lines: list[Line] = [
        [],
        [(MARGIN + "Nothing has arrived yet.", "strong")],
        *wrap(hint, width, "muted", MARGIN),
        [],
        [
            (MARGIN + "Press ", ""),
            (key("traffic.trigger"), "accent"),
            (" to send a signed sample.", ""),
        ],
    ]
    if status is None:
        return lines
    whose = f"/x/{status.extensions[0].name}" if len(status.extensions) > 1 else ""
    url = f"{status.gateway_url.rstrip('/')}{whose}/webhooks/{_event(status)}"
    curl = f"curl -d '{{}}' {shlex.quote(url)}"
    unsigned = "That one carries no signature, so your code will refuse it: a first look at a 401."
    return [
        *lines,
        [],
        [(MARGIN + "Or call it from anywhere on this machine:", "")],
        [],
        [(f"{MARGIN}  {visible(curl)}", "accent")],
        [],
        *wrap(unsigned, width, "muted", MARGIN),
    ]


def _no_message_yet(status: EngineStatus, width: int) -> list[Line]:
    """Return how to see a first request to a module, where modules are all there is."""
    name = shlex.quote(f"{status.gateway_url.rstrip('/')}/m/{status.workers[0].name}/")
    hint = "Each message between modules and orchestrator appears here as it happens."
    return [
        [],
        [(MARGIN + "No module has said anything yet.", "strong")],
        *wrap(hint, width, "muted", MARGIN),
        [],
        [(MARGIN + "Call one from anywhere on this machine:", "")],
        [],
        [(f"{MARGIN}  curl {visible(name)}", "accent")],
    ]


def _nothing_serves(workers: Sequence[Worker], width: int) -> list[Line]:
    from kiket_console.ui.paint.worker import problem_lines

    mended = "Save the mended code: it is started by itself, and this place then says what to do."
    lines: list[Line] = []
    for worker in workers:
        lines += [[], [(f"{MARGIN}{visible(worker.name)} does not run.", "strong")]]
        lines += problem_lines(worker, width)
    return [*lines, *wrap(mended, width, "muted", MARGIN)]


def nothing_matches(
    width: int,
    total: int = 0,
    noun: str = "row",
    looked_at: float = 1.0,
    key: KeyOf = usual_key,
) -> list[Line]:
    """Return why no row is shown: a filter lets none of *total* through, and what to do then.

    *looked_at*: how much of them has been looked at so far, from 0 to 1.
    """
    if looked_at < 1:
        done = f" {looked_at:.0%} of {total:,} so far."
        return [[], [(MARGIN + "Looking for what matches.", "strong"), (done, "muted")]]
    said = f"None of {plural(total, noun)} matches." if total else "Nothing matches the filter."
    return [
        [],
        [(MARGIN + said, "strong")],
        [],
        [(f"{MARGIN}{key('back'):<8}", "accent"), ("leaves the filter", "")],
        [
            (f"{MARGIN}{key('traffic.suspend'):<8}", "accent"),
            ("shows all for now and keeps it", ""),
        ],
        [(f"{MARGIN}{key('traffic.filter'):<8}", "accent"), ("changes it", "")],
        [],
        *wrap("What comes and matches appears here.", width, "muted", MARGIN),
    ]


def no_platform(answered: bool) -> list[Line]:
    """Return why nothing of the platform is known; *answered*: the engine is there."""
    said = "Reading what the platform keeps …" if answered else "The engine has not answered yet."
    return [[], [(MARGIN + said, "muted")]]


def no_row_matches(total: int, key: KeyOf = usual_key) -> list[Line]:
    """Return why no row of a collection is shown, and what to do then."""
    return [
        [],
        [(f"{MARGIN}None of {plural(total, 'row')} has these words.", "strong")],
        [],
        [(f"{MARGIN}{key('back'):<8}", "accent"), ("shows all of them", "")],
        [(f"{MARGIN}{key('platform.filter'):<8}", "accent"), ("changes the words", "")],
    ]


def empty_collection(collection: PlatformCollection, width: int, key: KeyOf) -> list[Line]:
    """Return what a collection is, and how rows come into it."""
    from kiket_console.ui.paint.platform import no_rows

    about = wrap(collection.meaning, width - 2, "muted", MARGIN)
    return [[], *no_rows(collection, width, key), [], *about]


def empty_processes(status: EngineStatus | None) -> list[Line]:
    """Return why no process is listed."""
    if status is None:
        return [[], [(MARGIN + "The engine has not answered yet.", "muted")]]
    return [
        [],
        [(MARGIN + "No extension was found in this folder.", "strong")],
        [(f"{MARGIN}{visible(status.folder)}", "muted")],
        [],
        [(MARGIN + "Add a main.py that has a KiketSDK and a manifest extension.yaml,", "")],
        [(MARGIN + "or name them in kiket.toml:", "")],
        [],
        [(MARGIN + "  [[extension]]", "accent")],
        [(MARGIN + '  name = "marketing"', "accent")],
        [(MARGIN + '  entry = "main:sdk"', "accent")],
    ]


def empty_logs(key: KeyOf = usual_key) -> list[Line]:
    """Return what fills the list of logs."""
    return [
        [],
        [(MARGIN + "No log lines yet.", "strong")],
        [(MARGIN + "What your code prints or logs appears here, tracebacks included.", "muted")],
        [],
        [(MARGIN + "Press ", ""), (key("place.traffic"), "accent"), (" and then ", ""),
         (key("traffic.trigger"), "accent"), (" to send a sample to your code.", "")],
    ]  # fmt: skip


def _event(status: EngineStatus) -> str:
    for worker in status.workers:
        for handler in worker.handlers:
            return handler.event
    return "issue.created"
