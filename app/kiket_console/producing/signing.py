"""Sign a message, or break it on purpose to see what is answered (AWS Signature Version 4)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_producer import PRODUCER_WAYS, ProducerPreview

if TYPE_CHECKING:
    from kiket_console.producing.destination import Destination
    from kiket_console.producing.message import Message
    from kiket_console.producing.profiles import Keys
    from kindo_message_client._sigv4 import Signed

SKEW_S = 900
"""How far off the clock is of the way `clock-skew`."""
WRONG_REGIONS = ("mars-north-1", "us-east-1", "eu-central-1")
WRONG_SERVICE = "execute-api"
REGION = re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx|cn|eusc)(?:-(?:gov|iso[a-z]?|de))?-[a-z]+-\d+")
"""What regions are called (botocore's data of partitions)."""
BROKEN = {
    "wrong-secret": "It is signed with another secret key, on purpose.",
    "wrong-region": "It is signed for another region, on purpose.",
    "wrong-service": "It is signed for another service, on purpose.",
    "clock-skew": f"It is signed as by a clock that is {SKEW_S // 60} minutes late, on purpose.",
    "altered-body": "Its body is changed after it was signed, on purpose.",
    "unsigned": "It is not signed, on purpose.",
}
"""What was done to a message on purpose, by the way in which it was sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message as it goes over the wire, and what was signed of it."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    raw_body: bytes = field(repr=False)
    signed: Signed
    way: str = PRODUCER_WAYS[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return how it was broken on purpose, in sentences."""
        return (BROKEN[self.way],) if self.way in BROKEN else ()

    @property
    def preview(self) -> ProducerPreview:
        """What a person is shown of it: all but the session token."""
        signed = self.signed
        return ProducerPreview(
            self.url,
            tuple(
                (name, "[redacted]" if name == "X-Amz-Security-Token" else value)
                for name, value in self.headers
            ),
            self.raw_body.decode(),
            "" if self.way == "unsigned" else signed.canonical_request,
            "" if self.way == "unsigned" else signed.string_to_sign,
            signed.access_key,
            signed.region,
            signed.service,
            self.warnings,
        )


def request(
    message: Message,
    to: Destination,
    keys: Keys,
    way: str = PRODUCER_WAYS[0],
    *,
    is_sink: bool = False,
    now_s: float | None = None,
) -> Request:
    """Return a message signed in one of `PRODUCER_WAYS`; raises `ConsoleError` for another.

    The engine's sink (*is_sink*) takes every region that there is, so that the wrong one is one
    that there is not.
    """
    from kindo_message_client._sigv4 import Signer

    if way not in PRODUCER_WAYS:
        raise ConsoleError(
            f'There is no way "{way[:80]}" to send a message.',
            hint=f"Use {', '.join(PRODUCER_WAYS[:-1])} or {PRODUCER_WAYS[-1]}.",
            exit_code=ExitCode.USAGE,
        )
    at_s = time.time() if now_s is None else now_s
    if way == "wrong-secret":
        keys = replace(keys, secret_key=f"not-{keys.secret_key[::-1]}")
    elif way == "wrong-region":
        others = WRONG_REGIONS if is_sink else WRONG_REGIONS[1:]
        to = msgspec.structs.replace(to, region=next(each for each in others if each != to.region))
    elif way == "wrong-service":
        to = msgspec.structs.replace(to, service=WRONG_SERVICE)
    elif way == "clock-skew":
        at_s -= SKEW_S
    try:
        signer = Signer(to.url, to.region, to.service, keys.access_key, keys.secret_key, keys.token)
    except (ValueError, UnicodeError) as error:
        raise ConsoleError(
            f'"{to.url[:200]}" cannot be signed for: {error}.', exit_code=ExitCode.USAGE
        ) from None
    signed = signer.describe(message.raw_body, at_s)
    headers = {"Host": signer.host, **signed.headers}
    raw_body = message.raw_body
    if way == "altered-body":
        raw_body = raw_body[:-1] + b" }"  # what it says stays, and its hash does not
    elif way == "unsigned":
        headers = {name: headers[name] for name in ("Host", "Content-Type")}
    return Request(signer.url, tuple(headers.items()), raw_body, signed, way)
