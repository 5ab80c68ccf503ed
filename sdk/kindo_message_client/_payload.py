"""What a message is made of (Kindo specification §7.1).

Annotations are values here, not text: of texts, Python does not see which keys are not required.
"""

from typing import Any, Literal, NotRequired, TypedDict


class ProducerPayload(TypedDict):
    """A message to the producer."""

    event_type: str
    """What happened, such as `user.notification`."""
    message_channel: str
    """How it is delivered, such as `email`."""
    behavior: Literal["instant", "scheduled", "deferred", "long_term"]
    """When it is delivered."""
    payload: dict[str, Any]
    """What it says: JSON."""
    security_level: NotRequired[Literal["sensitive", "normal"]]
    """How the service stores the payload: `normal` as it is, `sensitive` hashed."""
