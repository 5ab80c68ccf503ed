"""A step of the setup wizard, drawn as the person meets it who installs the extension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kiket_console.text import cell_width, fit, visible
from kiket_console.ui.paint.findings import finding_lines
from kiket_console.ui.paint.line import cut, line_width, spread, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.setup_wizard import Field, Setup, Step
    from kiket_console.ui.paint.line import Line, Piece

MARGIN = "  "
WIDEST = 84
"""A form is no easier to read when it is wider."""
_BOX = 46
_SECRET = "••••••••••••"  # noqa: S105 - what stands for one
_WAYS = {
    "oauth2": "signs in with the provider",
    "oauth2_client_credentials": "the provider gives it to the extension",
    "api_key": "an API key",
    "token": "a token",
    "input": "typed in",
    "basic": "a name and a password",
    "auto_generate": "made at random",
}
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"(\s*)[-*]\s+(.*)")
_EMPHASIS = re.compile(r"(\*\*|__|`)(.+?)\1")


def wizard_title(setup: Setup) -> str:
    """Return what the wizard is called."""
    return visible(f"{setup.name} {setup.version}".rstrip())


def step_lines(step: Step, width: int, folder: Path | None = None) -> list[Line]:
    """Return one step as lines of at most *width* cells, places as seen from *folder*."""
    room = min(width, WIDEST) - len(MARGIN)
    facts = [step.kind, "required" if step.required else "", step.scope and f"for the {step.scope}"]
    said: Line = [(visible(" · ".join(filter(None, facts))), "muted")]
    lines: list[Line] = [
        spread([(f"{MARGIN}{visible(step.title)}  ", "strong")], said, room + len(MARGIN))
    ]
    if step.description:
        lines += wrap(step.description.strip(), room, "muted", MARGIN)
    if step.help_url:
        lines.append(_link("How to", step.help_url, room))
    for field in step.fields:
        lines += [[], *_field(field, room)]
    if step.action:
        lines += [[], *_test(step, room)]
    if step.content:
        lines += [[], *_markdown(step.content.strip(), room)]
    if step.links:
        lines += [[], *(_link(each.label, each.url, room) for each in step.links)]
    if step.findings:
        lines += [[], *finding_lines(step.findings, width, folder)]
    return lines


def _field(field: Field, room: int) -> list[Line]:
    label: list[Piece] = [(MARGIN + visible(field.label), "")]
    if field.required:
        label.append((" *", "accent"))
    key = visible(field.key)
    lines: list[Line] = [
        spread(label, [(f"  {key}", "faint")] if key != visible(field.label) else [], room + 2)
    ]
    lines += list(_input(field, room))
    if field.description:
        lines += wrap(field.description.strip(), room, "muted", MARGIN)
    notes = []
    if field.obtain:
        notes.append(_WAYS.get(field.obtain, field.obtain))
    if field.shown_when:
        other, value = field.shown_when
        notes.append(f"asked when {other} is {value}" if value else f"asked when {other} is set")
    if notes:
        lines += wrap(", ".join(notes), room, "muted", MARGIN)
    if field.help_url:
        lines.append(_link("How to get it", field.help_url, room))
    return lines


def _input(field: Field, room: int) -> Iterator[Line]:
    if field.options and field.type not in {"multiselect"} and _fits(field, room):
        pieces: list[Piece] = [(MARGIN, "")]
        for value, label in field.options:
            chosen = value == field.default
            pieces.append(("◉ " if chosen else "○ ", "accent" if chosen else "muted"))
            pieces.append((f"{visible(label)}   ", "" if chosen else "muted"))
        yield pieces
    elif field.options:
        for value, label in field.options:
            chosen = value == field.default
            sign: Piece = ("◉ " if chosen else "○ ", "accent" if chosen else "muted")
            yield cut([(MARGIN, ""), sign, (visible(label), "" if chosen else "muted")], room)
    elif field.type == "boolean":
        is_on = field.default == "true"
        sign = ("[✓]", "accent") if is_on else ("[ ]", "muted")
        yield [(MARGIN, ""), sign, (" on" if is_on else " off", "muted")]
    else:
        yield _box(field, min(_BOX, room - 4))


def _fits(field: Field, room: int) -> bool:
    return sum(cell_width(visible(label)) + 5 for _, label in field.options) <= room


def _box(field: Field, width: int) -> Line:
    value, role, arrow = field.default.split("\n")[0], "", ""
    if field.is_secret:
        value, role = (_SECRET, "muted")
    elif field.is_offered:
        value, role, arrow = (
            f"one of the platform's {_plural(field.type)}",
            "muted",
            "▾",
        )
    elif not value:
        value, role = field.placeholder, "muted"
    inner = fit(visible(value), width - 2 - len(arrow)) + arrow
    return [(f"{MARGIN}[ ", "faint"), (inner, role), (" ]", "faint")]


def _plural(kind: str) -> str:
    words = kind.replace("_", " ")
    return {"priority": "priorities", "workflow status": "workflow statuses"}.get(
        words, f"{words}s"
    )


def _test(step: Step, room: int) -> list[Line]:
    lines: list[Line] = [
        cut([(MARGIN, ""), ("▸ ", "accent"), (f"{visible(step.action)}", "accent")], room)
    ]
    if step.success_message:
        said = f"✓ {visible(step.success_message)}"
        lines.append(cut([(MARGIN, ""), (said, "muted")], room))
    return lines


def _markdown(text: str, room: int) -> list[Line]:
    """Return Markdown as a person reads it: headings, lists and emphasis."""
    lines: list[Line] = []
    for written in text.split("\n"):
        heading, item = _HEADING.match(written), _ITEM.match(written)
        if heading:
            lines += wrap(_plain(heading[1]), room, "strong", MARGIN)
        elif item:
            indent = MARGIN + " " * min(8, len(item[1]))
            wrapped = wrap(_plain(item[2]), room - 2, "", indent + "  ")
            first = "".join(part for part, _ in wrapped[0])[len(indent) + 2 :]
            lines += [[(f"{indent}• ", "accent"), (first, "")], *wrapped[1:]]
        else:
            lines += wrap(_plain(written), room, "", MARGIN)
    return lines


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\2", text)


def _link(label: str, url: str, room: int) -> Line:
    said: Line = [
        (MARGIN, ""),
        ("→ ", "accent"),
        (visible(label), ""),
        (f"  {visible(url)}", "muted"),
    ]
    return said if line_width(said) <= room + 2 else cut(said, room + 2)
