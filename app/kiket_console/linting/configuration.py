"""Rules for settings: their types, defaults and bounds, templates, and secrets."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kiket_sdk._manifest_types import typed_value
from kiket_sdk.utils import environment_reference, environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kiket_console.linting.report import Part

RESOLVED_TYPES = ("project", "issue_type", "workflow_status", "board", "priority")
"""Types whose values the platform offers when the extension is set up."""
TYPES = ("string", "integer", "boolean", "object", "template", "html", *RESOLVED_TYPES)
SDK_TYPES = (*TYPES, "number", "array", "text", "secret")
SCOPES = ("extension", "installation")
_KEYS = (
    "key", "type", "default", "secret", "required", "scope", "label", "description", "help_url",
    "multiline", "placeholder", "options", "min", "max", "minimum", "maximum", "auto_generate",
    "oauth", "editor", "language", "variables", "validation", "format", "enum", "title", "items",
    "properties",
)  # fmt: skip
_MENTIONED = re.compile(r"\{\{-?\s*([\w.]+)")


def settings(body: Part) -> dict[str, Part]:
    """Return the settings that a manifest describes: key → description."""
    if body["configuration"]:
        configuration = body["configuration"].mapping("{ TEAM: { type: string } }")
        within = configuration["properties"] if configuration["properties"] else configuration
        return dict(within.members("{ TEAM: { type: string } }"))
    found: dict[str, Part] = {}
    for each in body["settings"].items("[{ key: TEAM }]"):
        if key := each.mapping("{ key: TEAM }")["key"].text(required="name the setting"):
            found.setdefault(key, each)
    return found


def check_settings(described: dict[str, Part], *, is_platform: bool) -> None:
    """Check each setting, and that no two secrets share a variable."""
    for each in described.values():
        if each.mapping("{ type: string }"):
            _check(each, TYPES if is_platform else SDK_TYPES)
        else:
            each.warn("is empty; say its type at least, as { type: string }.", "setting-type")
    _check_apart(described)


def _check(part: Part, types: tuple[str, ...]) -> None:
    part.only(_KEYS, of="a setting")
    kind = part["type"].word(types, noun="type of a setting", rule="setting-type")
    if not part["type"]:
        part.warn("has no type, and is taken for text; say type: string.", "setting-type")
    is_secret = part["secret"].flag() is True or kind == "secret"
    part["required"].flag()
    part["multiline"].flag()
    part["scope"].word(SCOPES, noun="scope", rule="scope")
    for key in ("label", "description", "placeholder"):
        part[key].text()
    if part["help_url"]:
        part["help_url"].url()
    bounds = {
        name: _bound(part, name, other) for name, other in (("min", "minimum"), ("max", "maximum"))
    }
    low, high = bounds["min"], bounds["max"]
    if low is not None and high is not None and low > high:
        part["min"].error(f"is more than max ({bounds['max']}).", "range")
    options = check_options(part["options"])
    _default(part, kind, bounds, options, is_secret=is_secret)
    if part["auto_generate"]:
        generated = part["auto_generate"].mapping("{ length: 40 }")
        generated["length"].number(1)
        if not is_secret:
            part["auto_generate"].warn(
                "makes a random value that all can read; add secret: true.", "auto-generate"
            )
    if kind == "template":
        _template(part)


def _default(
    part: Part, kind: str, bounds: dict[str, Any], options: list[Any], *, is_secret: bool
) -> None:
    default = part["default"]
    if not default:
        return
    if environment_reference(default.value) is not None:
        return
    if is_secret:
        default.warn(
            "is a secret for all to read; leave it out, or refer to a variable.", "secret-in-clear"
        )
        return
    try:
        value = typed_value(default.value, kind)
    except (ValueError, RecursionError):
        default.error(f"is no {kind}.", "default")
        return
    if not _fits(value, kind):
        default.error(f"is no {kind}.", "default")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = bounds["min"], bounds["max"]
        if (low is not None and value < low) or (high is not None and value > high):
            edge = f"less than min ({low})" if low is not None and value < low else ""
            default.error(f"is {edge or f'more than max ({high})'}.", "default")
    if options and value not in options and str(value) not in map(str, options):
        default.error("is none of the options.", "default")


def _fits(value: Any, kind: str) -> bool:
    if kind in {"integer", "number"}:
        numbers = int if kind == "integer" else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in {"object", "array"}:
        return isinstance(value, dict if kind == "object" else list)
    return not isinstance(value, dict | list)


def _bound(part: Part, *names: str) -> int | float | None:
    for name in names:
        value = part[name].value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if value is not None:
            part[name].error("is no number; write one, without quotes.", "shape")
    return None


def check_options(options: Part) -> list[Any]:
    """Check options, each a value with a label, or a plain value; return their values."""
    values: list[Any] = []
    seen: set[tuple[type, Any]] = set()
    for each in options.items("[{ value: high, label: High }]"):
        if isinstance(each.value, dict):
            if not each["value"]:
                each["value"].error("is missing; say what the option stands for.", "required")
            each["label"].text()
        plain = each.value["value"] if isinstance(each.value, dict) and each["value"] else None
        value = each.value if not isinstance(each.value, dict) else plain
        if isinstance(value, dict | list):
            each.error("is no plain value.", "shape")
        elif value is not None:
            if (type(value), value) in seen:
                each.warn(f'"{value}" is an option already.', "options")
            seen.add((type(value), value))
            values.append(value)
    return values


def _template(part: Part) -> None:
    part["editor"].text()
    part["language"].word(("liquid",), noun="language of a template", rule="template")
    known = set(_variables(part["variables"].items("[{ name: issue, type: object }]"), ""))
    validation = part["validation"].mapping("{ max_length: 240 }")
    longest = validation["max_length"].number(1)
    default = part["default"].value
    text = default if isinstance(default, str) else ""
    if longest is not None and len(text) > longest:
        part["default"].error(
            f"has {len(text)} characters, more than max_length ({longest}).", "template"
        )
    mentioned = set(_MENTIONED.findall(text))
    for each in validation["required_variables"].texts("[issue.title]"):
        if known and each.value not in known:
            each.error(f'"{each.value}" is not among the variables.', "template")
        elif text and each.value not in mentioned:
            each.warn(f"is not in the default; write {{{{ {each.value} }}}} there.", "template")


def _variables(parts: Iterable[Part], prefix: str) -> Iterator[str]:
    """Yield the names that a template can use: `issue`, `issue.title`."""
    for each in parts:
        name = each.mapping("{ name: issue }")["name"].text(required="name the variable")
        each["type"].text()
        if name:
            yield prefix + name
            if prefix.count(".") < 5:
                inner = each["properties"].items("[{ name: title }]")
                yield from _variables(inner, f"{prefix}{name}.")


def _check_apart(described: dict[str, Part]) -> None:
    """Warn about secrets that share a variable of the environment."""
    alike: dict[str, list[str]] = defaultdict(list)
    for key, part in described.items():
        if part["secret"].value is True:
            name = environment_secret_name(key)
            if alike[name]:
                said = f"{name} holds this secret and {alike[name][0]} alike; rename one."
                part.warn(said, "secret-names")
            alike[name].append(key)
