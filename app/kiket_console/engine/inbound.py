"""What others post for an extension becomes an event of the platform (spec §1.10).

    {any method} /webhooks/ext/{token}/{action} ──► external.webhook.{action} ──► the extension

Others are answered as the platform answers them: 202 once it is recorded, whatever the extension
says. The answer waits for the first attempt, so that nobody can post faster than is taken.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs

from kiket_console.engine.asgi import JSON_TYPE, error_body
from kiket_console.engine.headers import HOP, value_of
from kiket_console.engine.routing import Elsewhere
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.sending.head import DROPPED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.engine.addresses import Addresses
    from kiket_console.model import Headers
    from kiket_console.wire import Result

PREFIX: Final = "external.webhook."
BODY_BYTES: Final = 500 * 1024
"""What the platform takes at most."""
_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = 1000
_RETRY: Final = (("retry-after", "1"),)


@dataclass(frozen=True, slots=True)
class Posted:
    """What somebody else posts."""

    token: str = field(repr=False)
    action: str
    method: str
    target: str
    """Path and query as they came."""
    headers: Headers
    raw_body: bytes


class Unattended(Protocol):
    """Send an event that no person asked for: the sender's."""

    async def deliver_unattended(
        self, extension: str, event: str, payload: dict[str, Any]
    ) -> Result:
        """Send it as the platform would; return how its first attempt ended."""
        ...


class Inbound:
    """Take what others post to *addresses*, for *sender* to deliver."""

    def __init__(self, addresses: Addresses, sender: Unattended) -> None:
        self._addresses = addresses
        self._sender = sender

    async def take(self, posted: Posted) -> Elsewhere:
        """Deliver what is posted, and return what its sender is answered."""
        extension = self._addresses.extension(posted.token)
        if extension is None:
            return _refusal(
                404, "No extension has this address; the console shows those there are."
            )
        if value_of(posted.headers, HOP):
            return _refusal(508, "This gateway has sent the request itself before.")
        if len(posted.raw_body) > BODY_BYTES:
            return _refusal(413, f"The body has more than {BODY_BYTES // 1024} KiB.")
        payload = _payload(posted, datetime.now(UTC))
        try:
            event = PREFIX + posted.action
            result = await self._sender.deliver_unattended(extension, event, payload)
        except ConsoleError as error:
            status = 400 if error.exit_code == ExitCode.USAGE else 503
            return _refusal(status, error.message)
        said = {"status": "accepted", "exchange": result.exchange_id}
        return Elsewhere(202, JSON_TYPE, json.dumps(said).encode())


def _refusal(status: int, sentence: str) -> Elsewhere:
    headers = (*JSON_TYPE, *_RETRY) if status in {429, 503} else JSON_TYPE
    return Elsewhere(status, headers, error_body(sentence))


def _payload(posted: Posted, now: datetime) -> dict[str, Any]:
    """Return the event's own JSON; a header or a field that is there twice is joined, or a list."""
    path, _, query = posted.target.partition("?")
    host = value_of(posted.headers, "host") or "localhost"
    content_type = value_of(posted.headers, "content-type")
    moment = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "event": PREFIX + posted.action,
        "timestamp": moment,
        "action": posted.action,
        "received_at": moment,
        "external_webhook": {
            "body": _body(posted.raw_body, content_type),
            "headers": _headers(posted.headers),
            "content_type": content_type,
            "method": posted.method,
            "query_params": _fields(query),
            "original_url": f"http://{host}{path}" + (f"?{query}" if query else ""),
        },
    }


def _headers(headers: Headers) -> dict[str, str]:
    """Return the headers by name in lower case, without those of the connection."""
    found: dict[str, str] = {}
    for name, value in headers:
        folded = name.lower()
        if folded not in DROPPED:
            found[folded] = f"{found[folded]}, {value}" if folded in found else value
    return found


def _body(raw: bytes, content_type: str) -> Any:
    """Return a body as JSON can hold it: decoded where it is JSON or a form, else as text.

    Bytes that are no UTF-8 stand as U+FFFD.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = raw.decode("utf-8", "replace")
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(text, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError):
            return text
    return _fields(text) if kind == _FORM else text


def _no_number(word: str) -> float:
    raise ValueError(word)


def _finite(word: str) -> float:
    """Return a number that JSON can say again; one too large for that would be refused."""
    return number if math.isfinite(number := float(word)) else _no_number(word)


def _fields(text: str) -> Mapping[str, Any]:
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:  # more fields than anybody sends
        return {}
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
