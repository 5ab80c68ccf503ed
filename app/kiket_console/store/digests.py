"""Digests over what never changes in a row: they show that another program changed it.

They prove nothing against somebody who means to deceive: whoever can write the file can write a
digest too.
"""

from __future__ import annotations

from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGEST_BYTES = 16
SHA256_BYTES = 32

_pack = msgspec.msgpack.Encoder().encode


def digest(*values: Any) -> bytearray:
    """Return the digest of *values*: numbers, texts, bytes, None, and sequences of them."""
    return bytearray(blake2b(_pack(values), digest_size=DIGEST_BYTES).digest())


def fits(found: bytes, covered: Sequence[Any], former: Sequence[Any]) -> bool:
    """Tell whether a row's digest is of *covered*, or what was made before, of *former*."""
    if found == digest(*covered):
        return True
    return found == sha256(msgspec.json.encode(former)).digest()[:DIGEST_BYTES]


def of_message(
    headers: str,
    raw_body: bytes | bytearray,
    size: int,
    body_sha256: bytes | bytearray,
    truncated: int,
    references: str,
) -> Sequence[Any]:
    """Return what a digest covers of a message, as its row has it.

    The body itself is covered by its SHA-256 where that is one of the bytes that are stored, so
    that a body is hashed once; see `is_whole`.
    """
    stored = b""
    if not is_whole(body_sha256, truncated, references):
        stored = sha256(raw_body).digest()
    return (headers, size, body_sha256, truncated, references, stored)


def of_later(
    edited: bool | int, kind: str, direction: str, channel: str, duplicate_of: int | None
) -> Sequence[str | int]:
    """Return what former digests cover of columns that came later: nothing where not set.

    So the digests of stores that did not know of them stayed right.
    """
    return (
        *(("edited",) if edited else ()),
        *((kind, direction, channel) if kind else ()),
        *((duplicate_of,) if duplicate_of else ()),
    )


def of_frames(frames: str) -> Sequence[str]:
    """Return what a log line's digest covers of its traceback's frames: nothing without any."""
    return (frames,) if frames else ()


def is_whole(body_sha256: bytes | bytearray, truncated: int, references: str) -> bool:
    """Tell whether a body is stored as it came, so that its SHA-256 is of the stored bytes."""
    return references == "[]" and not truncated and len(body_sha256) == SHA256_BYTES
