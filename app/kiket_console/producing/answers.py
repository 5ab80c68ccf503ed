"""What an answer means: was the message taken, and if not, why, and what to do.

Only 200 with a JSON object counts as taken (Kiket and Kindo specification §7.4).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ExitCode
from kiket_console.producing import masking
from kiket_console.producing.signing import BROKEN
from kiket_console.wire_producer import Explanation, ProducerResult
from kiket_core.secret import marker, redactor

if TYPE_CHECKING:
    from kiket_console.producing.message import Message
    from kiket_console.producing.sending import Answer
    from kiket_console.producing.signing import Request

SHOWN = 2000
"""How many characters of an answer are told."""
_TOLD = 500
_OF_REASON = {
    "expired token": ExitCode.EXPIRED,
    "missing token": ExitCode.AUTH,
    "clock skew": ExitCode.SKEW,
    "wrong region": ExitCode.SCOPE,
    "wrong service": ExitCode.SCOPE,
}


def cleared(answer: Answer, request: Request, message: Message) -> Answer:
    """Return an answer without what it repeats of the request and nobody is to see.

    Those are secrets and session tokens, the signature, and the values of a sensitive message.
    """
    signature = request.signed.headers["Authorization"].rpartition("=")[2].encode()
    cut_out = masking.cutter(message.fields) if message.is_sensitive else bytes

    def clear(raw: bytes) -> bytes:  # secrets first: a value in the midst of one would hide it
        return cut_out(_without_secrets(raw).replace(signature, b"[redacted]"))

    headers = tuple(
        (name, clear(value.encode("latin-1")).decode("latin-1")) for name, value in answer.headers
    )
    return replace(answer, headers=headers, raw_body=clear(answer.raw_body))


def _without_secrets(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for match in redactor.find(raw):
        pieces += raw[at : match.offset], marker(match.name).encode()
        at = match.offset + match.length
    return b"".join([*pieces, raw[at:]])


def result(request: Request, answer: Answer, message: Message) -> tuple[ProducerResult, Answer]:
    """Return what became of a message, not recorded yet, and the answer as it may be recorded."""
    shown = cleared(answer, request, message)
    return _result(request, answer, shown), shown


def _result(request: Request, answer: Answer, shown: Answer) -> ProducerResult:
    text = _text(shown)
    if answer.status is None:
        return _failed(request, answer, text, answer.error, answer.hint, ExitCode.NETWORK)
    if answer.status == 200:
        return _of_success(request, answer, text)
    found = _explained(request, shown)
    if found is not None:
        code = _OF_REASON.get(found.reason, ExitCode.VERIFICATION)
        return _failed(request, answer, text, found.sentence, found.hint, code, found)
    sentence, hint = _of_status(answer, text)
    code = ExitCode.TOO_LARGE if answer.status == 413 else ExitCode.CONTRACT
    return _failed(request, answer, text, sentence, hint, code)


def tracking_id(raw_body: bytes) -> str:
    """Return the tracking id of an answer's body, or nothing."""
    try:
        body = json.loads(raw_body)
    except (ValueError, RecursionError):
        return ""
    found = body.get("tracking_id") if isinstance(body, dict) else None
    return found if isinstance(found, str) else "" if found is None else str(found)


def _of_success(request: Request, answer: Answer, text: str) -> ProducerResult:
    try:
        body = json.loads(answer.raw_body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        what = "no JSON" if body is None else "no JSON object"
        return _failed(
            request,
            answer,
            text,
            f"The answer is 200, but {what}: {_cut(text) or 'nothing'}.",
            "See whether the URL is the producer's; whether it took the message is not known.",
            ExitCode.UNREADABLE,
        )
    found = tracking_id(answer.raw_body)
    if not found:
        return _failed(
            request,
            answer,
            text,
            "The answer is 200, but has no tracking id.",
            "The message may have been taken, and cannot be followed; ask whoever runs the "
            "producer before you send it again.",
            ExitCode.UNTRACKED,
        )
    return ProducerResult(
        0, request.url, answer.status, _told(found)[:200], answer.took_us, answer=text
    )


def _of_status(answer: Answer, text: str) -> tuple[str, str]:
    status = answer.status or 0
    said = f": {_cut(_message(text))}" if text else ""
    if status == 429:
        after = answer.header("retry-after")
        wait = f"in {after} s" if after.isdigit() and len(after) < 6 else "a little later"
        return f"The producer takes no more for now (429){said}.", f"Send it again {wait}."
    if 300 <= status < 400:
        return (
            f"The producer points elsewhere ({status}), and a signed message does not follow.",
            "Send it to the URL of the function itself.",
        )
    if status == 413:
        return f"The message is too large for the producer (413){said}.", "Send less of it."
    if status >= 500:
        return f"The producer failed ({status}){said}.", "Send it again later."
    if 200 <= status < 300:
        return f"The producer answered {status}, and only 200 means that it took it{said}.", ""
    return f"The producer refused the message ({status}){said}.", "Correct it, and send it again."


def _explained(request: Request, answer: Answer) -> Explanation | None:
    """Return why a message's signature was refused; None where it is not that."""
    from kindo_message_client._explanation import explain

    text = answer.raw_body.decode("utf-8", "replace")
    signed = None if request.way == "unsigned" else request.signed
    found = explain(answer.status or 0, answer.headers, text, signed)
    if found is None:
        return None
    return Explanation(
        found.reason,
        f"{' '.join(_told(found.sentence).split()).rstrip('.')}.",
        _on_purpose(found.hint) if request.way in BROKEN else found.hint,
        tuple((what, _told(ours), _told(theirs)) for what, ours, theirs in found.evidence),
    )


def _on_purpose(hint: str) -> str:
    """Return a hint for who broke the signature to see what comes of it."""
    then = f" Otherwise: {hint[:1].lower()}{hint[1:]}" if hint else ""
    return f"It was broken on purpose, so that nothing is to be done.{then}"


def _failed(
    request: Request,
    answer: Answer,
    text: str,
    error: str,
    hint: str,
    code: ExitCode,
    explanation: Explanation | None = None,
) -> ProducerResult:
    return ProducerResult(
        0,
        request.url,
        answer.status,
        took_us=answer.took_us,
        error=_told(error),
        hint=hint,
        exit_code=int(code),
        explanation=explanation,
        answer=text,
    )


def _message(text: str) -> str:
    """Return what an answer of AWS says in words, else the whole of it."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    found = (body.get("message") or body.get("Message")) if isinstance(body, dict) else None
    return found if isinstance(found, str) else text


def _told(text: str) -> str:
    """Return a text without secrets, and without half a pair of surrogates, which JSON can say."""
    return redactor.redact(text.encode("utf-8", "backslashreplace").decode())


def _text(answer: Answer) -> str:
    return redactor.redact(answer.raw_body[: 4 * SHOWN].decode("utf-8", "replace"))[:SHOWN]


def _cut(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _TOLD else f"{text[:_TOLD]}…"
