"""An issue seen as a lead, and how warm it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketing.payloads import PayloadError, section, text, texts

PRIORITY_POINTS = {"low": 0, "medium": 15, "high": 30, "critical": 45}
LABEL_POINTS = 25
FIELD_POINTS = {"budget_approved": 20, "decision_maker": 15}
SCORED = frozenset({"priority", "labels", "custom_fields"})
"""Changes to these are worth a new score."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What an issue says about somebody who may buy."""

    key: str
    title: str
    priority: str
    labels: tuple[str, ...]
    fields: Mapping[str, Any]


def from_v1(payload: Mapping[str, Any]) -> Lead:
    """Read a lead from a version 1 payload: custom fields are a mapping."""
    fields = section(payload, "issue").get("custom_fields") or {}
    if not isinstance(fields, Mapping):
        raise PayloadError("`issue.custom_fields` must be an object in version v1.")
    return _lead(payload, fields)


def from_v2(payload: Mapping[str, Any]) -> Lead:
    """Read a lead from a version 2 payload: custom fields are a list of keys and values."""
    fields = section(payload, "issue").get("custom_fields") or []
    if not isinstance(fields, list) or not all(
        isinstance(field, Mapping) and isinstance(field.get("key"), str) for field in fields
    ):
        raise PayloadError("`issue.custom_fields` must be a list of `key` and `value` in v2.")
    return _lead(payload, {field["key"]: field.get("value") for field in fields})


def _lead(payload: Mapping[str, Any], fields: Mapping[str, Any]) -> Lead:
    issue = section(payload, "issue")
    return Lead(
        key=str(issue.get("key") or issue.get("id") or "unknown"),
        title=text(issue, "issue.title"),
        priority=str(issue.get("priority") or "medium").lower(),
        labels=texts(issue, "issue.labels"),
        fields=fields,
    )


def score(lead: Lead, watched_labels: frozenset[str]) -> int:
    """Return how warm *lead* is, 0 to 100: its priority, its watched labels, what it told us."""
    watched = sum(label.lower() in watched_labels for label in lead.labels)
    told = sum(points for field, points in FIELD_POINTS.items() if lead.fields.get(field))
    return min(100, PRIORITY_POINTS.get(lead.priority, 15) + watched * LABEL_POINTS + told)


def scored_changes(changes: object) -> tuple[str, ...]:
    """Return the names among *changes* that count for the score, in order."""
    return tuple(sorted(SCORED & changes.keys())) if isinstance(changes, Mapping) else ()
