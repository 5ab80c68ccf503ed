"""The words that are said of modules and their messages; imports nothing of ours."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a module's message was; an exchange that is none of a module's has no kind."""

    REQUEST = "req"
    """It asks for a reply."""
    NOTIFICATION = "notify"
    """It asks for none."""
    INVALID = "invalid"
    """It is no message of the protocol: stray output, half a line, one over a limit."""


class Direction(StrEnum):
    """Which way a module's message went, as its developer sees it."""

    IN = "in"
    """Towards the developer's code."""
    OUT = "out"
    """From it."""


class Channel(StrEnum):
    """What a module's message went over."""

    STDIO = "stdio"
    TCP = "tcp"
    UDS = "uds"
    HTTP = "http"
