"""A producer that takes messages, or refuses them, as it was told; and messages sent before."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Body, Judgement, Message, Source, State
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange
from kiket_console.wire_producer import (
    BEHAVIORS,
    LOCAL,
    PRODUCER_WAYS,
    SECURITY_LEVELS,
    Explanation,
    ProducerMessage,
    ProducerPreview,
    ProducerResult,
    ProducerState,
    Profile,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.snap.scene import Story

    from kiket_console.wire_producer import SinkFault

SINK = "http://127.0.0.1:41233/producer"
FUNCTION = "https://k3wq7xyzabc.lambda-url.eu-west-1.on.aws/"
TRACKING = "7f0c3a1e-52d4-4d0c-9c0e-9a3c5a1b7d11"
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["event_type", "message_channel", "behavior", "payload"],
    "additionalProperties": False,
    "properties": {
        "event_type": {"type": "string"},
        "message_channel": {"type": "string"},
        "behavior": {"type": "string", "enum": list(BEHAVIORS)},
        "security_level": {"type": "string", "enum": list(SECURITY_LEVELS)},
        "payload": {"type": "object"},
    },
}
STATE = ProducerState(
    SINK, SINK, LOCAL, "ap-southeast-2", "lambda",
    profiles=(
        Profile(LOCAL, "", LOCAL, "static"),
        Profile("dev", "eu-west-1", "AKIA…7Q", "static"),
        Profile("prod", "ap-southeast-2", "", "sso"),
    ),
    regions=("ap-southeast-2", "eu-west-1", "us-east-1"),
    schema=SCHEMA,
)  # fmt: skip
WRONG_SECRET = Explanation(
    "wrong secret",
    "The signature was made with another secret key than the one of the access key local.",
    "Choose the profile local with p, or set AWS_SECRET_ACCESS_KEY to local.",
    (
        ("access key", "local", "local"),
        ("region", "ap-southeast-2", "ap-southeast-2"),
        ("signature", "5f1c09d2…", "9c4ff2d1…"),
    ),
)
TAKEN = ProducerResult(1193, SINK, 200, TRACKING, 12_300)
REFUSED = ProducerResult(
    1202, SINK, 403, "", 3_100, error="The producer refused the signature.", exit_code=6,
    explanation=WRONG_SECRET,
)  # fmt: skip
PREVIEW = ProducerPreview(
    SINK,
    (
        ("Host", "127.0.0.1:41233"),
        ("Content-Type", "application/json"),
        ("X-Amz-Date", "20261120T140642Z"),
        (
            "Authorization",
            (
                "AWS4-HMAC-SHA256 Credential=local/20261120/ap-southeast-2/lambda/aws4_request,"
                " SignedHeaders=content-type;host;x-amz-date, Signature=9c4ff2d1"
            ),
        ),
    ),
    '{"event_type": "user.notification", "message_channel": "email"}',
    "POST\n/producer\n\ncontent-type:application/json\nhost:127.0.0.1:41233\n"
    "x-amz-date:20261120T140642Z\n\ncontent-type;host;x-amz-date\n2c26b46b68ffc68ff99b453c1d304134",
    "AWS4-HMAC-SHA256\n20261120T140642Z\n20261120/ap-southeast-2/lambda/aws4_request\n"
    "fcde2b2edba56bf408601fb721fe9b5c",
    "local",
    "ap-southeast-2",
    "lambda",
)


class ToldProducer:
    """Answers as it was told, and notes what it was asked."""

    def __init__(self) -> None:
        self.told = STATE
        self.sent: list[ProducerMessage] = []
        self.previewed: list[ProducerMessage] = []
        self.resent: list[int] = []
        self.answers: list[ProducerResult | ConsoleError] = []
        """What is answered next; when it is empty, each message is taken."""
        self.messages: dict[int, ProducerMessage] = {}

    async def state(self) -> ProducerState:
        """Return what there is to send with."""
        return self.told

    async def preview(self, message: ProducerMessage) -> ProducerPreview:
        """Say what would be sent."""
        self.previewed.append(message)
        return PREVIEW

    async def send(self, message: ProducerMessage) -> ProducerResult:
        """Take a message."""
        self.sent.append(message)
        if message.way != PRODUCER_WAYS[0] and not self.answers:
            return REFUSED
        return self._answer()

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Take a message again."""
        self.resent.append(exchange_id)
        return self._answer()

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return a message that was recorded."""
        if exchange_id not in self.messages:
            raise ConsoleError("It is not there any more.", exit_code=ExitCode.USAGE)
        return self.messages[exchange_id]

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Fail in some ways."""
        self.told = replace(self.told, faults=tuple(faults))
        return self.told

    def _answer(self) -> ProducerResult:
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, ConsoleError):
            raise answer
        return answer


def say(
    story: Story,
    event_type: str,
    channel: str,
    payload: dict[str, Any],
    *,
    status: int | None = 200,
    sensitive: bool = False,
    error: str = "",
    judgement: Judgement | None = None,
    answer: dict[str, Any] | None = None,
    took_us: int = 8_400,
) -> int:
    """Tell of a message that was sent."""
    fields = {
        "event_type": event_type,
        "message_channel": channel,
        "behavior": "instant",
        "security_level": "sensitive" if sensitive else "normal",
        "payload": payload,
    }
    number = story.next_id()
    story.at_us += 3_700_000
    word = "" if judgement is None else ("ok sigv4" if judgement.ok else "bad sigv4")
    state = State.FORWARDED if status is not None else State.FAILED
    said = _message(answer if answer is not None else {"tracking_id": TRACKING})
    story.rows += [
        NewExchange(
            number, Source.PRODUCER, "", event_type, "", "POST", "/producer", story.at_us,
            State.RECEIVED, _message(fields), word, judgement,
        ),
        NewAttempt(number, 1, "sink", story.at_us + 200),
        AttemptEnd(
            number, 1, state, status, took_us, error, said if status is not None else None
        ),
    ]  # fmt: skip
    return number


OK = Judgement(True, "ok", None, "The signature is right.")
BAD = Judgement(
    False, "wrong secret", None, "It was signed with another secret key than that of local."
)


def tell_of_messages(story: Story) -> None:
    """Tell of a few messages: taken, sensitive, refused, lost."""
    order = {"order_id": "ORD-12345", "status": "shipped"}
    welcome = {"user_id": "12345", "subject": "Welcome to Kindo!"}
    paid = {"amount": "[masked:5d2f19ac]", "credit_card_last4": "[masked:9e107d9d]"}
    say(story, "user.notification", "email", welcome, judgement=OK)
    limited = {"message": "Rate exceeded"}
    say(story, "order.status_update", "sms", order, status=429, answer=limited, took_us=2_100)
    say(story, "order.status_update", "sms", order, judgement=OK, took_us=9_100)
    say(
        story, "payment.processed", "internal", paid,
        sensitive=True, judgement=OK, took_us=12_300,
    )  # fmt: skip
    lost = "k3wq7xyzabc.lambda-url.eu-west-1.on.aws cannot be reached: no such host."
    say(story, "system.started", "logging", {"host": "web-1"}, status=None, error=lost)
    refused = {"message": "The request signature we calculated does not match."}
    say(
        story, "payment.processed", "internal", paid,
        sensitive=True, status=403, judgement=BAD, answer=refused, took_us=3_100,
    )  # fmt: skip


def _message(fields: dict[str, Any]) -> Message:
    raw = json.dumps(fields).encode()
    body = Body(raw, len(raw), hashlib.sha256(raw).digest())
    return Message((("content-type", "application/json"),), body)
