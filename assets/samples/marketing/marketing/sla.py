"""How late we are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marketing.payloads import PayloadError, section, text

_SPAN = re.compile(r"(?:(\d{1,4})\s*h)?\s*(?:(\d{1,5})\s*m)?")


def overdue_minutes(payload: Mapping[str, Any]) -> int:
    """Return by how many minutes a `workflow.sla_breach` payload says a target was missed."""
    span = text(section(payload, "sla"), "sla.exceeded_by")
    found = _SPAN.fullmatch(span)
    if found is None:
        raise PayloadError(f"`sla.exceeded_by` must read like `1h 20m`, not {span!r}.")
    hours, minutes = (int(part or 0) for part in found.groups())
    return hours * 60 + minutes
