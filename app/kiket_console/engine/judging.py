"""What the gateway finds out about a delivery: signature, version, handler."""

from __future__ import annotations

import difflib
import functools
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from msgspec.structs import replace

from kiket_console.engine.headers import found_in, signed
from kiket_console.model import Judgement
from kiket_console.wire import ES256
from kiket_sdk import _signing
from kiket_sdk._keys import keys_of

_WANTS = "code that has a webhook secret wants a signature"
SHOWN_SIGNS = 8
"""So many signs of a signature are kept to be compared by eye."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.ports import Delivery, Judging
    from kiket_console.engine.token_judging import TokenJudge
    from kiket_console.model import Handler


def judge(
    delivery: Delivery,
    version: str,
    judging: Judging,
    handlers: Sequence[Handler],
    tokens: TokenJudge | None = None,
    extension_id: str = "",
) -> Judgement:
    """Judge a delivery's signature, and name what was probably meant when nothing fits.

    Without a webhook secret its runtime token is judged, by *tokens*; it is for *extension_id*.
    """
    meant = nearest_handler(delivery.event, version, handlers)
    if tokens is not None and not judging.secrets:
        return replace(_by_token(delivery, tokens, extension_id), nearest=meant)
    found = _by_signature(delivery, judging)
    if (
        tokens is not None
        and found.reason == _signing.Reason.UNSIGNED
        and tokens.judge(delivery.raw_body, extension_id).ok
    ):
        sentence = f"{found.sentence} Its runtime token is good, but {_WANTS}."
        return replace(found, sentence=sentence, nearest=ES256)
    return found if found.nearest or meant is None else replace(found, nearest=meant)


def _by_token(delivery: Delivery, tokens: TokenJudge, extension_id: str) -> Judgement:
    found = tokens.judge(delivery.raw_body, extension_id)
    carried = [dialect for dialect, _ in signed(delivery.headers)]
    if found.ok or not carried:
        return found
    why = f"It is signed in {carried[0]}, and the code has no secret to verify that with."
    return replace(found, sentence=f"{found.sentence} {why}")


def _by_signature(delivery: Delivery, judging: Judging) -> Judgement:
    secrets, raw_body, accept = judging.secrets, delivery.raw_body, judging.accept
    if delivery.named is not None:  # it is let in with one signature at most
        verdict = _signing.verify_sent(keys_of(secrets), raw_body, delivery.named, accept)
    else:
        verdict = _signing.verify(secrets, raw_body, delivery.headers, accept=accept)
    expected, received = "", ""
    if verdict.reason is _signing.Reason.MISMATCH and verdict.dialect is not None:
        expected, received = _beginnings(verdict.dialect, delivery, judging)
    return Judgement(
        verdict.ok,
        str(verdict.reason),
        verdict.dialect,
        verdict.sentence,
        verdict.skew_s,
        verdict.nearest,
        expected,
        received,
    )


def _beginnings(dialect: str, delivery: Delivery, judging: Judging) -> tuple[str, str]:
    """Return how the signature that was expected begins, and how the one that came does.

    Enough to compare them by eye, and too little to sign anything with. What a public key expects
    cannot be made.
    """
    if dialect not in _signing.DIALECTS:
        return "", ""
    sent = {name.lower(): value for name, value in delivery.headers}
    header = "webhook-signature" if dialect == "sw1" else "x-kiket-signature"
    stamp = sent.get("webhook-timestamp" if dialect == "sw1" else "x-kiket-timestamp", "")
    try:
        made = _signing.sign(
            dialect,
            judging.secrets[0],
            delivery.raw_body,
            message_id=sent.get("webhook-id", ""),
            timestamp=float(stamp) if _signing.DIALECTS[dialect].timestamp_signed else 0.0,
        )
    except (ValueError, IndexError, OverflowError):
        return "", ""
    expected = next((value for name, value in made.items() if name.lower() == header), "")
    return _beginning(expected), _beginning(sent.get(header, ""))


def _beginning(signature: str) -> str:
    """Return the first signs of a signature, behind what names its kind."""
    kind = next((each for each in ("sha256=", "v1,") if signature.startswith(each)), "")
    return signature[: len(kind) + SHOWN_SIGNS] if signature[len(kind) :] else ""


def word(judgement: Judgement) -> str:
    """Return a judgement in a word or two, for a list: `ok k0`, `mismatch`."""
    return f"ok {judgement.dialect}" if judgement.ok else judgement.reason


def asked_version(delivery: Delivery) -> str:
    """Return the version that a delivery asks for: by path, else header, else query."""
    if delivery.version:
        return delivery.version
    sent = found_in(delivery.headers, delivery.named, "x-kiket-event-version").strip()
    if sent:
        return sent
    query = delivery.path.partition("?")[2]
    return parse_qs(query).get("version", [""])[0].strip()


def nearest_handler(event: str, version: str, handlers: Sequence[Handler]) -> str | None:
    """Return the handler that was probably meant, as `event@version`; None when one fits."""
    for each in handlers:
        if each.event == event and each.version == version:
            return None
    return _nearest(event, version, tuple((each.event, each.version) for each in handlers))


@functools.lru_cache(maxsize=256)  # comparing with many names takes long, and senders repeat theirs
def _nearest(event: str, version: str, handled: tuple[tuple[str, str], ...]) -> str | None:
    names = {f"{its_event}@{its_version}": its_event for its_event, its_version in handled}
    wanted = f"{event}@{version}"
    same_event = [name for name, its_event in names.items() if its_event == event]
    close = difflib.get_close_matches(wanted, same_event or list(names), n=1, cutoff=0.6)
    return close[0] if close else next(iter(same_event), None)
