"""What an answer says of when to ask again (RFC 9110 §10.2.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def asked_pause_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, a number or a date; None without one.

    *headers* finds names whatever their case, or has them in lower case.
    """
    from email.utils import parsedate_to_datetime

    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
