"""Text from outside is never parsed as markup: no call that would do so is in the program."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = sorted((ROOT / "app").rglob("*.py"))

SHOWS_MARKUP = {"Button", "Label", "Link", "Static", "notify"}
"""These parse their first argument as markup unless told `markup=False`."""
SAFE_MAKERS = {"Content", "Text", "assemble", "blank", "from_text", "styled"}
"""What these make is text with styles: nothing in it is parsed any more."""
OWN_WIDGETS = "kiket_console.ui.widgets."
"""They draw lines of styled text; Textual's of the same names parse what they are given."""
BANNED = {"from_markup", "from_ansi", "render_markup"}
NAMED = re.compile("|".join(BANNED | SHOWS_MARKUP))


def risks(source: str) -> list[tuple[int, str]]:
    """Return line and reason of each call in *source* that could parse outside text as markup."""
    found: list[tuple[int, str]] = []
    if not NAMED.search(unicodedata.normalize("NFKC", source)):  # as Python reads names
        return found
    tree = ast.parse(source)
    drawn_by_lines = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OWN_WIDGETS)
        for name in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = called(node.func)
        if name in BANNED:
            found.append((node.lineno, f"{name}() parses markup"))
        elif name in SHOWS_MARKUP - drawn_by_lines and node.args and not is_safe(node):
            found.append((node.lineno, f"{name}() parses what it is given; pass markup=False"))
    return sorted(found)


def called(function: ast.expr) -> str:
    """Return the last name of what is called: `notify` for `self.app.notify`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def is_safe(call: ast.Call) -> bool:
    """Return whether the first argument is our own literal, styled text, or not parsed at all."""
    for keyword in call.keywords:
        if keyword.arg == "markup":
            return isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    shown = call.args[0]
    if isinstance(shown, ast.Call):
        return called(shown.func) in SAFE_MAKERS
    return isinstance(shown, ast.Constant)


def test_no_module_parses_outside_text() -> None:
    found = {str(path.relative_to(ROOT)): risks(path.read_text()) for path in PROGRAM}
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "line",
    [
        "self.notify(message)",
        "app.notify(f'saved {name}')",
        "self.notify(message, markup=wanted)",
        "Static(title)",
        "Label(event.name, id='x')",
        "Static(str(path))",
        "Text.from_markup('[b]x[/]')",
        "Content.from_markup(row)",
        "Text.from_ansi(line)",
        "from textual.widgets import Label; Label(name)",
    ],
)
def test_a_risky_call_is_found(line: str) -> None:
    assert [where for where, _ in risks(line)] == [1]


@pytest.mark.parametrize(
    "line",
    [
        "self.notify('Copied.')",
        "self.notify(message, markup=False)",
        "Static()",
        "Static('No traffic yet.', id='empty')",
        "Static(title, markup=False)",
        "Static(Content(visible(title)))",
        "Label(Text.assemble((a, 'bold')))",
        "hub.publish(message)",
        "from kiket_console.ui.widgets.label import Label; Label(name)",
    ],
)
def test_a_safe_call_passes(line: str) -> None:
    assert risks(line) == []
