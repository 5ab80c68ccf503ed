"""Deliveries that the engine sends itself: triggered ones, and recorded ones once more.

Pure: the gateway's pipeline sends what is made here.
"""

from __future__ import annotations

import re
import secrets as random_secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kiket_console.engine.headers import signed
from kiket_console.engine.platform import delivery
from kiket_console.engine.platform.envelope import Surroundings
from kiket_console.engine.ports import Delivery
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Source
from kiket_console.sending import head
from kiket_console.wire import ES256, Edit
from kiket_core.secret import is_credential
from kiket_sdk._signing import DIALECTS, SKEW_S

if TYPE_CHECKING:
    from kiket_console.model import Detail, Headers

STALE_S = SKEW_S + 300
"""How old a stale delivery says that it is."""
_AS_IT_WAS = Edit()
_NOTHING = Surroundings("", {})


@dataclass(frozen=True, slots=True)
class Signing:
    """How the deliveries to a worker are signed, and how one of them is to differ."""

    dialect: str
    """What the worker's code prefers."""
    secret: str = field(repr=False)
    way: str = "resigned"
    """One of `wire.WAYS`."""
    is_alone: bool = False
    """Whether nothing is signed in another dialect beside."""

    def headers(self, raw_body: bytes, delivery_id: str) -> Headers:
        """Return the headers that sign a body.

        Raises `ConsoleError` for a way that needs a secret where there is none.
        """
        dialect, secret, at_s = self.dialect, self.secret, time.time()
        if self.way in {"unsigned", ES256}:
            return ()
        if dialect == ES256 and self.way not in DIALECTS:
            return ()
        if self.way == "bad-signature":
            secret = random_secrets.token_hex(24)
        elif self.way == "stale":
            at_s -= STALE_S
        elif self.way in DIALECTS:
            dialect = self.way
        if self.way != "resigned" and not secret.strip():
            raise ConsoleError(
                "There is no webhook secret to sign with.",
                hint="Give the extension one, or send without a signature.",
                exit_code=ExitCode.USAGE,
            )
        alone = self.is_alone or self.way in DIALECTS
        return delivery.signatures(dialect, secret, raw_body, delivery_id, at_s, alone=alone)


def signing_like(detail: Detail, now: Signing) -> Signing:
    """Return how to sign a recorded delivery in the dialects that it came in, as is done *now*."""
    before = [dialect for dialect, _ in signed(detail.request.headers)] or [ES256]
    return replace(now, dialect=before[0], is_alone=len(before) == 1)


def compose(
    event: str,
    version: str,
    payload: Any,
    *,
    signing: Signing,
    surroundings: Surroundings,
    extension: str | None = None,
    headers: Headers = (),
) -> Delivery:
    """Return the delivery that the platform would send for an event.

    *payload* None takes a sample, and bytes are sent as they are. *headers* stand in place of the
    platform's own of the same name. Raises `ConsoleError` for a payload or headers that cannot be
    sent, and for a secret that the dialect cannot use.
    """
    head.check(headers)
    delivery_id = delivery.new_delivery_id()
    if isinstance(payload, bytes):
        raw_body = payload
    else:
        if payload is None:
            payload = delivery.sample_payload(event, version, surroundings.platform_url)
        raw_body = surroundings.around(payload, delivery_id, event)
    own = delivery.delivery_headers(event, version, payload, delivery_id)

    def sign(secret: str) -> Headers:
        signed = replace(signing, secret=secret).headers(raw_body, delivery_id)
        return head.merged((*own, *signed), headers)

    return Delivery(
        extension,
        event,
        version,
        _path(event, version),
        sign(signing.secret),
        raw_body,
        signed_with=signing.secret,
        sign=sign,
    )


def again(
    detail: Detail,
    raw_body: bytes,
    signing: Signing,
    edit: Edit = _AS_IT_WAS,
    *,
    surroundings: Surroundings = _NOTHING,
    linked: bool = True,
    delivery_id: str = "",
) -> Delivery:
    """Return a recorded delivery as a new one, with what *edit* changes of it.

    *raw_body* is what is sent. Its id (unless *delivery_id* is given), time, signature and runtime
    token are new, except when it is sent exactly: then headers, signature and bytes are as they
    came. Headers that carry credentials were not stored, so they are not sent. It names what it
    repeats when it is *linked*. Raises `ConsoleError` for headers that HTTP cannot carry, and for
    what is no webhook.
    """
    delivery_id = delivery_id or delivery.new_delivery_id()
    exchange = detail.exchange
    event = exchange.name if edit.event is None else edit.event
    version = exchange.version if edit.version is None else edit.version
    renamed = (event, version) != (exchange.name, exchange.version)
    told = {head.EVENT: event, head.VERSION: version} if renamed else {}
    sendable = tuple((name, told.get(name.lower(), value)) for name, value in _sendable(detail))
    kept = head.editable(sendable)
    asked = kept if edit.headers is None else edit.headers
    if signing.way != "exact":
        raw_body = surroundings.renewed(raw_body, detail.request.body.raw, delivery_id)
    if edit.headers is not None:  # those that were recorded have come as they are
        head.check(asked)

    def sign(secret: str) -> Headers:
        anew = replace(signing, secret=secret)
        return _headers(sendable, asked, anew, raw_body, delivery_id)

    return Delivery(
        exchange.worker,
        event,
        version,
        _renamed(exchange.path, event, version) if renamed else exchange.path,
        sign(signing.secret),
        raw_body,
        replay_of=exchange.id if linked else None,
        edited=linked and (renamed or asked != kept or _has_other_body(detail, edit)),
        signature_word="re-signed" if signing.way == "resigned" and linked else None,
        signed_with=signing.secret,
        sign=None if signing.way == "exact" else sign,
    )


def _headers(
    sendable: Headers, asked: Headers, signing: Signing, raw_body: bytes, delivery_id: str
) -> Headers:
    """Return *asked* among what a person does not edit, made anew unless it is sent exactly."""
    kept = head.editable(sendable)
    if signing.way == "exact" and asked == kept:
        return sendable
    names = {name.lower() for name, _ in asked}
    unseen = [pair for pair in sendable if pair not in kept and pair[0].lower() not in names]
    if signing.way == "exact":
        return (*unseen, *asked)
    fresh = ((delivery.DELIVERY_ID, delivery_id), *signing.headers(raw_body, delivery_id))
    return (
        *(pair for pair in unseen if pair[0].lower() not in head.RENEWED),
        *asked,
        *(pair for pair in fresh if pair[0] not in names),
    )


def _has_other_body(detail: Detail, edit: Edit) -> bool:
    return edit.raw_payload is not None and edit.raw_payload != detail.request.body.raw


def _renamed(path: str, event: str, version: str) -> str:
    """Return a delivery's path with its event and version exchanged; a query's version too."""
    _, mark, query = path.partition("?")
    query = re.sub(r"(?:^|(?<=&))version=[^&]*&?", "", query).rstrip("&")
    return _path(event, version) + (mark + query if query else "")


def _path(event: str, version: str) -> str:
    return f"/v/{version}/webhooks/{event}" if version else f"/webhooks/{event}"


def _sendable(detail: Detail) -> Headers:
    if detail.exchange.source is Source.IPC:
        raise ConsoleError(
            f"Exchange {detail.exchange.id} is a message of the module {detail.exchange.worker}.",
            hint=f"`kiket-console ipc replay {detail.exchange.id}` sends it again.",
            exit_code=ExitCode.USAGE,
        )
    if detail.exchange.source is Source.PRODUCER:
        raise ConsoleError(
            f"Exchange {detail.exchange.id} is a message to a producer.",
            hint=f"`kiket-console produce --resend {detail.exchange.id}` sends it again.",
            exit_code=ExitCode.USAGE,
        )
    if detail.exchange.source is not Source.WEBHOOK:
        raise ConsoleError(
            f"Exchange {detail.exchange.id} is a call to the platform; only webhooks can be sent "
            "again.",
            exit_code=ExitCode.USAGE,
        )
    return tuple(
        (name, value)
        for name, value in detail.request.headers
        if not is_credential(name) and name.lower() != head.HOP  # it comes from us anew
    )
