"""The extension's settings, checked once; a mistake in one is named, not guessed around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiket_sdk.exceptions import KiketSDKError


class SettingError(KiketSDKError):
    """A setting has a value that makes no sense."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What extension.yaml lets people choose."""

    hot_score: int
    watched_labels: frozenset[str]
    budget_limit: float
    quiet: bool
    region: str

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Settings:
        """Read the settings out of *raw*, as the SDK hands them to a handler."""
        hot_score = _number(raw, "hot_score", 70)
        if not 0 <= hot_score <= 100:
            raise SettingError(f"Setting `hot_score` is {hot_score:g}; it goes from 0 to 100.")
        return cls(
            hot_score=round(hot_score),
            watched_labels=frozenset(
                label.strip().lower()
                for label in str(raw.get("watched_labels", "")).split(",")
                if label.strip()
            ),
            budget_limit=_number(raw, "budget_limit", 20_000),
            quiet=raw.get("quiet") in (True, "true", "yes", "1"),
            region=str(raw.get("region", "everywhere")),
        )


def _number(raw: Mapping[str, Any], name: str, default: float) -> float:
    value = raw.get(name, default)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SettingError(f"Setting `{name}` is {value!r}; it must be a number.") from None
