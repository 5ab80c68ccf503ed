"""A module of handlers as the first release's authors wrote them: marked here, loaded elsewhere."""

from __future__ import annotations

from typing import Any

from kiket_sdk import HandlerContext, webhook


@webhook("issue.created", version="v1")
async def created(payload: Any, context: HandlerContext) -> dict[str, Any]:
    """Log the title and say which version this is."""
    await context.endpoints.log_event("issue.created", summary=payload["issue"]["title"])
    return {"ok": True, "version": context.event_version}


@webhook("issue.created", version="v2")
def created_v2(payload: Any, context: HandlerContext) -> dict[str, Any]:
    """Answer synchronously."""
    return {"ok": True, "version": context.event_version, "keys": sorted(payload)}


@webhook("issue.closed", version="2024-10-01")
async def closed(payload: Any, context: HandlerContext) -> None:
    """Return nothing, which means that all is well."""
