"""What can go wrong between here and a producer, said in one way by both clients."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final

from kindo_message_client.errors import AnswerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer that are read."""
_NUMBER: Final = re.compile(r"\[Errno -?\d+\] ")
_NO_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_DEEPEST: Final = 8


def unreachable(host: str, why: object) -> UnreachableError:
    """Return the error that says that no connection came about."""
    return UnreachableError(
        f"The producer at {host} cannot be reached: {reason(why)}. Check the URL and the network.",
        may_be_taken=False,
    )


def reason(why: object) -> str:
    """Return in words why no connection came about; HTTP libraries hide it behind their own."""
    for each in _behind(why):
        if isinstance(each, ConnectionRefusedError):
            return "nothing listens on that port"
        if isinstance(each, socket.gaierror) and each.errno in _NO_NAME:
            return "no such host"
    return _NUMBER.sub("", str(why)).strip().rstrip(".") or type(why).__name__


def _behind(why: object) -> Iterator[BaseException]:
    """Give an exception and what caused it, down to the first; of a group the first."""
    for _ in range(_DEEPEST):
        if not isinstance(why, BaseException):
            return
        yield why
        grouped = getattr(why, "exceptions", None)
        why = grouped[0] if grouped else why.__cause__ or why.__context__


def broken(host: str, why: object = "", *, may_be_taken: bool = True) -> UnreachableError:
    """Return the error that says that the connection ended before the answer did."""
    sentence = f"The connection to {host} broke before the answer came"
    sentence += f": {why}." if why else "."
    if may_be_taken:
        sentence += " The message may have been taken."
    return UnreachableError(sentence, may_be_taken=may_be_taken)


def late(host: str, timeout_s: float) -> UnreachableError:
    """Return the error that says that time is over."""
    return UnreachableError(
        f"No answer came from {host} within {timeout_s:g} s. The message may have been taken.",
        may_be_taken=True,
    )


def too_large(host: str) -> AnswerError:
    """Return the error that says that an answer is longer than is read."""
    return AnswerError(f"{host} answered with more than {MAX_ANSWER:,} bytes.")


def compressed(host: str) -> AnswerError:
    """Return the error that says that an answer cannot be read."""
    return AnswerError(f"{host} answered with compressed text, which was not asked for.")
