"""What is said of a message while it is written, and of where it goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kiket_console.producing import fault_words
from kiket_console.text import plural, size, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.producing.checking import Wrong
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.wire_producer import ProducerState, SinkFault


GAP = " · "


def remark(wrong: Sequence[Wrong], text: str) -> Line:
    """Return how much is wrong with a message, else its size and how much of it will be masked."""
    if wrong:
        return [(plural(len(wrong), "mistake"), "error")]
    said = size(len(text.encode("utf-8", "surrogatepass")))
    pieces: list[Piece] = [("valid", "ok"), (GAP, "faint"), (said, "muted")]
    count = _to_mask(text)
    if count:
        pieces += [(GAP, "faint"), (f"{plural(count, 'value')} masked in history", "warning")]
    return pieces


def _to_mask(text: str) -> int:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(fields, dict) or fields.get("security_level") != "sensitive":
        return 0
    return _leaves(fields.get("payload"))


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1


def where(state: ProducerState, url: str, profile: str, region: str, access_key: str) -> Line:
    """Return where messages go and as whom; what matters most stands last, and stays longest."""
    parts: list[Piece] = []
    if access_key:
        parts.append((f"signs as {visible(access_key)}", "muted"))
    parts.append((f"profile {visible(profile)}", "muted"))
    parts.append((visible(region), "muted"))
    if url == state.url and state.stranger:
        parts.append((f"as {visible(state.stranger.rpartition('/')[2])} says", "warning"))
    parts.append(("to this engine", "ok") if url == state.sink_url else (
        f"to {visible(host(url))}", "producer"))  # fmt: skip
    if url == state.sink_url and state.faults:
        parts.append((f"it fails: {faults(state.faults)}", "warning"))
    pieces: list[Piece] = []
    for part in parts:
        pieces += [(GAP, "faint"), part] if pieces else [part]
    return pieces


def host(url: str) -> str:
    """Return a URL's host, and its port; all of it when it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def faults(found: Sequence[SinkFault]) -> str:
    """Write how the sink fails."""
    return ", ".join(map(fault_words.written, found))
