"""The ways in which a secret value may be written inside other text."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST_SUBSTRING: Final = 8
"""Characters that a value needs to be looked for inside other words."""

SHORTEST_TOKEN: Final = 4
"""Characters that a value needs to be looked for at all (then as a whole token)."""

_PERCENT_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")
_WEB_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_PEM_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")


def spellings(value: str) -> tuple[str, ...]:
    """List every spelling of `value` to look for, the value itself first, without repeats.

    A value shorter than `SHORTEST_SUBSTRING` has one spelling, itself; one shorter than
    `SHORTEST_TOKEN` has none, because masking it would shred the text around it.
    """
    if len(value) < SHORTEST_TOKEN:
        return ()
    if len(value) < SHORTEST_SUBSTRING:
        return (value,)
    findable = (text for text in _spell(value) if len(text) >= SHORTEST_SUBSTRING)
    return tuple(dict.fromkeys(findable))


def utf8(text: str) -> bytes:
    """Encode `text`, lone surrogates included: a secret may have come from a raw environment."""
    return text.encode("utf-8", "surrogatepass")


def _spell(value: str) -> Iterator[str]:
    raw = utf8(value)
    yield value
    yield from _in_urls(raw)
    for in_json in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        yield in_json[1:-1]
        yield in_json[1:-1].replace("/", "\\/")
    yield repr(value)[1:-1]
    yield repr(raw)[2:-1]
    yield html.escape(value)
    yield html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield raw.hex()
    yield raw.hex().upper()
    yield from _in_base64(raw)
    yield from (gap.join(map(str, raw)) for gap in (",", ", "))  # bytes as a JSON array
    yield from _parts(value)


def _in_urls(raw: bytes) -> Iterator[str]:
    for safe in ("", "/"):
        quoted = quote_from_bytes(raw, safe=safe)
        for spelled in (quoted, quoted.replace("%20", "+")):
            yield spelled
            yield _PERCENT_ESCAPE.sub(lambda escape: escape[0].lower(), spelled)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Spell `raw` as it looks in base64 after 0, 1 or 2 other bytes (modulo 3).

    The characters at the edges mix bits of the neighbours and cannot be known: they are left out.
    """
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode()
    for bytes_before in range(3):
        encoded = base64.b64encode(bytes(bytes_before) + raw).decode()
        first = -(-bytes_before * 8 // 6)
        beyond = (bytes_before + len(raw)) * 8 // 6
        aligned = encoded[first:beyond]
        yield aligned
        yield aligned.replace("+", "-").replace("/", "_")


def _parts(value: str) -> Iterator[str]:
    """Spell the parts that are secret on their own: long lines, and the halves of a web token."""
    if _WEB_TOKEN.fullmatch(value):
        yield from value.rsplit(".", 1)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if not _PEM_ARMOUR.fullmatch(line))
