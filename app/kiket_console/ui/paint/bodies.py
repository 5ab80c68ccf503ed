"""What a body is: by its content type, and by how it begins where that says little."""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

from kiket_console.text import visible

UNPACKED_LIMIT_BYTES: Final = 32 << 20
SNIFFED_BYTES: Final = 64 << 10

_JSON = re.compile(r"application/(?:[\w.+-]*\+)?json5?$|text/(?:x-)?json$")
_LINES = re.compile(r"application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|json-seq)$")
_VAGUE = ("", "application/octet-stream", "text/plain", "binary/octet-stream")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;]{1,200}))", re.IGNORECASE)
_FORM = re.compile(rb"[\w.~%+*-]+=[^=\s&]*(?:&[\w.~%+*-]+=[^=\s&]*)*\Z")

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (b"\x1f\x8b", "gzip archive"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\x00", "xz archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"OggS", "Ogg media"),
    (b"\x7fELF", "ELF program"),
    (b"SQLite format 3\x00", "SQLite database"),
)
_NAMES: Final = {
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "application/pdf": "PDF document",
    "application/gzip": "gzip archive",
    "application/zip": "ZIP archive",
    "application/x-protobuf": "Protocol Buffers message",
    "application/protobuf": "Protocol Buffers message",
    "application/msgpack": "MessagePack data",
    "application/cbor": "CBOR data",
    "application/grpc": "gRPC message",
}


class Kind(NamedTuple):
    """What a body is."""

    name: str
    """`json`, `lines` (one JSON document a line), `form`, `parts`, `text` or `bytes`."""
    called: str = ""
    """What a person calls it: `PNG image`."""
    charset: str = "utf-8"
    boundary: bytes = b""
    claimed: bool = False
    """Whether the sender says so; else it only looks like it."""


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def kind_of(raw: bytes, content_type: str) -> Kind:
    """Return what a body is; the content type decides where it fits and says something."""
    media = media_type(content_type)
    charset = _charset(content_type)
    if media.startswith("multipart/") and (found := _BOUNDARY.search(content_type)):
        boundary = (found[1] or found[2]).encode("utf-8", "replace")
        if b"--" + boundary in raw:
            return Kind("parts", charset=charset, boundary=boundary)
    head = raw[:SNIFFED_BYTES]
    if not is_text(head, charset):
        return Kind("bytes", _called(raw, media))
    if _JSON.match(media):
        return Kind("lines" if _several(head) else "json", charset=charset, claimed=True)
    if _LINES.match(media):
        return Kind("lines", charset=charset, claimed=True)
    if media == "application/x-www-form-urlencoded":
        return Kind("form", charset=charset)
    if media in _VAGUE:
        return Kind(_sniffed(head, whole=len(head) == len(raw)), charset=charset)
    return Kind("text", charset=charset)


def is_text(head: bytes, charset: str) -> bool:
    """Return whether a body that begins with *head* can be read as text."""
    if charset != "utf-8":
        return True
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason != "invalid start byte"
    return True


def unpacked(raw: bytes, encoding: str) -> bytes | None:
    """Return what was packed for the way (`gzip` or `deflate`); None where that cannot be read.

    Of more than `UNPACKED_LIMIT_BYTES` the beginning is returned.
    """
    windows = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(encoding.strip().lower())
    for bits in windows or ():
        try:
            return zlib.decompressobj(bits).decompress(raw, UNPACKED_LIMIT_BYTES)
        except zlib.error:
            continue
    return None


def _charset(content_type: str) -> str:
    """Return the charset as Python names it, `utf-8` for one that is not known."""
    import codecs

    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else "utf-8"
        b"x".decode(name, "backslashreplace")
    except (LookupError, UnicodeError):  # none, or one that turns bytes into no text
        return "utf-8"
    return "utf-8" if name == "ascii" else name


def _several(head: bytes) -> bool:
    """Return whether there is one JSON document after the other, each on its line."""
    lines = head.split(b"\n", 2)
    return len(lines) > 1 and all(
        line.strip()[:1] == b"{" and line.strip()[-1:] == b"}" for line in lines[:2]
    )


def _sniffed(head: bytes, *, whole: bool) -> str:
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if begin in (b"{", b"["):
        return "lines" if _several(head) else "json"
    return "form" if whole and b"&" in head and _FORM.match(head) else "text"


def _called(raw: bytes, media: str) -> str:
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WebP image"
    named = next((name for magic, name in _MAGIC if raw.startswith(magic)), "")
    return named or _NAMES.get(media, "") or visible(media) or "bytes"
