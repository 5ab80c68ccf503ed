"""Check an extension's manifests and module schemas by every rule."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.linting import configuration, events, files, identity, later, modules, offers
from kiket_console.linting import setup as setup_rules
from kiket_console.linting.report import EnoughError, Report
from kiket_sdk._manifest_modules import SCHEMA_NAMES
from kiket_sdk._manifest_source import Finding, ManifestError, Source
from kiket_sdk.manifest import DEFAULT_MANIFEST_FILENAMES, ExtensionManifest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from kiket_console.linting.report import Part
    from kiket_sdk._manifest_source import Severity

_ROOT_KEYS = (
    "model_version", "manifestVersion", "manifest_version", "extension", "deployment", "secrets",
    "setup",
)  # fmt: skip
_BODY_KEYS = (
    "id", "name", "version", "api_version", "description", "author", "homepage", "icon", "tags",
    "hosting", "assets", "sdk", "delivery", "callback", "activationEvents", "activation_events",
    "lifecycleEvents", "events", "permissions", "capabilities", "hooks", "contributes",
    "configuration", "output_fields", "secrets", "setup", "requires", "provides", "rate_limiting",
    "custom_data",
)  # fmt: skip
_FLAT_KEYS = ("delivery_secret", "settings")


class Result(Struct, frozen=True):
    """What was checked, and what was found."""

    texts: Mapping[Path, bytes]
    """The files as they were read; empty for one that is no YAML."""
    findings: tuple[Finding, ...]
    """File by file, from the top of each."""

    @property
    def errors(self) -> int:
        """Return how many findings are errors."""
        return sum(each.severity == "error" for each in self.findings)


def lint(folder: Path, *, needs_manifest: bool = True) -> Result:
    """Check the manifests and module schemas of the extension in *folder*.

    One without any manifest is an error where it needs one, else a warning.
    """
    names = [folder / name for name in (*DEFAULT_MANIFEST_FILENAMES, *later.FILENAMES)]
    manifests = [path for path in names if path.is_file()]
    try:
        found, schemas, known = modules.check_modules(folder)
    except ManifestError as error:
        found, schemas, known = [error.finding], {}, []
    findings: list[Finding] = []
    sources = []
    for path in manifests:
        said, source = lint_manifest(path, known)
        findings += said
        sources += [source] if source else []
    if not manifests:
        message = f"has no manifest; write {DEFAULT_MANIFEST_FILENAMES[0]}."
        severity: Severity = "error" if needs_manifest else "warning"
        findings.append(Finding(severity, folder, 0, 0, "", message, "manifest"))
    findings += _differences([each for each in sources if each.path.name not in later.FILENAMES])
    read = {each.path: each.raw_text for each in sources}
    texts = {path: read.get(path, b"") for path in manifests}
    return Result({**texts, **schemas}, (*_ordered(findings), *_ordered(found)))


def lint_file(path: Path) -> Result:
    """Check one file: a module schema where it stands in `.kiket/modules`, else a manifest."""
    if path.name in SCHEMA_NAMES and path.parent.parent.name == "modules":
        found, texts, _ = modules.check_schemas([path])
        return Result(texts, tuple(_ordered(found)))
    folder = path.parent.parent if path.parent.name == ".kiket" else path.parent
    try:
        _, _, known = modules.check_modules(folder)
    except ManifestError:
        known = []
    found, source = lint_manifest(path, known)
    return Result({path: source.raw_text if source else b""}, tuple(_ordered(found)))


def lint_manifest(
    path: Path, known_modules: Collection[str] = ()
) -> tuple[list[Finding], Source | None]:
    """Check one manifest; return what was found, and the file if it could be read.

    *known_modules*: those that have a schema.
    """
    try:
        source = Source(path)
    except ManifestError as error:
        return [error.finding], None
    report = Report(source)
    with suppress(EnoughError):
        files.check_file(report)
        if source.content is None:
            report.add("error", (), "is empty; begin with the extension's id.", "shape")
        elif not isinstance(source.content, dict):
            report.add("error", (), "is no mapping; begin with `id:`.", "shape")
        elif not later.check(report.root):
            _check(report, known_modules)
    return report.findings, source


def _check(report: Report, known_modules: Collection[str]) -> None:
    root = report.root
    style = ExtensionManifest(report.source.path, root.value).style
    is_platform = style == "platform" or report.source.path.parent.name == ".kiket"
    is_nested = isinstance(root["extension"].value, dict)
    body = root["extension"] if is_nested else root
    _check_keys(root, body, is_nested=is_nested, is_platform=is_platform)
    identity.check_identity(body, report.source.path, is_platform=is_platform)
    if is_platform:
        identity.check_platform_delivery(body)
    elif style == "flat" and not body["delivery"]:
        identity.check_flat_delivery(body)
    else:
        identity.check_sdk_delivery(body)
    described = configuration.settings(body)
    configuration.check_settings(described, is_platform=is_platform)
    events.check_events(body, described)
    offers.check_offers(body, known_modules)
    offers.check_deployment(root["deployment"])
    secrets = _keys(body["secrets"]) | _keys(root["secrets"])
    for part in {id(body): body, id(root): root}.values() if is_nested else (body,):
        setup_rules.check_setup(part["setup"], described, secrets)
    for each in root["deployment"]["secret_keys"].items():
        if isinstance(each.value, str) and each.value not in {*described, *secrets}:
            each.warn(f'nothing describes a secret "{each.value}".', "deployment")


def _check_keys(root: Part, body: Part, *, is_nested: bool, is_platform: bool) -> None:
    if not any(root[key] for key in ("model_version", "manifestVersion", "manifest_version")):
        version = root["model_version"]
        said = 'is missing; write model_version: "1.0".'
        version.warn(said, "model-version", version.inserted('"1.0"'))
    if not is_nested:
        if is_platform:
            root["extension"].error(
                "is missing; the platform wants all but `deployment:` inside it.", "extension"
            )
        root.only((*_ROOT_KEYS, *_BODY_KEYS, *_FLAT_KEYS), of="a manifest")
        return
    for name, member in root.members():
        if name in _BODY_KEYS and name not in _ROOT_KEYS:
            if is_platform:
                member.warn("belongs inside `extension:`.", "unknown-key")
        elif name not in (*_ROOT_KEYS, *_FLAT_KEYS):
            member.warn("is no key of a manifest; nothing reads it.", "unknown-key")
    body.only((*_BODY_KEYS, *_FLAT_KEYS), of="an extension")


def _keys(secrets: Part) -> set[str]:
    listed: list[Any] = secrets.value if isinstance(secrets.value, list) else []
    named = [each.get("key") if isinstance(each, dict) else each for each in listed]
    return {each for each in named if isinstance(each, str)}


def _differences(sources: Sequence[Source]) -> list[Finding]:
    """Warn about manifests beside the one that is read."""
    if len(sources) < 2:
        return []
    first, *others = (
        (each, ExtensionManifest(each.path, each.content))
        for each in sources
        if isinstance(each.content, dict)
    )
    findings = []
    read = first[0].path.name
    for source, manifest in others:
        if source.path.parent.name != ".kiket":
            said = f"is not read, for {read} is there; remove one of them."
            findings.append(source.finding("warning", (), said, "manifest"))
            continue
        for key in ("id", "version"):
            one, other = first[1]._value(key), manifest._value(key)
            if one is not None and other is not None and str(one) != str(other):
                said = f'is "{other}" here and "{one}" in {read}; make them the same.'
                findings.append(source.finding("warning", manifest.keys_of(key), said, "manifest"))
    return findings


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings file by file, each from its top."""
    order = {path: at for at, path in enumerate(dict.fromkeys(each.path for each in findings))}
    return sorted(findings, key=lambda each: (order[each.path], each.line, each.column))
