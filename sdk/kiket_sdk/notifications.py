"""What a notification extension is asked to deliver, and what it answers.

Plain data for handlers of extensions that deliver messages to a chat or mail service; to show a
notification in the workspace use `context.endpoints.notify`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

CHANNEL_TYPES = ("channel", "dm", "group")
FORMATS = ("plain", "markdown", "html")
PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass
class NotificationRequest:
    """A message to deliver; raises ValueError for one that cannot be.

    A `channel` needs a channel id, a `dm` a recipient id.
    """

    message: str
    channel_type: str
    channel_id: str | None = None
    recipient_id: str | None = None
    format: str = "markdown"
    priority: str = "normal"
    metadata: dict[str, Any] | None = None
    thread_id: str | None = None
    attachments: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        if not self.message:
            raise ValueError("Message content is required")
        if self.channel_type not in CHANNEL_TYPES:
            raise ValueError(f"Invalid channel_type: {self.channel_type}")
        if self.channel_type == "dm" and not self.recipient_id:
            raise ValueError("recipient_id is required for channel_type='dm'")
        if self.channel_type == "channel" and not self.channel_id:
            raise ValueError("channel_id is required for channel_type='channel'")
        if self.format not in FORMATS:
            raise ValueError(f"Invalid format: {self.format}")
        if self.priority not in PRIORITIES:
            raise ValueError(f"Invalid priority: {self.priority}")


@dataclass
class NotificationResponse:
    """What came of a delivery; `retry_after` in seconds. A handler may return it as it is."""

    success: bool
    message_id: str | None = None
    delivered_at: datetime | None = None
    error: str | None = None
    retry_after: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what is None."""
        delivered_at = self.delivered_at.isoformat() if self.delivered_at else None
        return _present(
            success=self.success,
            message_id=self.message_id,
            delivered_at=delivered_at,
            error=self.error,
            retry_after=self.retry_after,
        )


@dataclass
class ChannelValidationRequest:
    """The question whether a channel can be delivered to."""

    channel_id: str
    channel_type: str = "channel"


@dataclass
class ChannelValidationResponse:
    """The answer to it. A handler may return it as it is."""

    valid: bool
    error: str | None = None
    metadata: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what is None."""
        return _present(valid=self.valid, error=self.error, metadata=self.metadata)


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
