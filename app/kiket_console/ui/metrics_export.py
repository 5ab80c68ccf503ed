"""Write a report as JSON, to a file that a person names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kiket_console.exporting.files import SCHEMA
from kiket_console.exporting.members import report_members
from kiket_console.new_file import write_new
from kiket_console.text import size, visible

if TYPE_CHECKING:
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.screens.place import PlaceScreen


def export(place: PlaceScreen, report: Report) -> None:
    """Ask for a file, and write *report* to it as `kiket-console metrics --json` prints it."""
    from kiket_console.ui.widgets.prompt import Prompt

    console = place.console
    document = {"schema": SCHEMA, **report_members(report)}
    raw = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"

    async def done(text: str) -> str:
        if not text.strip():
            return "Type the name of a file."
        file = _file(console.folder, text.strip())
        await asyncio.to_thread(write_new, file, raw)
        console.say(f"{visible(str(file))} is written: {size(len(raw))}.")
        return ""

    offered = console.folder / f"metrics-{report.window}.json"
    place.ask(Prompt("export to", str(offered), verb="write"), done)


def _file(folder: Path, typed: str) -> Path:
    """Return the file of a name that was typed: the project's folder is where names begin."""
    return folder / Path(typed).expanduser()
