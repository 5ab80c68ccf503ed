"""Marketing automation: scores leads, follows them through the funnel, watches campaign budgets.

Run it with `kiket-console` in this folder, or alone with `python main.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from kiket_sdk import EnvironmentSecrets, FileSecrets, HandlerContext, KiketSDK, TelemetryRecord
from kiket_sdk.exceptions import SecretStoreError
from marketing import campaigns, funnel, leads
from marketing.settings import Settings
from marketing.sla import overdue_minutes

log = logging.getLogger("marketing")

SLOW_MS = 500.0
"""A handler that takes longer than this is worth a line in the log."""


async def feedback(record: TelemetryRecord) -> None:
    """Say which handlers fail or are slow; the SDK calls this after each one.

    It has logged a failure with its traceback by then, so what failed and how fast is enough.
    """
    if record.status != "ok":
        kind = record.metadata.get("error_class", "no reason given")
        log.info(
            "%s %s failed after %.0f ms (%s)",
            record.event,
            record.version,
            record.duration_ms,
            kind,
        )
    elif record.duration_ms > SLOW_MS:
        log.warning("%s %s took %.0f ms", record.event, record.version, record.duration_ms)


SECRETS = os.getenv("CREDENTIALS_DIRECTORY", "/run/secrets")
"""Where systemd, Docker and Kubernetes put secrets, one file each; see deploy/."""

sdk = KiketSDK(
    feedback_hook=feedback,
    secret_providers=[EnvironmentSecrets(), FileSecrets(SECRETS)],
    retries=2,
)


@sdk.webhook("issue.created", version="v1")
async def issue_created(payload: Mapping[str, Any], context: HandlerContext) -> dict[str, object]:
    """Score a new issue as a lead; version 1 sends custom fields as a mapping."""
    return await welcome(leads.from_v1(payload), context)


@sdk.webhook("issue.created", version="v2")
async def issue_created_v2(
    payload: Mapping[str, Any], context: HandlerContext
) -> dict[str, object]:
    """Score a new issue as a lead; version 2 sends custom fields as a list and names the actor."""
    return await welcome(leads.from_v2(payload), context)


async def welcome(lead: leads.Lead, context: HandlerContext) -> dict[str, object]:
    """Score *lead*, count it, and tell sales when it is hot."""
    settings = Settings.of(context.settings)
    score = leads.score(lead, settings.watched_labels)
    hot = score >= settings.hot_score
    await context.endpoints.log_event(
        "lead.scored", issue=lead.key, score=score, hot=hot, region=settings.region
    )
    await context.endpoints.emit_metric("lead.score", score, unit="points")
    if hot and not settings.quiet:
        await context.endpoints.notify(
            f"Hot lead {lead.key}", f"{lead.title} scored {score} of 100.", level="success"
        )
    log.info("%s scored %d (%s)", lead.key, score, "hot" if hot else "warm")
    return {"ok": True, "issue": lead.key, "score": score, "hot": hot}


@sdk.webhook("issue.updated", version="v1")
async def issue_updated(payload: Mapping[str, Any], context: HandlerContext) -> dict[str, object]:
    """Score a lead again when something that counts has changed."""
    lead = leads.from_v1(payload)
    touched = leads.scored_changes(payload.get("changes"))
    if not touched:
        return {"ok": True, "issue": lead.key, "rescored": False}
    score = leads.score(lead, Settings.of(context.settings).watched_labels)
    await context.endpoints.log_event(
        "lead.rescored", issue=lead.key, score=score, because=", ".join(touched)
    )
    await context.endpoints.emit_metric("lead.score", score, unit="points")
    return {"ok": True, "issue": lead.key, "rescored": True, "score": score}


@sdk.webhook("issue.transitioned", version="v1")
async def issue_transitioned(
    payload: Mapping[str, Any], context: HandlerContext
) -> dict[str, object]:
    """Follow a lead from one stage of the funnel to the next."""
    move = funnel.move(payload)
    await context.endpoints.log_event(
        "funnel.moved", issue=move.issue, before=move.before, after=move.after, by=move.by
    )
    await context.endpoints.emit_metric(f"funnel.{move.after}", 1)
    return {"ok": True, "issue": move.issue, "stage": move.after, "forward": move.forward}


@sdk.webhook("campaign.created", version="v1")
async def campaign_created(
    payload: Mapping[str, Any], context: HandlerContext
) -> dict[str, object]:
    """Give a new campaign its tracking token, and report one that is above the budget limit."""
    settings = Settings.of(context.settings)
    campaign = campaigns.from_payload(payload)
    token = campaigns.token_name(campaign)
    known = {secret.key for secret in await context.secrets.list()}
    if token not in known:
        await context.secrets.set(token, campaigns.new_token())
    await context.endpoints.log_event(
        "campaign.registered", campaign=campaign.id, channels=list(campaign.channels)
    )
    await context.endpoints.emit_metric("campaign.budget", campaign.budget, unit="currency")
    over = campaign.budget > settings.budget_limit
    if over and not settings.quiet:
        await context.endpoints.notify(
            f"Campaign {campaign.id} is above the limit",
            f"{campaign.name}: {campaign.budget:,.2f} of {settings.budget_limit:,.2f}.",
            level="warning",
        )
    return {"ok": True, "campaign": campaign.id, "over_budget": over, "token": token}


@sdk.webhook("workflow.sla_breach", version="v1")
async def sla_breached(payload: Mapping[str, Any], context: HandlerContext) -> dict[str, object]:
    """Count how late we are and apologise by mail, if there is a mailer."""
    minutes = overdue_minutes(payload)
    key = str(payload.get("issue", {}).get("key", "unknown"))
    await context.endpoints.emit_metric("sla.overdue", minutes, unit="minutes")
    try:
        mailer = await context.secrets.get("MAILER_TOKEN")
    except SecretStoreError:
        log.warning("%s is %d min late and nobody is told: no MAILER_TOKEN", key, minutes)
        return {"ok": True, "issue": key, "overdue_minutes": minutes, "mailed": False}
    mailed = bool(mailer.value)
    await context.endpoints.notify(
        f"{key} broke its target", f"{minutes} minutes late.", level="error"
    )
    return {"ok": True, "issue": key, "overdue_minutes": minutes, "mailed": mailed}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sdk.run(host=os.getenv("HOST", "127.0.0.1"), port=int(os.getenv("PORT", "8080")))
