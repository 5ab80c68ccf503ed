"""Rules for the steps of the setup wizard (kiket-and-kindo.md §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.linting.configuration import RESOLVED_TYPES, SCOPES, check_options

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kiket_console.linting.report import Part

KINDS = ("secrets", "configure", "test", "info")
OBTAIN_TYPES = (
    "oauth2", "oauth2_client_credentials", "api_key", "token", "input", "basic", "auto_generate",
)  # fmt: skip
FIELD_TYPES = (
    "text", "string", "textarea", "password", "integer", "number", "boolean", "checkbox", "select",
    "multiselect", "url", "email", "object", "template", "html", *RESOLVED_TYPES,
)  # fmt: skip
MOST_STEPS = 100
"""Nobody goes through more."""
_STEP_KEYS = {
    "secrets": ("title", "description", "required", "scope", "help_url", "fields", "collect"),
    "configure": ("title", "description", "required", "scope", "help_url", "fields", "collect"),
    "test": ("title", "description", "required", "action", "check_endpoint", "successMessage",
             "scope", "help_url"),
    "info": ("title", "description", "content", "links", "required"),
}  # fmt: skip
_FIELD_KEYS = (
    "key", "type", "label", "description", "placeholder", "required", "default", "options",
    "showWhen", "obtain", "help_url", "multiline", "min", "max", "scope", "secret",
)  # fmt: skip
_OBTAIN_KEYS = (
    "type", "secret", "help_url", "authorization_url", "token_url", "scopes", "length", "label",
    "description", "placeholder", "client_id", "client_secret", "refresh_url", "grant_type",
    "provider",
)  # fmt: skip


def check_setup(setup: Part, settings: Collection[str], secrets: Collection[str]) -> None:
    """Check every step; *settings* and *secrets* are the keys that the manifest describes."""
    seen: dict[str, Part] = {}
    steps = setup.items("[{ secrets: {…} }, { test: {…} }]")
    if len(steps) > MOST_STEPS:
        setup.error(f"has {len(steps)} steps; {MOST_STEPS} are the most.", "range")
    for step in steps[:MOST_STEPS]:
        if not isinstance(step.value, dict) or len(step.value) != 1:
            step.error(
                f"is no step; begin it with one of {', '.join(KINDS)}, as `- secrets:`.", "setup"
            )
            continue
        kind = next(iter(step.value))
        if kind not in KINDS:
            step.error(f'"{kind}" is no kind of step; use one of {", ".join(KINDS)}.', "setup")
            continue
        part = step[kind]
        if not part.mapping("{ title: … }"):
            part.error("is empty; describe the step.", "setup")
            continue
        _step(kind, part, settings, secrets, seen)


def _step(
    kind: str,
    part: Part,
    settings: Collection[str],
    secrets: Collection[str],
    seen: dict[str, Part],
) -> None:
    part.only(_STEP_KEYS[kind], of=f"a step of kind {kind}")
    for key in ("title", "description"):
        part[key].text()
    part["required"].flag()
    part["scope"].word(SCOPES, noun="scope", rule="scope")
    if part["help_url"]:
        part["help_url"].url()
    if kind in {"secrets", "configure"}:
        _asked(kind, part, settings, secrets, seen)
    elif kind == "test":
        if not part["action"] and not part["check_endpoint"]:
            part["action"].error(
                "is missing; name the event that tests it, as pager.testConnection.", "setup-test"
            )
        for key in ("action", "check_endpoint", "successMessage"):
            part[key].text()
    else:
        part["content"].text()
        if not (part["title"] or part["content"] or part["links"]):
            part.error("says nothing; give it a title or content.", "setup-info")
        for link in part["links"].items("[{ label: …, url: https://… }]"):
            link.mapping()["label"].text(required="say what the link is")
            if link["url"].text(required="say where the link goes"):
                link["url"].url()
            link["icon"].text()


def _asked(
    kind: str,
    part: Part,
    settings: Collection[str],
    secrets: Collection[str],
    seen: dict[str, Part],
) -> None:
    """Check what a step asks for, be it described here or collected from the configuration."""
    if not part["fields"].value and not part["collect"].value:
        part.error("asks for nothing; give it `fields:`, or `collect:` with settings.", "setup")
        return
    for each in part["collect"].texts("[PAGER_API_TOKEN]"):
        if each.value not in settings and each.value not in secrets:
            each.error(
                f'the configuration has no "{each.value}"; describe it there.', "setup-collect"
            )
        _once(each.value, each, seen)
    for each in part["fields"].items("[{ key: PAGER_API_TOKEN, label: API token }]"):
        key = each.mapping("{ key: PAGER_API_TOKEN, label: API token }")["key"].text(
            required="name the setting that it fills"
        )
        if key:
            if key not in settings and key not in secrets:
                each["key"].warn(f'the configuration has no "{key}".', "setup-field")
            _once(key, each["key"], seen)
        _field(kind, each, (seen, settings))


def _once(key: str, part: Part, seen: dict[str, Part]) -> None:
    if key in seen:
        part.warn(f'"{key}" is asked for by an earlier step too.', "setup-field")
    seen[key] = part


def _field(kind: str, field: Part, known: Sequence[Collection[str]]) -> None:
    field.only(_FIELD_KEYS, of="a field")
    for key in ("label", "description", "placeholder"):
        field[key].text()
    field["required"].flag()
    if field["help_url"]:
        field["help_url"].url()
    said = field["type"].word(FIELD_TYPES, noun="type of a field", rule="setup-field")
    options = check_options(field["options"])
    if said in {"select", "multiselect"} and not options:
        field["options"].error(
            "is missing; a select needs something to choose from.", "setup-field"
        )
    chosen = field["default"]
    if options and said == "select" and chosen and str(chosen.value) not in map(str, options):
        chosen.error("is none of the options.", "default")
    shown = field["showWhen"]
    if shown.mapping("{ field: SEVERITY, value: high }"):
        other = shown["field"].text(required="say on which field it depends")
        if other and not any(other in names for names in known):
            shown["field"].error(f'no field before this one is "{other}".', "setup-field")
    if field["obtain"]:
        _obtain(field["obtain"])
    elif kind == "secrets":
        field["obtain"].warn(
            "is missing; say how people come by it, as { type: api_key }.", "setup-obtain"
        )


def _obtain(obtain: Part) -> None:
    obtain.mapping("{ type: api_key, secret: true }")
    obtain.only(_OBTAIN_KEYS, of="obtain")
    if not obtain["type"]:
        obtain["type"].error(f"is missing; use one of {', '.join(OBTAIN_TYPES)}.", "setup-obtain")
    kind = obtain["type"].word(OBTAIN_TYPES, noun="way to obtain a value", rule="setup-obtain")
    obtain["secret"].flag()
    if obtain["help_url"]:
        obtain["help_url"].url()
    for key in ("authorization_url", "token_url"):
        if obtain[key]:
            obtain[key].url()
        elif kind.startswith("oauth2"):
            obtain[key].error(f"is missing; {kind} needs it.", "setup-obtain")
