"""Manifests of later platforms, which `kiket_sdk` does not run (kiket-and-kindo.md §4.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.linting.report import Part

FILENAMES = ("kiket-extension.yaml", "kiket-extension.yml")
_API = "kiket.dev/v1"
_LONGEST = {"name": 255, "version": 80, "description": 2000}
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,159}")
_SCOPES = ("raw-events:write", "evidence:write")


def check(root: Part) -> bool:
    """Check a manifest of a later platform; return whether it is one."""
    if root["apiVersion"] and root["kind"]:
        _check_evidence(root)
        return True
    if root["vendor"] and isinstance(root["scopes"].value, dict):
        root["vendor"].warn(
            "belongs to the platform of 2026, whose extensions kiket_sdk does not run; "
            "only name and version are read.",
            "later-platform",
        )
        return True
    return False


def _check_evidence(root: Part) -> None:
    root["kind"].warn(
        "is an adapter of the evidence platform, which kiket_sdk does not run.", "later-platform"
    )
    if root["apiVersion"].value != _API:
        root["apiVersion"].error(f"is not {_API}.", "later-platform")
    if root["kind"].value != "Extension":
        root["kind"].error('is not "Extension".', "later-platform")
    metadata = root["metadata"].mapping("{ key: …, name: …, version: … }")
    key = metadata["key"].text(required="give the extension one, as shift-pager")
    if key and not _KEY.fullmatch(key):
        metadata["key"].error(
            "is no key; use up to 160 small letters, digits and dashes, the first no dash.", "id"
        )
    for name, most in _LONGEST.items():
        said = metadata[name].text()
        if len(said) > most:
            metadata[name].error(f"has {len(said)} characters; {most} are the most.", "range")
    spec = root["spec"].mapping("{ sourceSystem: … }")
    if len(spec["sourceSystem"].text()) > 100:
        spec["sourceSystem"].error("has more than 100 characters.", "range")
    for each in spec["ingestionScopes"].texts("[evidence:write]"):
        each.word(_SCOPES, noun="scope of ingestion", rule="scope")
    for name in ("sourceEventTypes", "evidenceTypes"):
        spec[name].texts("[build.finished]")
    hints = spec["retentionHints"].mapping("{ rawDays: 30 }")
    for name in ("rawDays", "evidenceDays"):
        hints[name].number(1)
