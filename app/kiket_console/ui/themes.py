"""The colours: dusk (default), dawn (light) and the terminal's own sixteen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.color import Color
from textual.theme import Theme

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Collection

DEFAULT = "kiket-dusk"

_DUSK_FAINT = "#4d5965"
_DAWN_FAINT = "#b3b9bf"


def shared(
    muted: str,
    faint: str,
    text: str,
    accent: str,
    cursor: str,
    *,
    ok: str,
    warning: str,
    error: str,
) -> dict[str, str]:
    """Return the variables that follow from a few colours."""
    return {
        "text": text,
        "muted": muted,
        "ink-accent": accent,
        "ink-ok": ok,
        "ink-warning": warning,
        "ink-error": error,
        "text-muted": muted,
        "foreground-muted": muted,
        "faint": faint,
        "cursor": cursor,
        "cursor-blurred": cursor,
        "cursor-text-style": "none",
        "block-cursor-background": cursor,
        "block-cursor-foreground": text,
        "block-cursor-text-style": "none",
        "border": faint,
        "border-blurred": faint,
        "footer-key-foreground": accent,
        "input-cursor-background": text,
        "input-selection-background": f"{accent} 30%",
        "scrollbar": faint,
        "scrollbar-hover": muted,
        "scrollbar-active": accent,
    }


DUSK = Theme(
    name=DEFAULT,
    dark=True,
    primary="#59c9b1",
    secondary="#72aeea",
    accent="#59c9b1",
    foreground="#d9e0e8",
    background="#0f1317",
    surface="#141a20",
    panel="#1b232b",
    success="#7cc487",
    warning="#e3b25f",
    error="#e8747c",
    variables={
        **shared(
            "#8593a1",
            _DUSK_FAINT,
            "#d9e0e8",
            "#59c9b1",
            "#1d2a30",
            ok="#7cc487",
            warning="#e3b25f",
            error="#e8747c",
        ),
        "info": "#72aeea",
        "source-webhook": "#72aeea",
        "source-api": "#a99be8",
        "source-ipc": "#59c9b1",
        "source-producer": "#e3b25f",
        "source-log": "#8593a1",
        "scrollbar-background": "#141a20",
        "scrollbar-background-hover": "#141a20",
        "scrollbar-background-active": "#141a20",
    },
)

DAWN = Theme(
    name="kiket-dawn",
    dark=False,
    primary="#0f7f6b",
    secondary="#2565a8",
    accent="#0f7f6b",
    foreground="#23292f",
    background="#fbfaf7",
    surface="#f3f1ec",
    panel="#e9e6df",
    success="#2f7d3b",
    warning="#94660b",
    error="#b3323b",
    variables={
        **shared(
            "#66717c",
            _DAWN_FAINT,
            "#23292f",
            "#0f7f6b",
            "#e2ebe4",
            ok="#2f7d3b",
            warning="#94660b",
            error="#b3323b",
        ),
        "info": "#2565a8",
        "source-webhook": "#2565a8",
        "source-api": "#6450b8",
        "source-ipc": "#0f7f6b",
        "source-producer": "#94660b",
        "source-log": "#66717c",
        "scrollbar-background": "#f3f1ec",
        "scrollbar-background-hover": "#f3f1ec",
        "scrollbar-background-active": "#f3f1ec",
    },
)

ANSI = Theme(
    name="kiket-ansi",
    ansi=True,
    dark=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        "ansi-background": "ansi_default",
        "text": "ansi_default",
        "muted": "ansi_bright_black",
        "ink-accent": "ansi_cyan",
        "ink-ok": "ansi_green",
        "ink-warning": "ansi_yellow",
        "ink-error": "ansi_red",
        "text-muted": "ansi_bright_black",
        "foreground-muted": "ansi_bright_black",
        "faint": "ansi_bright_black",
        "cursor": "ansi_default",
        "cursor-blurred": "ansi_default",
        "cursor-text-style": "bold",
        "info": "ansi_blue",
        "source-webhook": "ansi_blue",
        "source-api": "ansi_magenta",
        "source-ipc": "ansi_cyan",
        "source-producer": "ansi_yellow",
        "source-log": "ansi_bright_black",
        "border": "ansi_bright_black",
        "border-blurred": "ansi_bright_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)

THEMES = (DUSK, DAWN, ANSI)


def fallbacks(variables: dict[str, str]) -> dict[str, str]:
    """Return our own variables for a theme that is not ours, from the ones that each theme has.

    A theme is made for its own widgets, which put some colours behind text only: here they are
    text, so that each is moved towards the theme's text until it can be read.
    """
    if variables["background"].startswith("ansi"):
        muted = faint = "ansi_bright_black"
        cursor, blurred = "ansi_default", "ansi_default"
        ink = {name: variables[name] for name in _INKS}
    else:
        text, ground = Color.parse(variables["foreground"]), Color.parse(variables["background"])
        muted, faint = text.blend(ground, 0.36).hex, text.blend(ground, 0.68).hex
        cursor, blurred = variables["panel"], variables["surface"]
        ink = {name: readable(Color.parse(variables[name]), text, ground).hex for name in _INKS}
    return {
        "muted": muted,
        "faint": faint,
        "cursor": cursor,
        "cursor-blurred": blurred,
        "cursor-text-style": "bold" if cursor == "ansi_default" else "none",
        "ink-accent": ink["accent"],
        "ink-ok": ink["success"],
        "ink-warning": ink["warning"],
        "ink-error": ink["error"],
        "info": ink["secondary"],
        "source-webhook": ink["secondary"],
        "source-api": ink["primary"],
        "source-ipc": ink["accent"],
        "source-producer": ink["warning"],
        "source-log": muted,
    }


_INKS = ("accent", "success", "warning", "error", "primary", "secondary")
_APART = 0.3
_STEP = 0.15


def readable(colour: Color, text: Color, ground: Color) -> Color:
    """Return *colour* so far towards *text* that it stands out from *ground*."""
    for _ in range(8):
        if abs(colour.brightness - ground.brightness) >= _APART:
            break
        colour = colour.blend(text, _STEP)
    return colour


def fitting(name: str, *, few_colours: bool) -> str:
    """Return the theme to wear: with *few_colours* the terminal's own stand in for the default."""
    return ANSI.name if few_colours and name == DEFAULT else name


def known(name: str, names: Collection[str]) -> str:
    """Return *name* when it is among the *names* of themes; raise `ConsoleError` otherwise."""
    if name not in names:
        raise ConsoleError(
            f'There is no theme "{name}".',
            hint=f"There are {', '.join(sorted(names))}.",
            exit_code=ExitCode.CONFIG,
        )
    return name
