"""Copy, export and save what was chosen in Traffic: menus, and what is said of how it went."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from kiket_console.errors import ConsoleError
from kiket_console.exporting import reading
from kiket_console.exporting.commands import Urls
from kiket_console.exporting.files import FORMS, form, made
from kiket_console.exporting.pieces import Piece, pieces, pieces_of_several
from kiket_console.new_file import write_new
from kiket_console.text import plural, size, visible
from kiket_console.ui.paint.line import shortened
from kiket_console.ui.screens.menu import Item, Menu, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.exporting.files import Recorded
    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.screens.place import PlaceScreen

SMALL_BYTES: Final = 1 << 20
"""Of more, files are made when one is chosen, and the menu does not tell their sizes."""
_NOTE: Final = 60
_FORM_KEYS: Final = {"har": "h", "jsonl": "j", "curl": "c", "markdown": "m", "bundle": "b"}


def copy(place: PlaceScreen, chosen: Sequence[Exchange]) -> None:
    """Let a person choose what to copy of *chosen*."""
    if not chosen:
        return
    console = place.console
    path, raw_value = place.text.path_at_cursor, place.text.value_at_cursor
    urls = _urls(console)

    def make(redacts: bool) -> list[Item]:
        recorded = _read(console, chosen)
        if len(recorded) == 1:
            found = pieces(recorded[0], urls, path=path, raw_value=raw_value, redact=redacts)
        else:
            found = pieces_of_several(recorded, urls, redact=redacts)
        return [_item(piece) for piece in found]

    def take(taken: Taken | None) -> None:
        from kiket_console.ui.clipboard import copy as to_clipboard

        if taken is None:
            return
        piece = cast("Piece", taken.value)
        what = piece.what if taken.redacted else f"{piece.what}, unredacted,"
        to_clipboard(console, piece.text, what)
        if piece.notes:
            console.say(" ".join(piece.notes))

    title = f"Copy of {_named(chosen)}"
    console.push_screen(Menu(title, make, verb="copy", can_reveal=len(chosen) == 1), take)


def export(place: PlaceScreen, chosen: Sequence[Exchange]) -> None:
    """Let a person choose a kind of file for *chosen*, and where it is written."""
    if not chosen:
        return
    console = place.console
    urls = _urls(console)

    def make(redacts: bool) -> list[Item]:
        recorded = _read(console, chosen)
        is_small = sum(_body_bytes(each) for each in recorded) <= SMALL_BYTES
        items: list[Item] = []
        for each in FORMS:
            sized = ""
            try:
                if is_small:
                    sized = size(len(made(each.name, recorded, urls, redact=redacts)))
            except ConsoleError:  # a call that no command can repeat
                continue
            key = _FORM_KEYS[each.name]
            items.append(Item(key, each.label, sized, each.suffix, (each.name, recorded)))
        return items

    def take(taken: Taken | None) -> None:
        if taken is None:
            return
        name, recorded = cast("tuple[str, list[Recorded]]", taken.value)

        def write(file: Path) -> int:
            raw = made(name, recorded, urls, redact=taken.redacted)
            write_new(file, raw)
            return len(raw)

        _ask_where(place, chosen, form(name).suffix, write, redacted=taken.redacted)

    title = f"Export {_named(chosen)}"
    console.push_screen(Menu(title, make, verb="export", can_reveal=len(chosen) == 1), take)


def _ask_where(
    place: PlaceScreen,
    chosen: Sequence[Exchange],
    suffix: str,
    write: Callable[[Path], int],
    *,
    redacted: bool,
) -> None:
    """Ask for a file; *write* writes it, in a thread, and returns its size in bytes."""
    from kiket_console.ui.widgets.prompt import Prompt

    console = place.console
    number = str(chosen[0].id) if len(chosen) == 1 else f"{len(chosen)}-exchanges"
    offered = console.folder / f"traffic-{number}{suffix}"

    async def done(text: str) -> str:
        if not text.strip():
            return "Type the name of a file."
        file = _file(console, text.strip())
        count = await asyncio.to_thread(write, file)
        how = "" if redacted else ", unredacted"
        console.say(f"{file} is written: {plural(len(chosen), 'exchange')}, {size(count)}{how}.")
        return ""

    place.ask(Prompt("export to", str(offered), verb="write"), done)


def _body_bytes(recorded: Recorded) -> int:
    answers = (attempt.answer for attempt in recorded.detail.attempts)
    bodies = [recorded.detail.request.body, *(answer.body for answer in answers if answer)]
    return sum(len(body.raw) for body in bodies)


def _file(console: ConsoleApp, typed: str) -> Path:
    """Return the file of a name that was typed: the project's folder is where names begin."""
    return console.folder / Path(typed).expanduser()


def save(place: PlaceScreen, chosen: Sequence[Exchange]) -> None:
    """Ask for the name of a test, and save the delivery as one."""
    from kiket_console.exporting.case import name_for, refuse_what_cannot_be_a_test
    from kiket_console.saved_tests import save_test
    from kiket_console.ui.widgets.prompt import Prompt

    console = place.console
    if len(chosen) != 1:
        if chosen:
            console.say("Save one exchange at a time: each test has a name of its own.")
        return
    found = console.reader.detail(chosen[0].id)
    if found is None:
        return
    try:  # before a name is asked for
        refuse_what_cannot_be_a_test(found)
    except ConsoleError as error:
        console.say(str(error), error=True)
        return

    async def done(text: str) -> str:
        with closing(console.another_reader()) as reader:
            saved = await asyncio.to_thread(save_test, console.folder, found, text, reader)
        folder = console.folder.resolve()
        inside = saved.module.is_relative_to(folder)  # an extension may live elsewhere
        where = visible(str(saved.module.relative_to(folder) if inside else saved.module))
        console.say(" ".join((f"{where} is written, with its fixture.", *saved.notes)))
        return ""

    place.ask(Prompt("save as test", name_for(found), placeholder="its name", verb="save"), done)


def _read(console: ConsoleApp, chosen: Sequence[Exchange]) -> list[Recorded]:
    """Read all that is known of some exchanges, in a thread; raises `ConsoleError`."""
    with closing(console.another_reader()) as reader:
        return reading.recorded(reader, [each.id for each in chosen])


def _urls(console: ConsoleApp) -> Urls:
    status = console.status
    return Urls() if status is None else Urls(status.gateway_url, status.platform_url)


def _named(chosen: Sequence[Exchange]) -> str:
    if len(chosen) > 1:
        return plural(len(chosen), "exchange")
    return visible(f"{chosen[0].id} {chosen[0].name}")


def _item(piece: Piece) -> Item:
    count = len(piece.text.encode("utf-8", "replace"))
    first = " ".join(piece.notes) or " ".join(piece.text[: 4 * _NOTE].split())
    label = piece.what.removeprefix("The ")
    return Item(piece.key, label, size(count), shortened(first, _NOTE), piece)
