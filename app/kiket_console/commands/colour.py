"""Colour on plain lines: sixteen colours by role, and whether a stream wants any.

`NO_COLOR` says no, then `FORCE_COLOR` and `CLICOLOR_FORCE` say yes, then `CLICOLOR=0` and
`TERM=dumb` say no; without any of them a terminal gets colour and a file does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

import click

Paint: TypeAlias = Callable[[str, str], str]
"""Takes a role and a text that is safe on a terminal, and returns it in the role's colour."""

_STYLES: Final[dict[str, dict[str, object]]] = {
    "muted": {"dim": True},
    "strong": {"bold": True},
    "accent": {"fg": "cyan"},
    "ok": {"fg": "green"},
    "warning": {"fg": "yellow"},
    "error": {"fg": "red"},
    "api": {"fg": "blue"},
}


def is_wanted(*, err: bool = False) -> bool:
    """Tell whether standard output, or standard error, is to have colour."""
    said = os.environ
    if said.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if said.get(name):
            return said[name] not in {"0", "false"}
    if said.get("CLICOLOR") == "0" or said.get("TERM") == "dumb":
        return False
    return (sys.stderr if err else sys.stdout).isatty()


def plain(_: str, text: str) -> str:
    """Return *text* as it is."""
    return text


def coloured(role: str, text: str) -> str:
    """Return *text* in the colour of *role*; a role without one leaves it as it is."""
    style = _STYLES.get(role)
    return click.style(text, **style) if style and text.strip() else text  # type: ignore[arg-type]


def paint(*, err: bool = False) -> Paint:
    """Return how texts are coloured for standard output, or standard error."""
    return coloured if is_wanted(err=err) else plain


def echo(line: str, *, err: bool = False) -> None:
    """Print a painted line; `click` alone would take the colours of `FORCE_COLOR` out again."""
    click.echo(line, err=err, color=is_wanted(err=err))
