"""Facts below each other: a label, and behind it one value, several, or a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kiket_console.text import fit
from kiket_console.ui.paint.line import cut, joined, wrap

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

MARGIN = "  "
LABEL = 12


def labelled(label: str, values: list[Line], width: int) -> list[Line]:
    """Return values after a label, as many to a line as fit; without any, that there are none."""
    lines: list[Line] = []
    room = width - LABEL - 4
    group: list[Line] = []
    for value in values or [[("none", "muted")]]:
        if group and sum(len(text) for text, _ in joined([*group, value], " · ")) > room:
            lines.append(joined(group, " · "))
            group = []
        group.append(value)
    lines.append(joined(group, " · "))
    return [
        [(MARGIN + fit(label if not position else "", LABEL), "muted"), *cut(line, room)]
        for position, line in enumerate(lines)
    ]


def address(label: str, url: str, width: int) -> list[Line]:
    """Return an address after a label, whole: broken behind a slash where it is too long."""
    room = max(8, width - LABEL - 4)
    pieces: list[str] = []
    for part in re.findall(r"[^/]*/|[^/]+", url):
        if pieces and len(pieces[-1]) + len(part) <= room:
            pieces[-1] += part
        else:
            pieces.append(part)
    return sentence(label, "\n".join(pieces), width, "")


def sentence(label: str, text: str, width: int, role: str) -> list[Line]:
    """Return a sentence after a label, on as many lines as it needs."""
    wrapped = wrap(text, width - LABEL - 4, role)
    return [
        [(MARGIN + fit("" if position else label, LABEL), "muted"), *line]
        for position, line in enumerate(wrapped)
    ]
