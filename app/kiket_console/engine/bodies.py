"""Bodies on their way into the store and back: secrets out, secrets in, nothing else changes.

raw bytes ──stored()──► Body: `[secret:NAME]` in their place, references, SHA-256 of the original
Body ──original()──► the same raw bytes, or a refusal when the hash no longer fits
Body ──present()───► the same, but with the values that secrets have now where they were rotated
Body and edited bytes ──edited()──► those bytes, with secrets where their markers were left
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Body, SecretReference
from kiket_core.secret import Match, marker, restorations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from kiket_core.secret import Redactor

_JSON_STRING = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_LONGEST_SECRET = 8192  # bytes beyond a cut that are searched too
_GUESSES = 256
"""Spellings of secrets to try against the hash; nearly always there is one."""


def stored(raw: bytes, redactor: Redactor, known: Mapping[str, str] | None = None) -> Body:
    """Return *raw* as it may be stored: without any secret that *redactor* knows.

    *known* maps names to values that are left out too wherever they are a whole JSON string, be
    they too short for the redactor.
    """
    matches = redactor.find(raw)
    if known:
        matches = _merged([*matches, *_json_strings(raw, known)])
    digest = hashlib.sha256(raw).digest()
    if not matches:
        return Body(raw, len(raw), digest)
    pieces: list[bytes] = []
    at = 0
    for match in matches:
        pieces += raw[at : match.offset], marker(match.name).encode()
        at = match.offset + match.length
    pieces.append(raw[at:])
    references = tuple(SecretReference(*match) for match in matches)
    return Body(b"".join(pieces), len(raw), digest, references=references)


def cut(raw: bytes, limit: int, redactor: Redactor) -> Body:
    """Return the first *limit* bytes of a body that was too large, as they may be stored.

    A secret that the limit would cut in two is left out as a whole.
    """
    for match in redactor.find(raw[: limit + _LONGEST_SECRET]):
        if match.offset < limit < match.offset + match.length:
            limit = match.offset
    kept = stored(raw[:limit], redactor)
    return Body(kept.raw, len(raw), b"", truncated=True, references=kept.references)


async def original(body: Body, value_of: Callable[[str], Awaitable[str | None]]) -> bytes:
    """Return the bytes that *body* was made from, with the secrets' values put back.

    *value_of* gives a secret's value by name. Raises `ConsoleError` when the body was stored in
    part, a value is gone, or the result is not what came.
    """
    if body.truncated:
        raise _unrestorable(
            f"Only {len(body.raw):,} of the body's {body.size:,} bytes were stored, "
            "so it cannot be sent as it came."
        )
    values = await _values(body, value_of)
    spelled = _spelled(body, values)
    if spelled is not None:
        return _joined(_between_markers(body), spelled)
    names = ", ".join(sorted({repr(reference.name) for reference in body.references}))
    raise _unrestorable(
        f"The body cannot be put together as it came: the value of {names} has changed since."
        if names
        else "The stored body does not match its checksum."
    )


async def present(body: Body, value_of: Callable[[str], Awaitable[str | None]]) -> bytes:
    """Return the bytes that *body* was made from, with secrets as they are now.

    They differ from the original's where a secret was rotated since. Raises `ConsoleError` as
    `original` does for anything else that is wrong.
    """
    try:
        return await original(body, value_of)
    except ConsoleError:
        if body.truncated or not body.references:
            raise
        return await edited(body, body.raw, value_of)


async def edited(body: Body, raw: bytes, value_of: Callable[[str], Awaitable[str | None]]) -> bytes:
    """Return *raw*, made by a person of what is stored of *body*, with the secrets put back.

    A secret stands again wherever its marker was left. Raises `ConsoleError` when it has no value
    now, or when its marker is also plain text of the body and nobody can tell which one was left.
    """
    marks = _marks(body)
    if not marks:
        return raw
    pattern = re.compile(b"|".join(re.escape(mark) for mark in marks))
    found = [match[0] for match in pattern.finditer(raw)]
    if not found:
        return raw
    left = {each: found.count(each) for each in set(found)}
    for mark, references in marks.items():
        if None in references and left.get(mark, len(references)) != len(references):
            raise _unrestorable(
                f"{mark.decode()} stands in the body both as a secret and as plain text, so it "
                "cannot be told which of them was left.",
                hint="Leave all of them where they are, or replace all by text of your own.",
            )
    values = await _values(body, value_of, only=set(left))
    spelled = dict(zip(body.references, _spelled(body, values) or (), strict=False))
    seen: dict[bytes, int] = {}

    def put_back(match: re.Match[bytes]) -> bytes:
        mark = match[0]
        number = seen[mark] = seen.get(mark, -1) + 1
        references = marks[mark]
        reference = references[number if left[mark] == len(references) else 0]
        if reference is None:
            return mark
        return spelled.get(reference) or json.dumps(values[reference.name])[1:-1].encode()

    return pattern.sub(put_back, raw)


async def _values(
    body: Body,
    value_of: Callable[[str], Awaitable[str | None]],
    only: Collection[bytes] | None = None,
) -> dict[str, str]:
    """Return the values of a body's secrets, or of those alone whose markers are in *only*."""
    values: dict[str, str] = {}
    for name in dict.fromkeys(reference.name for reference in body.references):
        value = await value_of(name)
        if value is not None:
            values[name] = value
        elif only is None or marker(name).encode() in only:
            raise _unrestorable(
                f"The body contained the secret {name!r}, which has no value now.",
                hint="Set it again, with the value that it had, to send the same bytes."
                if only is None
                else "Set it, or put text of your own in the place of its marker.",
            )
    return values


def _spelled(body: Body, values: Mapping[str, str]) -> tuple[bytes, ...] | None:
    """Return how each secret was spelled in the original, None when these values were not there."""
    if any(reference.name not in values for reference in body.references):
        return None
    kept = _between_markers(body)
    choices = [restorations(values[each.name], each.length) for each in body.references]
    for guess in itertools.islice(itertools.product(*choices), _GUESSES):
        if hashlib.sha256(_joined(kept, guess)).digest() == body.sha256:
            return guess
    return None


def _joined(pieces: list[bytes], between: tuple[bytes, ...]) -> bytes:
    return b"".join(each for pair in zip(pieces, (*between, b""), strict=True) for each in pair)


def _marks(body: Body) -> dict[bytes, list[SecretReference | None]]:
    """Return each marker that stands for a secret, and what each of its places stands for.

    None for a place where the marker's very text had been sent.
    """
    places: dict[int, SecretReference] = {}
    at = 0
    for reference, piece in zip(body.references, _between_markers(body), strict=False):
        at += len(piece)
        places[at] = reference
        at += len(marker(reference.name).encode())
    names = dict.fromkeys(reference.name for reference in body.references)
    return {
        mark: [places.get(match.start()) for match in re.finditer(re.escape(mark), body.raw)]
        for mark in (marker(name).encode() for name in names)
    }


def _between_markers(body: Body) -> list[bytes]:
    """Return what stands before, between and after the references' markers."""
    pieces: list[bytes] = []
    at_stored = at_original = 0
    for reference in body.references:
        end = at_stored + reference.offset - at_original
        mark = marker(reference.name).encode()
        if body.raw[end : end + len(mark)] != mark:
            raise _unrestorable("The stored body does not match its list of secrets.")
        pieces.append(body.raw[at_stored:end])
        at_stored = end + len(mark)
        at_original = reference.offset + reference.length
    return [*pieces, body.raw[at_stored:]]


def _json_strings(raw: bytes, known: Mapping[str, str]) -> list[Match]:
    """Find the JSON strings that spell a known value, however it is escaped."""
    names = {value: name for name, value in known.items()}
    found = []
    for token in _JSON_STRING.finditer(raw):
        try:
            value = json.loads(token[0])
        except ValueError:
            continue
        if value in names and token[1]:
            found.append(Match(token.start(1), len(token[1]), names[value]))
    return found


def _merged(matches: list[Match]) -> list[Match]:
    """Sort, and keep of overlapping matches the one that begins first, the longest of those."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: (match.offset, -match.length)):
        if not kept or match.offset >= kept[-1].offset + kept[-1].length:
            kept.append(match)
    return kept


def _unrestorable(
    message: str, hint: str = "Re-sign and send it as it is shown instead."
) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.VERIFICATION)
