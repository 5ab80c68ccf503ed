"""What the gateway finds out about a delivery: signature, version, handler."""

from __future__ import annotations

import difflib
import functools
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from kiket_console.model import Judgement
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.ports import Delivery, Judging
    from kiket_console.model import Handler


def judge(
    delivery: Delivery, version: str, judging: Judging, handlers: Sequence[Handler]
) -> Judgement:
    """Judge a delivery's signature, and name what was probably meant when nothing fits."""
    verdict = _signing.verify(
        judging.secrets, delivery.raw_body, delivery.headers, accept=judging.accept
    )
    return Judgement(
        verdict.ok,
        verdict.reason.value,
        verdict.dialect,
        verdict.sentence,
        verdict.skew_s,
        verdict.nearest or nearest_handler(delivery.event, version, handlers),
    )


def word(judgement: Judgement) -> str:
    """Return a judgement in a word or two, for a list: `ok k0`, `mismatch`."""
    return f"ok {judgement.dialect}" if judgement.ok else judgement.reason


def asked_version(delivery: Delivery) -> str:
    """Return the version that a delivery asks for: by path, else header, else query."""
    if delivery.version:
        return delivery.version
    for name, value in delivery.headers:
        if name.lower() == "x-kiket-event-version" and value.strip():
            return value.strip()
    query = delivery.path.partition("?")[2]
    return parse_qs(query).get("version", [""])[0].strip()


def nearest_handler(event: str, version: str, handlers: Sequence[Handler]) -> str | None:
    """Return the handler that was probably meant, as `event@version`; None when one fits."""
    if any(each.event == event and each.version == version for each in handlers):
        return None
    return _nearest(event, version, tuple((each.event, each.version) for each in handlers))


@functools.lru_cache(maxsize=256)  # comparing with many names takes long, and senders repeat theirs
def _nearest(event: str, version: str, handled: tuple[tuple[str, str], ...]) -> str | None:
    names = {f"{its_event}@{its_version}": its_event for its_event, its_version in handled}
    wanted = f"{event}@{version}"
    same_event = [name for name, its_event in names.items() if its_event == event]
    close = difflib.get_close_matches(wanted, same_event or list(names), n=1, cutoff=0.6)
    return close[0] if close else next(iter(same_event), None)
