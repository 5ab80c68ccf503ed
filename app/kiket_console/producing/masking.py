"""Payloads that may not be stored in clear: each value becomes `[masked:8 hex digits]`.

The digits are of an HMAC-SHA256 under a key of the project, so that equal values are seen to be
equal within it, and nobody who has the store but not the key can try out what a value was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from kiket_console.private_file import write_private
from kiket_console.producing.message import is_deep
from kiket_console.wire_producer import MASK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_DIGEST = re.compile(rb"(?<![0-9A-Fa-f])[0-9a-f]{64}(?![0-9A-Fa-f])")
_KEY_BYTES = 32
_SHORTEST = 4
"""Characters of a value that is cut out of answers: too much else looks like a shorter one."""
_MOST_WORK = 500_000_000
"""Values times bytes to look for them in: a fraction of a second."""
_LEFT_OUT = b"[left out: it may repeat the sensitive message]"


def _ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_ESCAPES = (_ascii, _unicode)


def key_of(file: Path) -> bytes:
    """Return the key in *file*, which is made where there is none."""
    try:
        key = file.read_bytes()
    except OSError:
        key = b""
    if len(key) != _KEY_BYTES:
        key = secrets.token_bytes(_KEY_BYTES)
        write_private(file, key)
    return key


def masked(fields: dict[str, Any], key: bytes) -> dict[str, Any]:
    """Return a message with each value of its payload masked; its keys stay."""
    return {**fields, "payload": _masked(fields.get("payload"), key)}


def masks(value: object) -> int:
    """Return how many values of a message, or a part of one, are masked."""
    if isinstance(value, dict):
        return sum(map(masks, value.values()))
    if isinstance(value, list):
        return sum(map(masks, value))
    return int(isinstance(value, str) and MASK.fullmatch(value) is not None)


def unmasked(text: str, clear: str, key: bytes) -> str:
    """Return JSON *text* with the values of the *clear* message wherever their masks were left."""
    values: dict[str, Any] = {}
    _learn(json.loads(clear).get("payload"), key, values)
    return json.dumps(_unmasked(json.loads(text), values))


def cutter(fields: dict[str, Any]) -> Callable[[bytes], bytes]:
    """Return what takes out of an answer's bytes the values that it repeats of a sensitive message.

    They are known as they stand, and in JSON: the message's, or one that quotes it.
    """
    values: dict[str, Any] = {}
    _learn(fields.get("payload"), b"", values)
    texts = (each if isinstance(each, str) else json.dumps(each) for each in values.values())
    spelled: set[str] = set()
    for text in texts:
        if len(text) >= _SHORTEST:
            for escape in _ESCAPES:
                spelled |= {text, once := escape(text), escape(once)}
    longest_first = [
        each.encode("utf-8", "backslashreplace") for each in sorted(spelled, key=len, reverse=True)
    ]

    def cut_out(raw: bytes) -> bytes:
        for each in longest_first:
            raw = raw.replace(each, b"[masked]")
        return raw

    def cut_out_of_json(value: Any) -> Any:
        if isinstance(value, dict):
            return {cut_out_of_json(name): cut_out_of_json(each) for name, each in value.items()}
        if isinstance(value, list):
            return list(map(cut_out_of_json, value))
        if isinstance(value, str):
            return cut_out(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        return "[masked]" if json.dumps(value) in spelled else value

    def cut(raw: bytes) -> bytes:
        if len(raw) * len(longest_first) > _MOST_WORK:
            return _LEFT_OUT
        found = cut_out(raw)
        if found == raw:
            return raw
        try:  # JSON stays JSON
            document = json.loads(raw)
        except (ValueError, RecursionError):
            return found
        return found if is_deep(document) else json.dumps(cut_out_of_json(document)).encode()

    return cut


def without_digests(raw: bytes) -> bytes:
    """Return bytes without anything like a SHA-256 in hex.

    Of a sensitive message it has no key: who has it can try out what a short value was.
    """
    return _DIGEST.sub(b"[masked]", raw)


def digest(fields: dict[str, Any]) -> str:
    """Return the SHA-256, in hex, of a message's payload in canonical form.

    That is JSON with sorted keys and without blanks, in UTF-8: what the service keeps of a
    sensitive payload (Kiket and Kindo specification §7.7).
    """
    canonical = json.dumps(fields.get("payload"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "backslashreplace")).hexdigest()


def _masked(value: object, key: bytes) -> Any:
    if isinstance(value, dict):
        return {name: _masked(each, key) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, key) for each in value]
    return _mask(value, key)


def _mask(value: object, key: bytes) -> str:
    told = json.dumps(value).encode()
    return f"[masked:{hmac.new(key, told, hashlib.sha256).hexdigest()[:8]}]"


def _learn(value: object, key: bytes, values: dict[str, Any]) -> None:
    """Put each value of a clear message into *values*, by its mask."""
    if isinstance(value, dict):
        for each in value.values():
            _learn(each, key, values)
    elif isinstance(value, list):
        for each in value:
            _learn(each, key, values)
    else:
        values[_mask(value, key)] = value


def _unmasked(value: object, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _unmasked(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(each, values) for each in value]
    return values.get(value, value) if isinstance(value, str) else value
