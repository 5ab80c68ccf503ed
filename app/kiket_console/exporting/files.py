"""Exchanges as one file: an archive, JSON lines, a script, a report, or a bundle of them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console import __version__
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.exporting.as_http import as_http
from kiket_console.exporting.commands import base_url, curl
from kiket_console.exporting.har import har
from kiket_console.exporting.markdown import markdown
from kiket_console.exporting.members import detail_members, log_members
from kiket_console.exporting.redaction import for_others
from kiket_console.text import encodable, plural, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.exporting.commands import Urls
    from kiket_console.model import Detail, LogLine

SCHEMA: Final = 1


class Recorded(Struct, frozen=True):
    """An exchange with the log lines that were written during it."""

    detail: Detail
    logs: tuple[LogLine, ...] = ()


class Form(Struct, frozen=True):
    """A kind of file that exchanges can be exported to."""

    name: str
    suffix: str
    """How the file's name ends, with the dot."""
    label: str


FORMS: Final = (
    Form("har", ".har", "HTTP Archive (HAR 1.2)"),
    Form("jsonl", ".jsonl", "JSON lines, all that is known"),
    Form("curl", ".sh", "script of curl commands"),
    Form("markdown", ".md", "report in Markdown"),
    Form("bundle", ".zip", "bundle to share: report, HAR and JSON lines"),
)


def form(name: str) -> Form:
    """Return the kind of file of a name; raises `KeyError`."""
    return {each.name: each for each in FORMS}[name]


def made(name: str, recorded: Sequence[Recorded], urls: Urls, *, redact: bool = True) -> bytes:
    """Return a file of the kind *name*; raises `KeyError` for another one.

    *redact* leaves out what looks like a secret, and the locals of exceptions. It does not touch
    commands, which would not do the same then; a bundle is always redacted. Raises `ConsoleError`
    when it cannot be made.
    """
    form(name)
    shown = recorded
    if redact or name == "bundle":
        shown = [
            replace(
                each,
                detail=for_others(each.detail),
                logs=tuple(replace(line, frames="") for line in each.logs),
            )
            for each in recorded
        ]

    def requests(recorded: Sequence[Recorded]) -> list[tuple[Detail, str]]:
        return [(as_http(each.detail), base_url(each.detail, urls)) for each in recorded]

    if name == "har":
        if recorded and not any(_is_http(each.detail) for each in recorded):
            raise ConsoleError(
                "None of these is an HTTP request, and an archive holds nothing else.",
                exit_code=ExitCode.USAGE,
            )
        return _archive(requests(shown))
    if name == "jsonl":
        return _lines(shown)
    if name == "curl":
        return _script(requests(recorded))
    if name == "markdown":
        return _report(shown)
    return _bundle(shown, requests(shown))


def _report(recorded: Sequence[Recorded]) -> bytes:
    return "\n".join(markdown(each.detail, each.logs) for each in recorded).encode()


def _archive(requests: Sequence[tuple[Detail, str]]) -> bytes:
    sent = [each for each in requests if _is_http(each[0])]
    written = json.dumps(har(sent), indent=1, ensure_ascii=False)
    return encodable(written).encode() + b"\n"


def _lines(recorded: Sequence[Recorded]) -> bytes:
    return b"".join(
        encodable(
            json.dumps(
                {
                    "schema": SCHEMA,
                    **detail_members(each.detail),
                    "logs": [log_members(line) for line in each.logs],
                },
                ensure_ascii=False,
            )
        ).encode()
        + b"\n"
        for each in recorded
    )


def _is_http(detail: Detail) -> bool:
    return detail.exchange.path.startswith("/")


def _script(requests: Sequence[tuple[Detail, str]]) -> bytes:
    lines = ["#!/bin/sh", f"# Written by kiket-console {__version__}.", ""]
    for detail, url in requests:
        exchange = detail.exchange
        name = visible(" ".join(f"{exchange.id} {exchange.name} {exchange.version}".split()))
        if len(requests) > 1 and not _is_http(detail):
            lines += [f"# {name}: no HTTP request", ""]
            continue
        command = curl(detail, url)
        lines += [f"# {name}", *(f"# {note}" for note in command.notes), command.text, ""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _bundle(recorded: Sequence[Recorded], requests: Sequence[tuple[Detail, str]]) -> bytes:
    if not recorded:
        raise ConsoleError("There is nothing to bundle.", exit_code=ExitCode.USAGE)
    said = [
        "# Recorded exchanges",
        "",
        f"{plural(len(recorded), 'exchange')}, recorded by kiket-console {__version__}.",
        "Secrets, credentials, signatures and what looks like one of them are left out.",
        "",
        "* `report.md`: each exchange to read",
        "* `traffic.har`: opens in a browser's network tools",
        "* `exchanges.jsonl`: all that is known of each, one JSON document a line",
        "",
    ]
    parts = {
        "README.md": "\n".join(said).encode(),
        "report.md": _report(recorded),
        "traffic.har": _archive(requests),
        "exchanges.jsonl": _lines(recorded),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in parts.items():
            entry = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))  # the same each time it is made
            archive.writestr(entry, raw, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
