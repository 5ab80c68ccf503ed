"""Rules for what an extension brings to the platform: commands, actions, fields, sign-ins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kiket_console.linting.report import Part

FIELD_TYPES = ("copyable", "url", "code", "badge", "status")
OPERATIONS = ("read", "write", "delete", "admin")
_FIELD_KEY = re.compile(r"[a-z][a-z0-9_]*")
_ICON = re.compile(r"[a-z0-9-]+")
_COMMAND_KEYS = (
    "command", "title", "description", "category", "icon", "keywords", "context", "permissions",
    "handler",
)  # fmt: skip
_ACTION_KEYS = ("id", "name", "icon", "description", "handler", "parameters")


def check_offers(body: Part, modules: Collection[str]) -> None:
    """Check contributions, output fields, secrets, sign-ins, limits and custom data.

    *modules*: those whose schemas are there.
    """
    contributes = body["contributes"].mapping("{ commands: […] }")
    contributes.only(("commands", "workflow_actions"), of="contributes")
    for each in contributes["commands"].items("[{ command: pager.pageNow, title: Page now }]"):
        _contribution(each, ("command", "title"), _COMMAND_KEYS)
        each["keywords"].texts("[page]")
        each["permissions"].texts("[member, admin]")
    for each in contributes["workflow_actions"].items("[{ id: page, name: Page the shift }]"):
        _contribution(each, ("id", "name"), _ACTION_KEYS)
        for parameter in each["parameters"].items("[{ key: urgency, type: string }]"):
            parameter.mapping()["key"].text(required="name the parameter")
            parameter["type"].text()
            parameter["required"].flag()
    for key, each in body["output_fields"].members("{ ack_url: { type: url, label: … } }"):
        _output_field(key, each.mapping("{ type: url, label: … }"))
    _secrets(body["secrets"])
    _oauth(body)
    limits = body["rate_limiting"].mapping("{ requests_per_minute: 120, burst: 20 }")
    limits.only(("requests_per_minute", "burst"), of="rate_limiting")
    limits["requests_per_minute"].number(1)
    limits["burst"].number(1)
    _custom_data(body["custom_data"].mapping("{ permissions: […] }"), modules)


def check_deployment(deployment: Part) -> None:
    """Check how the extension is deployed."""
    deployment.mapping("{ runtime: cloud_run }")
    deployment["runtime"].word(("cloud_run",), noun="runtime", rule="deployment")
    for key in ("region", "image"):
        deployment[key].text()
    least, most = deployment["min_instances"].number(0), deployment["max_instances"].number(1)
    if least is not None and most is not None and least > most:
        deployment["min_instances"].error(f"is more than max_instances ({most}).", "range")
    deployment["resources"].mapping("{ memory: 512Mi }")["concurrency"].number(1)
    deployment["secret_keys"].texts("[PAGER_API_TOKEN]")
    for _, each in deployment["env"].members("{ LOG_LEVEL: info }"):
        each.text()


def _contribution(part: Part, named: tuple[str, str], known: tuple[str, ...]) -> None:
    part.mapping()
    for key in named:
        part[key].text(required="write a text")
    part.only(known, of=f"a {named[0] if named[0] == 'command' else 'workflow action'}")
    icon = part["icon"].text()
    if icon and not (icon.startswith("bi-") and _ICON.fullmatch(icon)):
        part["icon"].warn(f'"{icon}" is no Bootstrap icon; write it as bi-bell.', "icon")
    handler = part["handler"]
    if handler.mapping("{ type: extension_event, event: pager.pageNow }"):
        handler["type"].word(("extension_event",), noun="type of a handler", rule="handler")
        handler["event"].text(required="say which event it sends")


def _output_field(key: str, part: Part) -> None:
    if not _FIELD_KEY.fullmatch(key):
        part.error(
            "is no name of an output field; use small letters, digits and _, "
            "and start with a letter.",
            "output-field",
        )
    if not part["label"]:
        part["label"].warn("is missing; people see the key instead.", "output-field")
    part["label"].text()
    part["description"].text()
    if not part["type"]:
        part["type"].warn(f"is missing; use one of {', '.join(FIELD_TYPES)}.", "output-field")
    part["type"].word(FIELD_TYPES, noun="type of an output field", rule="output-field")
    icon = part["icon"].text()
    if icon and not _ICON.fullmatch(icon):
        part["icon"].error(f'"{icon}" is no name of an icon; write it as box-arrow-up.', "icon")
    if part["help_url"]:
        part["help_url"].url()
    part.only(("label", "description", "type", "icon", "help_url"), of="an output field")


def _secrets(secrets: Part) -> None:
    seen = set()
    for each in secrets.items("[{ key: PAGER_API_TOKEN }]"):
        if isinstance(each.value, str):
            key = each.value
        else:
            key = each.mapping("{ key: PAGER_API_TOKEN }")["key"].text(required="name the secret")
            each["label"].text()
            each["description"].text()
            each["required"].flag()
            for member in ("value", "default"):
                if each[member]:
                    each[member].warn("is a secret for all to read; remove it.", "secret-in-clear")
        if key in seen:
            each.warn(f'"{key}" is listed already.', "secrets")
        seen.add(key)


def _oauth(body: Part) -> None:
    needed = body["requires"].mapping("{ oauth_provider: {…} }")["oauth_provider"]
    if needed.mapping("{ provider: google, scopes: […] }"):
        needed["provider"].text(required="name whose sign-in it needs")
        needed["scopes"].texts("[calendar.readonly]")
        needed["on_missing"].word(
            ("prompt_connect", "ignore"), noun="way to go on without", rule="oauth"
        )
        needed["optional"].flag()
    given = body["provides"].mapping("{ oauth_provider: {…} }")["oauth_provider"]
    if not given.mapping("{ provider_id: google, endpoints: {…} }"):
        return
    given["provider_id"].text(required="name the sign-in that others ask for")
    given["display_name"].text()
    endpoints = given["endpoints"].mapping("{ authorize: https://…, token: https://… }")
    for name, endpoint in endpoints.members():
        if name not in {"authorize", "token", "revoke", "userinfo"}:
            endpoint.warn("is no endpoint of a sign-in; nothing reads it.", "unknown-key")
        endpoint.url()
    for name in ("authorize", "token"):
        if not endpoints[name]:
            endpoints[name].error("is missing; a sign-in cannot do without.", "oauth")
    given["grant_types"].texts("[authorization_code]")
    scopes = given["available_scopes"].items("[{ id: calendar, description: … }]")
    known = [each.mapping()["id"].text(required="name the scope") for each in scopes]
    for each in given["default_scopes"].texts("[calendar]"):
        if known and each.value not in known:
            each.error(f'"{each.value}" is not among available_scopes.', "oauth")


def _custom_data(custom_data: Part, modules: Collection[str]) -> None:
    for each in custom_data["permissions"].items("[{ module: …, operations: [read] }]"):
        module = each.mapping("{ module: …, operations: [read] }")["module"]
        name = module.text(required="name the module, as its schema does")
        if name and modules and name not in modules:
            module.warn(
                f'no schema describes "{name}"; there is {", ".join(sorted(modules))}.', "module"
            )
        if not each["operations"]:
            each["operations"].error(f"is missing; list some of {', '.join(OPERATIONS)}.", "module")
        for operation in each["operations"].texts("[read, write]"):
            operation.word(OPERATIONS, noun="operation", rule="module")
