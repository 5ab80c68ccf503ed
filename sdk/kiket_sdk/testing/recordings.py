"""Deliveries that were recorded, read from files.

Three forms are known: JSON lines, as `kiket-console traffic export` writes them (one JSON
object does, too); an HTTP Archive (HAR 1.2) of any tool; and the JSON of a test that the console
saved. Of an archive's requests those are deliveries that went to `/webhooks/{event}` or
`/v/{version}/webhooks/{event}`.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

RECORDING_LIMIT_BYTES: Final = 256 * 1024 * 1024

_TARGET: Final = re.compile(r"(?:/x/[^/]+)?(?:/v/([^/]+))?/webhooks/([^/]+)")


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that a handler made, and what it was answered; `path` has its query."""

    method: str
    path: str
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Recording:
    """One delivery: what was sent and, where it was recorded, what was answered.

    `response` is the answer's JSON, its text when it is none, None without one; `calls` are those
    of the handler that were recorded beside it. A body `is_cut` that was too long to be kept.
    """

    event: str
    version: str | None
    body: str = field(repr=False)
    status: int | None = None
    response: Any = field(default=None, repr=False)
    calls: tuple[RecordedCall, ...] = ()
    is_cut: bool = False

    @property
    def payload(self) -> Any:
        """The JSON of the body; raises ValueError when it is none, or was cut."""
        if self.is_cut:
            raise ValueError(f"The body of this {self.event} was cut when it was recorded.")
        try:
            return json.loads(self.body)
        except ValueError:
            raise ValueError(f"The body of this {self.event} is not JSON.") from None


def recordings(file: str | os.PathLike[str]) -> list[Recording]:
    """Return the deliveries in a file, in its order; raises ValueError for one of another form."""
    path = Path(file)
    if path.stat().st_size > RECORDING_LIMIT_BYTES:
        raise ValueError(f"{path} has more than {RECORDING_LIMIT_BYTES} bytes; export less.")
    try:
        return list(_read(path.read_text(encoding="utf-8")))
    except _OtherFormError as exc:
        raise ValueError(f"{path} holds no recorded deliveries: {exc}.") from None


class _OtherFormError(ValueError):
    """A file, or a part of it, is not what it should be."""


def _read(text: str) -> Iterator[Recording]:
    documents = _documents(text)
    first = documents[0] if documents else None
    if not isinstance(first, dict):
        raise _OtherFormError("it is neither JSON lines nor an HTTP Archive")
    try:
        if "log" in first:
            yield from _of_archive(first["log"]["entries"])
        elif "payload" in first and "event" in first:
            yield _of_saved_test(first)
        elif "request" in first and "source" in first:
            yield from _of_lines(documents)
        else:
            raise _OtherFormError("it has neither `request`, `payload` nor `log`")
    except (AttributeError, KeyError, TypeError, IndexError) as exc:
        raise _OtherFormError(f"a part of it is missing ({type(exc).__name__}: {exc})") from None


def _documents(text: str) -> list[Any]:
    """Return the JSON of a file, which may be one document or one in each line."""
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as exc:
        raise _OtherFormError(f"it is not JSON ({exc})") from None


def _of_saved_test(found: Mapping[str, Any]) -> Recording:
    calls = tuple(
        RecordedCall(call["method"], call["path"], call["status"], call["body"])
        for call in found.get("calls") or ()
    )
    return Recording(
        found["event"],
        found.get("version") or None,
        json.dumps(found["payload"]),
        found.get("status"),
        found.get("response"),
        calls,
    )


def _of_lines(exchanges: Iterable[Mapping[str, Any]]) -> Iterator[Recording]:
    exchanges = list(exchanges)
    calls: dict[Any, list[tuple[int, RecordedCall]]] = {}
    for exchange in exchanges:
        if exchange["source"] == "api" and exchange.get("status") is not None:
            call = RecordedCall(
                exchange["method"],
                exchange["path"],
                exchange["status"],
                _lenient(_answer_of(exchange)),
            )
            calls.setdefault(exchange.get("parent_id"), []).append(
                (exchange.get("started_us") or 0, call)
            )
    for exchange in exchanges:
        if exchange["source"] != "webhook":
            continue
        request = exchange["request"]
        tries = exchange.get("tries") or []
        # of several attempts the last one is what is recorded as the answer, and so are its calls
        since_us = tries[-1].get("started_us") or 0 if len(tries) > 1 else 0
        yield Recording(
            exchange["name"],
            exchange.get("version") or None,
            _text_of(request["body"]),
            exchange.get("status"),
            _lenient(_answer_of(exchange)),
            tuple(call for at_us, call in calls.get(exchange["id"], ()) if at_us >= since_us),
            is_cut=bool(request.get("truncated")),
        )


def _answer_of(exchange: Mapping[str, Any]) -> str:
    tries = exchange.get("tries") or ()
    answer = tries[-1].get("answer") if tries else None
    return _text_of(answer["body"]) if answer else ""


def _of_archive(entries: Iterable[Mapping[str, Any]]) -> Iterator[Recording]:
    entries = list(entries)
    calls: dict[Any, list[RecordedCall]] = {}
    for entry in entries:
        if entry.get("_source") == "api" and entry["response"]["status"]:
            url = urlsplit(entry["request"]["url"])
            path = f"{url.path}?{url.query}" if url.query else url.path
            calls.setdefault(entry.get("_causedBy"), []).append(
                RecordedCall(
                    entry["request"]["method"],
                    path,
                    entry["response"]["status"],
                    _lenient(_content_of(entry["response"].get("content") or {})),
                )
            )
    for entry in entries:
        request = entry["request"]
        url = urlsplit(request["url"])
        target = _TARGET.fullmatch(url.path)
        if target is None or request["method"] != "POST":
            continue
        posted = request.get("postData") or {}
        version = unquote(target[1]) if target[1] else _version_of(request, url.query)
        caused = calls.get(entry["_exchange"], ()) if "_exchange" in entry else ()
        yield Recording(
            unquote(target[2]),
            version,
            _content_of(posted),
            entry["response"]["status"] or None,
            _lenient(_content_of(entry["response"].get("content") or {})),
            tuple(caused),
            is_cut=bool(posted.get("_truncated")),
        )


def _version_of(request: Mapping[str, Any], query: str) -> str | None:
    for header in request.get("headers") or ():
        if header["name"].lower() == "x-kiket-event-version" and header["value"].strip():
            text: str = header["value"].strip()
            return text
    return next(iter(parse_qs(query).get("version", ())), None)


def _content_of(content: Mapping[str, Any]) -> str:
    """Return the text of an archive's body, which may be in base64."""
    text: str = content.get("text") or ""
    is_encoded = "base64" in {content.get("encoding"), content.get("_encoding")}
    return base64.b64decode(text).decode("utf-8", "replace") if is_encoded else text


def _text_of(body: Mapping[str, str]) -> str:
    if "base64" in body:
        return base64.b64decode(body["base64"]).decode("utf-8", "replace")
    return body["text"]


def _lenient(text: str) -> Any:
    """Return the JSON of an answer, its text when it is none, None when it is empty."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
