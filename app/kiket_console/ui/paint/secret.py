"""All that is known of one secret: its age and versions, who was given it, and how."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kiket_console.text import age, cell_width, fit, plural, visible
from kiket_console.ui.paint.labels import MARGIN, labelled, sentence
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.processes import ago
from kiket_console.ui.paint.secrets import (
    ENVIRONMENT,
    MASK,
    PAYLOAD,
    Standing,
    is_old,
    standing,
)
from kiket_console.wire_secrets import OF_EXTENSIONS, SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.wire_secrets import SecretEntry, VaultFacts

MOST, MOST_LINES = 8_000, 200
"""So many characters and lines of a value are shown."""
_HOW: Final = {
    "pipe": "through its pipe, as it started",
    "message": "in a message, as it asked",
    PAYLOAD: "with a delivery",
    ENVIRONMENT: "in its environment, where your other programs can read it",
}


def about(
    entry: SecretEntry,
    vault: VaultFacts,
    width: int,
    now_us: int,
    key: KeyOf,
    shown: Sequence[Line] = (),
) -> list[Line]:
    """Return what is known of a secret: what is wrong first, then its value's age and users.

    *shown*: its value as lines, while it may be seen.
    """
    found = standing(entry, now_us)
    lines = _lacks(entry, found, width, now_us, key)
    lines += shown
    if found is Standing.KEPT and not shown:
        shows = [(key("secrets.reveal"), "accent"), (" shows it for 10 s, ", "muted")]
        copies = [(key("secrets.copy"), "accent"), (" copies it for 30 s", "muted")]
        lines += labelled("Value", [[(f"{MASK}  ", ""), *shows, *copies]], width)
    if entry.scope:
        lines += labelled("Scope", [_scope(entry, vault)], width)
    lines += _history(entry, found, width, now_us, key)
    lines += [[], *_workers(entry, width, now_us)]
    remarks = _remarks(entry)
    if remarks and found is Standing.KEPT:
        lines.append([])
        for remark in remarks:
            told = wrap(remark, width - 6, "")
            lines += [
                [(f"{MARGIN}! " if not number else f"{MARGIN}  ", "warning"), *line]
                for number, line in enumerate(told)
            ]
    return lines


def _lacks(entry: SecretEntry, found: Standing, width: int, now_us: int, key: KeyOf) -> list[Line]:
    """Return what is to be done about a secret without a value."""
    if found is Standing.KEPT:
        return []
    if found is Standing.MISSING:
        said, id_, does = "Nobody has given it a value yet.", "open", "adds it"
    elif found is Standing.DELETED:
        left = age((entry.previous_until_us - now_us) / 1e6)
        said, id_, does = (
            f"It is deleted, and kept for {left} still.",
            "secrets.restore",
            ("brings it back"),
        )
    else:
        said = "The keyring has no value for it any more: another program may have deleted it."
        id_, does = "secrets.edit", "gives it a new one"
    role = "muted" if found is Standing.DELETED else "warning"
    return [
        *wrap(said, width - 2, role, MARGIN),
        [(MARGIN, ""), (key(id_), "accent"), (f" {does}", "muted")],
        *([[]] if entry.scope else []),
    ]


def _scope(entry: SecretEntry, vault: VaultFacts) -> Line:
    reach = "of all your projects" if entry.scope == SHARED else "of this project alone"
    where = "" if vault.state == "session" else ", in the keyring"
    return [(visible(entry.scope), ""), (f"  {reach}{where}", "muted")]


def _history(
    entry: SecretEntry, found: Standing, width: int, now_us: int, key: KeyOf
) -> list[Line]:
    lines: list[Line] = []
    if entry.created_us:
        lines += labelled("Added", [_when(entry.created_us, now_us)], width)
    if entry.version > 1 and entry.updated_us:
        version: Line = [(f"version {entry.version}", "")]
        lines += labelled("Changed", [_when(entry.updated_us, now_us), version], width)
    if found is Standing.KEPT and entry.previous_until_us > now_us:
        left = age((entry.previous_until_us - now_us) / 1e6)
        back: Line = [
            (f"the value before is kept for {left}: ", "muted"),
            (key("secrets.restore"), "accent"),
            (" brings it back", "muted"),
        ]
        lines += labelled("Before", [back], width)
    return lines


def _workers(entry: SecretEntry, width: int, now_us: int) -> list[Line]:
    asked: list[Line] = [[(visible(name), "")] for name in entry.declared_by]
    nobody = "each extension has it" if entry.name in OF_EXTENSIONS else "no worker declares it"
    lines = labelled("Asked by", asked or [[(nobody, "muted")]], width)
    cells = min(24, max((cell_width(visible(use.worker)) for use in entry.uses), default=0))
    for number, use in enumerate(entry.uses):
        old = entry.present and is_old(entry, use)
        version = f"version {use.version}" if use.version else ""
        given: Line = [
            (fit(visible(use.worker), cells), ""),
            (" ! " if old else " ✓ ", "warning" if old else "ok"),
            (f"{ago(use.at_us, now_us):<14}", "muted"),
            (f"{version}, the old value  " if old else f"{version}  ", "warning" if old else ""),
            (_HOW.get(use.how, visible(use.how)), "muted"),
        ]
        lines += labelled("" if number else "Given to", [given], width)
    if not entry.uses and entry.present:
        lines += labelled("Given to", [[("nobody yet", "muted")]], width)
    return lines


def _remarks(entry: SecretEntry) -> list[str]:
    """Return what a person should know who relies on it being kept from others."""
    said = []
    if outside := [visible(use.worker) for use in entry.uses if use.how == ENVIRONMENT]:
        names = ", ".join(outside)
        has = "has it in its" if len(outside) == 1 else "have it in their"
        said.append(
            f"{names} {has} environment: what such a command prints or starts is not kept from "
            "showing it."
        )
    if entry.short:
        said.append(
            "It is shorter than 8 characters, and is not cut out of logs and exports: too much "
            "else looks like it."
        )
    if entry.env_file:
        said.append(
            "The project's .env gives a variable of this name, too: code that reads its "
            "environment finds that one."
        )
    if entry.hides_shared:
        said.append("A shared secret has the same name; this project sees its own value.")
    return said


def _when(at_us: int, now_us: int) -> Line:
    written = time.strftime("%Y-%m-%d %H:%M", time.localtime(at_us // 1_000_000))
    return [(written, ""), (f"  {ago(at_us, now_us)}", "muted")]


def value_lines(value: str, width: int) -> list[Line]:
    """Return a value as it is, line for line, for the seconds in which it is shown.

    Of a long one the beginning is shown: nobody reads more in that time.
    """
    lines: list[Line] = []
    for number, part in enumerate(value[:MOST].split("\n")[:MOST_LINES]):
        lines += sentence("" if number else "Value", part, width, "accent")
    if len(value) > MOST or value.count("\n") >= MOST_LINES:
        lines += sentence("", f"… of {plural(len(value), 'character')}", width, "muted")
    return lines
