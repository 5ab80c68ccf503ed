"""What the program tells a person when it cannot do what was asked."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import Final

DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
"""What writing fails with where there is no room, or none for this user."""


class ExitCode(IntEnum):
    """What a command's exit status means; documented in the README."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CONFIG = 3
    """The project, its manifest or a setting is wrong."""
    AUTH = 4
    """Not trusted, or a secret or keyring is missing."""
    NETWORK = 5
    """A port, socket or engine cannot be had."""
    VERIFICATION = 6
    """A signature or stored body does not hold, or two exchanges differ."""
    CONTRACT = 7
    """What was triggered, replayed or sent did not end well."""
    EXPIRED = 8
    """The session token that a message is signed with is not valid any more."""
    SCOPE = 9
    """A message is signed for another region or service than its producer's."""
    SKEW = 10
    """A message is signed by a clock that is too far off."""
    UNREADABLE = 11
    """A producer's answer is not what a producer answers."""
    UNTRACKED = 12
    """A producer answered without a tracking id."""
    TOO_LARGE = 13
    """A message is larger than a producer takes."""
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Return what it says about a command, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILURE: "it failed",
    ExitCode.USAGE: "the command line makes no sense, or there is no terminal to draw on",
    ExitCode.CONFIG: "the project, its manifest or a setting is wrong",
    ExitCode.AUTH: "the folder is not trusted, or a secret or keyring is missing",
    ExitCode.NETWORK: "a port, a socket or an engine cannot be had",
    ExitCode.VERIFICATION: "a signature or stored body does not hold, or two exchanges differ",
    ExitCode.CONTRACT: "what was triggered or replayed was not answered with 2xx, or a producer "
    "did not take a message",
    ExitCode.EXPIRED: "the session token that a message is signed with has expired",
    ExitCode.SCOPE: "a message is signed for another region or service than its producer's",
    ExitCode.SKEW: "a message is signed by a clock that is too far off",
    ExitCode.UNREADABLE: "a producer answered what is no JSON object",
    ExitCode.UNTRACKED: "a producer answered without a tracking id",
    ExitCode.TOO_LARGE: "a message is larger than a producer takes",
    ExitCode.INTERRUPTED: "interrupted",
}


class ConsoleError(Exception):
    """One sentence about what happened, and one about what to do next.

    `message` names the thing (value quoted); `hint` is the next step, or empty.
    Neither holds a secret.
    """

    def __init__(
        self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.FAILURE
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()
