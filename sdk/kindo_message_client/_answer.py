"""What the producer's answer says, and what may be said of it (Kindo specification §7.4)."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from kiket_core.secret import Redactor, RedactorFullError, redactor
from kindo_message_client._message import is_sensitive
from kindo_message_client.errors import AnswerError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kindo_message_client._sigv4 import Signed

_MAX_TEXT: Final = 500  # characters of an answer
_SHARED: Final = 12
"""Whoever reads so many characters of a sensitive value in a row has read it."""
_MOST_VALUES: Final = 200
_MOST_CHARACTERS: Final = 32 * 1024
"""Where a sensitive payload has more values or characters, nothing of an answer is shown."""
_LEFT_OUT: Final = "[left out: it may repeat the sensitive message]"
_SIGNATURE: Final = re.compile(
    r"AWS4-HMAC-SHA256[ +]Credential.{0,400}?Signature=[0-9a-f]{64}", re.S
)

_logger: Final = logging.getLogger("kindo_message_client")


def tracking_id(answer: Any, message: Any = None, *, strict: bool = False) -> str | None:
    """Return the tracking id of the JSON that came with status 200 for *message*.

    Without one, the producer may have the message all the same: it is logged, and None returned.

    Raises:
        AnswerError: if *answer* is no object; or, if *strict*, has no tracking id.
    """
    if not isinstance(answer, dict):
        raise AnswerError(f"Unexpected response format: {shown(repr(answer), message)}")
    found = answer.get("tracking_id")
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if isinstance(found, str) and found:
        return found
    sentence = (
        "The producer answered 200 without a tracking id; it may have the message. Check the URL, "
        "and look for the message there before you send it again."
    )
    if strict:
        raise AnswerError(sentence)
    _logger.warning(sentence)
    return None


def refused(
    status: int,
    text: object,
    message: Any,
    headers: Mapping[str, str] | None = None,
    signed: Callable[[], Signed] | None = None,
) -> RefusedError:
    """Return the error that says which status and text the producer answered with.

    And why, where the answer refuses what *signed* returns.
    """
    said = str(text)
    if headers is not None and 300 <= status <= 399 and "location" in headers:
        said = f"{said} (to {headers['location']}; redirects are not followed)".lstrip()
    why = None
    if signed is not None and headers is not None:
        from kindo_message_client._explanation import explain

        why = explain(status, headers.items(), said, signed())
    if why is not None:
        # What is quoted of the answer is as it came; what was compared is for screens alone.
        why = replace(why, sentence=shown(why.sentence, message), evidence=())
    return RefusedError(
        f"Failed to send message: {status} {shown(said, message)}", status, headers, why
    )


def unreadable(text: str, message: Any) -> AnswerError:
    """Return the error that says that the producer answered 200 with no JSON."""
    return AnswerError(
        f"The producer answered 200 with no JSON: {shown(text, message)}. It may have the message; "
        "check that the URL is the producer's."
    )


def shown(text: str, message: Any = None) -> str:
    """Return a text from outside as it may stand in an error: cut, printable, without secrets.

    Values of a sensitive *message*'s payload are cut out; where parts of them stay, all is.
    """
    text = _SIGNATURE.sub("AWS4-HMAC-SHA256 [redacted]", redactor.redact(text))
    if is_sensitive(message):
        text = _without(text, list(islice(_leaves(message.get("payload")), _MOST_VALUES + 1)))
    text = "".join(
        each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1]
        for each in text[: _MAX_TEXT + 1]
    )
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _leaves(value: Any) -> Iterator[str]:
    """Yield each text and number in a payload, as text."""
    left = [value]  # a payload may be nested deeper than calls
    while left:
        match left.pop():
            case dict() as inner:
                left += inner.values()
            case list() | tuple() as inner:
                left += inner
            case str() as text:
                yield text
            case int() | float() as number if not isinstance(number, bool):
                yield json.dumps(number)


def _without(text: str, values: list[str]) -> str:
    if len(values) > _MOST_VALUES or sum(map(len, values)) > _MOST_CHARACTERS:
        return _LEFT_OUT
    cutting = Redactor()
    try:
        for number, value in enumerate(values):  # of one name, the oldest would be forgotten
            cutting.add(f"payload {number}", value)
    except RedactorFullError:
        return _LEFT_OUT
    text = re.sub(r"\[secret:payload \d+\]", "[secret:payload]", cutting.redact(text))
    short = sorted({re.escape(value) for value in values if 0 < len(value) < 4}, reverse=True)
    if short:  # which the redactor leaves alone
        text = re.sub(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)", "[secret:payload]", text)
    text = text[: _MAX_TEXT + 1]
    pieces = {text[start : start + _SHARED] for start in range(len(text) - _SHARED + 1)}
    is_repeated = any(piece in value for value in values for piece in pieces)
    return _LEFT_OUT if is_repeated else text
