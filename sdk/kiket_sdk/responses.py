"""What a handler answers to say whether the platform may go on.

The platform reads `status`, shows `message` to the person, and keeps `metadata`
(spec/kiket-and-kindo.md §1.10, §1.11). `allow`, `deny` and `pending` return plain dictionaries;
the classes hold the same, and may be returned by a handler as they are.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AllowResponse",
    "DenyResponse",
    "PendingResponse",
    "Response",
    "allow",
    "deny",
    "pending",
]

_OUTPUT_FIELD = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)

_logger = logging.getLogger("kiket_sdk")


@dataclass(slots=True)
class Response:
    """A decision: `status` is allow, deny or pending, `metadata` is kept by the platform."""

    status: str
    message: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the decision's JSON; a message that is None is left out."""
        content: dict[str, Any] = {"status": self.status, "metadata": self.metadata}
        if self.message is not None:
            content["message"] = self.message
        return content


@dataclass(slots=True)
class AllowResponse(Response):
    """Let the platform go on."""

    status: str = "allow"


@dataclass(slots=True)
class DenyResponse(Response):
    """Stop what the platform was about to do; the person is shown `message`."""

    status: str = "deny"


@dataclass(slots=True)
class PendingResponse(Response):
    """Keep the platform waiting for a later decision; the person is shown `message`."""

    status: str = "pending"


def allow(
    message: str | None = None,
    data: Mapping[str, Any] | None = None,
    output_fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the answer that lets the platform go on.

    `data` is kept as metadata. `output_fields` are shown beside the issue, by the keys that the
    manifest declares; keys are lower-case letters, digits and underscores, and one that is not
    is logged, for the platform does not show it.
    """
    metadata = dict(data or {})
    if output_fields:
        for key in output_fields:
            if not _OUTPUT_FIELD.fullmatch(key):
                _logger.warning(
                    "The output field %r is not shown by the platform: "
                    "a key is lower-case letters, digits and underscores, a letter first.",
                    key,
                )
        metadata["output_fields"] = dict(output_fields)
    return AllowResponse(message=message, metadata=metadata).to_dict()


def deny(message: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer that stops what the platform was about to do, and says why."""
    return DenyResponse(message=message, metadata=dict(data or {})).to_dict()


def pending(message: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer that keeps the platform waiting, and says for what."""
    return PendingResponse(message=message, metadata=dict(data or {})).to_dict()
