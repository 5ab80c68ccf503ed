"""Text from outside is never parsed as markup: no call that would do so is in the program."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = sorted((ROOT / "app").rglob("*.py"))

SHOWS_MARKUP = {"Button", "Label", "Link", "Static", "notify"}
"""These parse their first argument as markup unless told `markup=False`."""
SAFE_MAKERS = {"Content", "Text", "assemble", "blank", "from_text", "styled"}
"""What these make is text with styles: nothing in it is parsed any more."""
BANNED = {"from_markup", "from_ansi", "render_markup"}


def risks(source: str) -> list[tuple[int, str]]:
    """Return line and reason of each call in *source* that could parse outside text as markup."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = called(node.func)
        if name in BANNED:
            found.append((node.lineno, f"{name}() parses markup"))
        elif name in SHOWS_MARKUP and node.args and not is_safe(node):
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


@pytest.mark.parametrize("module", PROGRAM, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_parses_outside_text(module: Path) -> None:
    assert risks(module.read_text()) == []


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
    ],
)
def test_a_safe_call_passes(line: str) -> None:
    assert risks(line) == []
