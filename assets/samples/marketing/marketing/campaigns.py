"""Campaigns: what a payload says of one, and the token that its links carry."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketing.payloads import PayloadError, number, section, text, texts

CHANNELS = frozenset({"email", "sms", "web", "post"})


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as the platform announced it."""

    id: str
    name: str
    budget: float
    channels: tuple[str, ...]


def from_payload(payload: Mapping[str, Any]) -> Campaign:
    """Read a campaign from a `campaign.created` payload."""
    campaign = section(payload, "campaign")
    channels = texts(campaign, "campaign.channels")
    unknown = sorted(set(channels) - CHANNELS)
    if unknown:
        raise PayloadError(
            f"`campaign.channels` names {unknown[0]!r}; known are {', '.join(sorted(CHANNELS))}."
        )
    return Campaign(
        id=str(campaign.get("id") or "unknown"),
        name=text(campaign, "campaign.name"),
        budget=number(campaign, "campaign.budget"),
        channels=channels,
    )


def token_name(campaign: Campaign) -> str:
    """Return the name of the secret that holds *campaign*'s tracking token."""
    return f"CAMPAIGN_{campaign.id}_TOKEN"


def new_token() -> str:
    """Return a new tracking token."""
    return secrets.token_urlsafe(24)
