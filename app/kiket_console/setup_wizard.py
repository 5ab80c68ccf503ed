"""The steps of the setup wizard, as people meet them when they install an extension.

A step asks for values, tests them or tells something (kiket-and-kindo.md §4.6). What a field
leaves out is taken from the configuration that it fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.linting.configuration import RESOLVED_TYPES, settings
from kiket_console.linting.lint import lint_manifest
from kiket_console.linting.report import Report
from kiket_console.linting.setup import KINDS, MOST_STEPS
from kiket_sdk._manifest_source import spelled
from kiket_sdk.manifest import DEFAULT_MANIFEST_FILENAMES, ExtensionManifest

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.linting.report import Part
    from kiket_sdk._manifest_source import Source
    from kiket_sdk.manifest import Finding

_KINDS_OF_FIELDS = {"string": "text", "integer": "number", "checkbox": "boolean"}


class Field(Struct, frozen=True):
    """One value that a step asks for."""

    key: str
    label: str
    type: str
    """`text`, `number`, `boolean`, `select` or what else the manifest says."""
    required: bool = False
    is_secret: bool = False
    default: str = ""
    """As text; always empty for a secret."""
    placeholder: str = ""
    description: str = ""
    help_url: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """Value and label of each."""
    is_offered: bool = False
    """Whether the platform offers values when the extension is set up, such as its projects."""
    obtain: str = ""
    """How people come by the value: `api_key`, `oauth2`; empty when nothing says."""
    shown_when: tuple[str, str] | None = None
    """The field and the value of it on which this one depends."""


class LinkedPage(Struct, frozen=True):
    """A link that a step offers."""

    label: str
    url: str


class Step(Struct, frozen=True):
    """One page of the wizard."""

    kind: str
    """`secrets`, `configure`, `test` or `info`."""
    title: str
    line: int
    """Where it begins in the file, from 1."""
    description: str = ""
    required: bool = False
    scope: str = ""
    """`extension` or `installation`; empty when nothing says."""
    help_url: str = ""
    fields: tuple[Field, ...] = ()
    action: str = ""
    """What a test sends: an event, or an address to ask."""
    success_message: str = ""
    content: str = ""
    """Markdown."""
    links: tuple[LinkedPage, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What is wrong with it."""


class Setup(Struct, frozen=True):
    """The whole wizard of one extension."""

    path: Path
    name: str
    version: str
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    """What is wrong outside of any step that can be shown."""

    @property
    def errors(self) -> int:
        """Return how many errors there are in it."""
        found = [*self.findings, *(each for step in self.steps for each in step.findings)]
        return sum(each.severity == "error" for each in found)


def read_setup(folder: Path) -> Setup:
    """Read the wizard of the extension in *folder*, from the first manifest that describes one.

    Raises `ConsoleError` when there is no manifest, or one that is no YAML.
    """
    found = [path for name in DEFAULT_MANIFEST_FILENAMES if (path := folder / name).is_file()]
    if not found:
        raise ConsoleError(
            f"{folder} has no manifest.",
            hint="Write extension.yaml, or name the folder of an extension.",
            exit_code=ExitCode.CONFIG,
        )
    setups = []
    for path in found:
        findings, source = lint_manifest(path)
        if source is None:
            raise ConsoleError(str(findings[0]), exit_code=ExitCode.CONFIG)
        setups.append(_setup(source, findings))
    return next((each for each in setups if each.steps or each.findings), setups[0])


def _setup(source: Source, findings: list[Finding]) -> Setup:
    root = Report(source).root
    content = root.value if isinstance(root.value, dict) else {}
    manifest = ExtensionManifest(source.path, content)
    body = root["extension"] if isinstance(root["extension"].value, dict) else root
    setup = body["setup"] if body["setup"] else root["setup"]
    described = settings(body)
    steps = []
    for part in setup.items()[:MOST_STEPS]:
        kind = next(iter(part.value), "") if isinstance(part.value, dict) else ""
        if kind in KINDS:
            steps.append(_step(kind, part[kind], described, source, findings))
    told = {id(each) for step in steps for each in step.findings}
    where = spelled(setup.keys)
    return Setup(
        path=source.path,
        name=manifest.name or manifest.extension_id or source.path.parent.name,
        version=manifest.version or "",
        steps=tuple(steps),
        findings=tuple(
            each for each in findings if each.key.startswith(where) and id(each) not in told
        ),
    )


def _step(
    kind: str, part: Part, described: dict[str, Part], source: Source, findings: list[Finding]
) -> Step:
    at = spelled(part.keys)
    asked: list[tuple[str, Part | None]] = [
        (_said(each["key"].value), each) for each in part["fields"].items()
    ]
    asked += [(key, None) for each in part["collect"].items() if (key := _said(each.value))]
    return Step(
        kind=kind,
        title=_said(part["title"].value) or kind.capitalize(),
        line=source.place(part.keys)[0],
        description=_said(part["description"].value),
        required=part["required"].value is True,
        scope=_said(part["scope"].value),
        help_url=_said(part["help_url"].value),
        fields=tuple(_field(kind, key, each, described.get(key)) for key, each in asked if key),
        action=_said(part["action"].value or part["check_endpoint"].value),
        success_message=_said(part["successMessage"].value),
        content=_said(part["content"].value),
        links=tuple(
            LinkedPage(_said(each["label"].value), _said(each["url"].value))
            for each in part["links"].items()
        ),
        findings=tuple(each for each in findings if (each.key + ".").startswith(at + ".")),
    )


def _field(kind: str, key: str, part: Part | None, filled: Part | None) -> Field:
    """Return a field as *part* describes it; for the rest goes the setting that it fills."""
    parts = [each for each in (part, filled) if each is not None]

    def said(name: str) -> Any:
        return next((each[name].value for each in parts if each[name]), None)

    named = _said(said("type")) or "text"
    obtain, shown, options = _mapping(said("obtain")), _mapping(said("showWhen")), said("options")
    is_secret = kind == "secrets" or said("secret") is True or obtain.get("secret") is True
    return Field(
        key=key,
        label=_said(said("label")) or key,
        type=_KINDS_OF_FIELDS.get(named, named),
        required=said("required") is True,
        is_secret=is_secret,
        default="" if is_secret else _said(said("default")),
        placeholder=_said(said("placeholder")),
        description=_said(said("description")),
        help_url=_said(obtain.get("help_url") or said("help_url")),
        options=tuple(_option(each) for each in options) if isinstance(options, list) else (),
        is_offered=named in RESOLVED_TYPES,
        obtain=_said(obtain.get("type")) or ("auto_generate" if said("auto_generate") else ""),
        shown_when=(_said(shown.get("field")), _said(shown.get("value"))) if shown else None,
    )


def _option(option: Any) -> tuple[str, str]:
    if not isinstance(option, dict):
        return _said(option), _said(option)
    value = _said(option.get("value"))
    return value, _said(option.get("label")) or value


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _said(value: Any) -> str:
    """Return a value as people write it; what is no plain value counts as nothing."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
