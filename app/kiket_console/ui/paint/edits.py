"""What an edited delivery differs in from the one that it was made from, and what would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.text import fit, plural, size, visible
from kiket_console.ui.paint.line import cut, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.sending.draft import Draft
    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import Preview

MARGIN = "  "
MOST = 500
"""So many differences are listed."""
SHOWN_CHARACTERS = 64 * 1024
"""So much of a payload is shown before it is sent."""
_LONGEST_LABEL = 36

Row = tuple[str, str | None, str | None]
"""What differs, and how it was and is; None where there was, or is, nothing."""


def changes(before: Draft, after: Draft) -> list[Row]:
    """Return what differs between two drafts: event, version, headers, then the payload."""
    found: list[Row] = []
    for name, old, new in (
        ("event", before.event, after.event.strip()),
        ("version", before.version, after.version.strip()),
    ):
        if old != new:
            found.append((name, old or None, new or None))
    if before.headers != after.headers:
        found += _headers(before.headers, after.headers)
    if before.payload != after.payload:
        found += payload_changes(before.payload, after.payload)
    return found


def change_lines(rows: Sequence[Row], width: int) -> list[Line]:
    """Return differences as lines."""
    if not rows:
        return [[(MARGIN + "Nothing differs from the original.", "muted")]]
    column = min(_LONGEST_LABEL, max(len(visible(name)) for name, _, _ in rows), width // 3)
    lines: list[Line] = []
    for name, old, new in rows[:MOST]:
        label = fit(visible(name), column)
        room = max(8, (width - column - 8) // 2)
        said: list[tuple[str, str]] = []
        if old is not None:
            said.append((fit(visible(old), min(room, len(visible(old)))), "error"))
        if new is not None:
            arrow = " → " if old is not None else "+ "
            said += [(arrow, "muted"), (visible(new), "ok")]
        else:
            said.append((" is left out", "muted"))
        lines.append(cut([(f"{MARGIN}{label}  ", "name"), *said], width))
    if len(rows) > MOST:
        lines.append([(f"{MARGIN}… and {len(rows) - MOST:,} more", "muted")])
    return lines


def preview_lines(preview: Preview, width: int) -> list[Line]:
    """Return what would be sent: what is to know of it, the head, the bytes that are signed."""
    lines: list[Line] = []
    for sentence, role in _sentences(preview):
        lines += wrap(sentence, width - 2, role, MARGIN)
    lines.append([])
    request, *headers = preview.head.split("\n")
    lines += wrap(request, width - 2, "strong", MARGIN)
    for header in headers:
        name, colon, value = header.partition(":")
        first, *rest = wrap(visible(value), width - len(name) - 3)
        lines.append([(MARGIN + visible(name) + colon, "name"), *first])
        lines += [[(MARGIN + " " * (len(name) + 1), ""), *each] for each in rest]
    lines.append([])
    text = preview.raw_body.decode("utf-8", "backslashreplace")
    for line in text[:SHOWN_CHARACTERS].split("\n"):
        lines += wrap(line, width - 2, "", MARGIN)
    if len(text) > SHOWN_CHARACTERS:
        more = size(len(text) - SHOWN_CHARACTERS)
        lines.append([(f"{MARGIN}… {more} more", "muted")])
    return lines


def _sentences(preview: Preview) -> list[tuple[str, str]]:
    found = [(preview.sentence, "ok" if preview.ok else "warning")]
    for dialect, covered in preview.signed:
        what = f"“{visible(covered)}” and the body" if covered else "the body alone"
        found.append((f"Signed as {dialect}: HMAC-SHA256 of {what}.", "muted"))
    if not preview.signed:
        found.append(("It has no signature.", "muted"))
    if preview.secrets:
        names = ", ".join(visible(name) for name in preview.secrets)
        count = plural(len(preview.secrets), "secret")
        found.append((f"Sent with {count} in the place of the marker: {names}.", "warning"))
    return found


def _headers(before: str, after: str) -> list[Row]:
    from kiket_console.comparing.headers import compare_headers
    from kiket_console.comparing.structure import Kind
    from kiket_console.sending import head

    try:
        changed = compare_headers(head.read(before), head.read(after))
    except head.HeaderError:
        return [("headers", None, "cannot be sent as they stand")]
    return [
        (each.name, _joined(each.before), _joined(each.after))
        for each in changed
        if each.kind is not Kind.SAME
    ]


def _joined(values: tuple[str, ...]) -> str | None:
    return ", ".join(values) if values else None


def payload_changes(before: str, after: str) -> list[Row]:
    """Return what differs between two texts of JSON, path by path."""
    from kiket_console.comparing import TooDifferent, compare, documents
    from kiket_console.comparing.structure import DIFFERENCES, Kind

    try:
        found = compare(documents.read(before), documents.read(after))
    except (ValueError, TooDifferent):
        return [("payload", size(len(before.encode())), size(len(after.encode())) + ", as text")]
    rows: list[Row] = []
    for each in found:
        if each.kind in DIFFERENCES or each.kind is Kind.REWRITTEN:
            old = None if each.kind is Kind.ADDED else _value(each.before)
            new = None if each.kind is Kind.REMOVED else _value(each.after)
            rows.append((each.path, old, new))
    return rows or [("payload", "blank space", "other blank space")]


def _value(value: Any) -> str:
    from kiket_console.sending import payload

    text = payload.write(value)
    return text if len(text) <= 200 else text[:199] + "…"
