"""Rules for the events that an extension asks for, its hooks, and what it may do."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kiket_console.linting.report import nearest
from kiket_sdk._manifest_delivery import LONGEST_TIMEOUT_MS, SHORTEST_TIMEOUT_MS

if TYPE_CHECKING:
    from collections.abc import Collection

    from kiket_console.linting.report import Part

EVENTS = (
    "issue.created", "issue.updated", "issue.transitioned", "issue.assigned", "issue.commented",
    "issue.status_changed", "issue.closed", "comment.created", "comment.added",
    "workflow.before_transition", "workflow.after_transition", "workflow.sla_status",
    "workflow.sla_breach", "workflow.updated", "workflow.synced", "workflow.triggered",
    "workflow.issue.transitioned", "workflow.issue.assignment.updated",
    "workflow.approval.requested", "workflow.approval.resolved", "automation.dispatch",
    "automation.triggered", "schedule.cron", "oauth.authorize", "oauth.callback", "oauth.refresh",
    "oauth.revoke", "extension.installation", "extension.testConnection",
    "extension.delivery.started", "extension.delivery.completed", "extension.delivery.failed",
)  # fmt: skip
"""The platform's own (kiket-and-kindo.md §6); an extension may have any of its own besides."""
PERMISSIONS = (
    "issues:read", "issues:write", "comments:read", "comments:write", "users:read",
    "notifications:write", "custom_data:read", "custom_data:write", "oauth:manage",
    "projects:read", "workflows:read", "boards:read", "analytics:write",
)  # fmt: skip
_HOOK_KEYS = (
    "event", "version", "template", "endpoint", "timeout", "retries", "description", "required",
)  # fmt: skip
_EVENT_KEYS = ("name", "event", "version", "required", "description", "timeout", "retries")
_TURNED_ROUND = re.compile(r"(read|write|delete|manage)[:.](\w+)")


def check_events(body: Part, settings: Collection[str]) -> None:
    """Check every list of events, hooks, permissions and capabilities."""
    for key in ("activationEvents", "activation_events", "lifecycleEvents"):
        for each in body[key].texts("[issue.created]"):
            _event(each)
    if body["activationEvents"] and body["activation_events"]:
        body["activation_events"].warn("is given as activationEvents too; keep one.", "alias")
    for each in body["hooks"].items("[{ event: issue.created }]"):
        _hook(each, settings)
    for each in body["events"].items("[{ name: issue.created, version: v1 }]"):
        if isinstance(each.value, dict):
            named = each["name"] if each["name"] or not each["event"] else each["event"]
            if named.text(required="name the event, as issue.created"):
                _event(named)
            each.only(_EVENT_KEYS, of="an event")
            _deadline(each)
        elif each.text(required="name the event, as issue.created"):
            _event(each)
    for each in body["permissions"].texts("[issues:read]"):
        _permission(each)
    body["capabilities"].texts("[notifications]")


def _hook(hook: Part, settings: Collection[str]) -> None:
    hook.mapping("{ event: issue.created }").only(_HOOK_KEYS, of="a hook")
    if hook["event"].text(required="say of what event"):
        _event(hook["event"])
    template = hook["template"].text()
    if template and template not in settings:
        hook["template"].error(
            f'the configuration has no "{template}"; describe it there.', "hook-template"
        )
    hook["endpoint"].text()
    hook["description"].text()
    _deadline(hook)


def _deadline(part: Part) -> None:
    part["timeout"].number(SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS)
    part["retries"].number(0)
    part["required"].flag()


def _event(event: Part) -> None:
    name = event.value
    if any(sign.isspace() for sign in name) or "/" in name:
        event.error(f'"{name}" is no name of an event; write it as issue.created.', "event")
        return
    # one of the extension's own may look a bit like the platform's
    near = get_close_matches(name[:100], EVENTS, n=1, cutoff=0.9)
    if near and name not in EVENTS:
        event.warn(f'is no event of the platform; did you mean "{near[0]}"?', "event")


def _permission(permission: Part) -> None:
    name = permission.value
    turned = _TURNED_ROUND.fullmatch(name)
    spelled = f"{turned[2]}:{turned[1]}" if turned else name.replace(".", ":")
    if spelled != name and spelled in PERMISSIONS:
        permission.warn(
            f'is another permission than "{spelled}", which manifests ask for.', "permission"
        )
    elif name not in PERMISSIONS and (near := nearest(name, PERMISSIONS)):
        permission.warn(f'is not known; did you mean "{near}"?', "permission")
