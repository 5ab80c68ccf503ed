"""Deliveries that the engine sends itself: triggered ones, and recorded ones once more.

Pure: the gateway's pipeline sends what is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.engine.headers import HOP
from kiket_console.engine.platform import delivery
from kiket_console.engine.ports import Delivery
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Source
from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Detail, Headers

_RENEWED = frozenset(
    {
        "x-kiket-delivery",
        "x-kiket-signature",
        "x-kiket-timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "traceparent",
        "content-length",
    }
)


def compose(
    event: str,
    version: str,
    payload: Any,
    *,
    dialect: str,
    secret: str,
    platform_url: str,
    secrets: Mapping[str, str | None],
    extension: str | None = None,
    headers: Headers = (),
) -> Delivery:
    """Return the delivery that the platform would send for an event.

    *payload* None takes a sample. *secrets* are the extension's declared ones, None where there
    is no value. *headers* stand in place of the platform's own of the same name. Raises
    `ConsoleError` for a payload that is no JSON or a secret that the dialect cannot use.
    """
    if payload is None:
        payload = delivery.sample_payload(event, version, platform_url)
    payload = delivery.enveloped(payload, platform_url, secrets)
    raw_body = delivery.encoded(payload)
    own = delivery.delivery_headers(event, version, payload)
    signed = delivery.signatures(dialect, secret, raw_body, _value(own, "x-kiket-delivery"))
    asked = {name.lower() for name, _ in headers}
    return Delivery(
        extension,
        event,
        version,
        f"/v/{version}/webhooks/{event}" if version else f"/webhooks/{event}",
        (*(pair for pair in (*own, *signed) if pair[0] not in asked), *headers),
        raw_body,
    )


def resigned(detail: Detail, raw_body: bytes, dialect: str, secret: str) -> Delivery:
    """Return a recorded delivery as a new one: new id, time and signature, the same *raw_body*."""
    kept = tuple(pair for pair in _sendable(detail) if pair[0].lower() not in _RENEWED)
    delivery_id = delivery.new_delivery_id()
    return _again(
        detail,
        (
            *kept,
            ("x-kiket-delivery", delivery_id),
            *delivery.signatures(dialect, secret, raw_body, delivery_id),
        ),
        raw_body,
        "re-signed",
    )


def exact(detail: Detail, raw_body: bytes) -> Delivery:
    """Return a recorded delivery as it came: headers, signature and bytes.

    Headers that carry credentials were not stored, so they are not sent.
    """
    return _again(detail, _sendable(detail), raw_body, None)


def _again(detail: Detail, headers: Headers, raw_body: bytes, word: str | None) -> Delivery:
    exchange = detail.exchange
    return Delivery(
        exchange.worker,
        exchange.name,
        exchange.version,
        exchange.path,
        headers,
        raw_body,
        replay_of=exchange.id,
        signature_word=word,
    )


def _sendable(detail: Detail) -> Headers:
    if detail.exchange.source is not Source.WEBHOOK:
        raise ConsoleError(
            f"Exchange {detail.exchange.id} is a call to the platform; only webhooks can be sent "
            "again.",
            exit_code=ExitCode.USAGE,
        )
    return tuple(
        (name, value)
        for name, value in detail.request.headers
        if not is_credential(name) and name.lower() != HOP  # it comes from us anew, not round again
    )


def _value(headers: Headers, wanted: str) -> str:
    return next(value for name, value in headers if name == wanted)
