"""Each rule, with the place that it names."""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.kiket_console.linting.conftest import MANIFEST, SCHEMA

from kiket_console.errors import ConsoleError
from kiket_console.linting.lint import lint, lint_file
from kiket_console.linting.rules import RULES
from kiket_console.setup_wizard import read_setup
from kiket_console.ui.paint.setup import step_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
ERROR, WARNING = "error", "warning"


def test_a_sound_extension_has_nothing_to_correct(sound: Path) -> None:
    result = lint(sound)
    assert result.findings == ()
    assert [path.name for path in result.texts] == ["manifest.yaml", "schema.yml"]


def test_the_sample_has_nothing_to_correct() -> None:
    assert lint(ROOT / "assets" / "samples" / "marketing").findings == ()


# What is written, what is written instead, severity, rule, key, part of the message.
SPOILED = [
    ("  id: nz.harbour.pager", "  id: Nz_Pager", WARNING, "id", "extension.id", "small letters"),
    ("  id: nz.harbour.pager\n", "", ERROR, "required", "extension.id", "is missing"),
    ("  id: nz.harbour.pager", "  id: 7", ERROR, "shape", "extension.id", "put it in quotes"),
    ("  name: Pager\n", "", ERROR, "required", "extension.name", "is missing"),
    ('version: "1.4.0"', "version: 1.10", WARNING, "version", "extension.version", "1.10"),
    ('  version: "1.4.0"\n', "", WARNING, "version", "extension.version", "counts as 1.0.0"),
    ("version: v1", "version: 1", ERROR, "shape", "extension.api_version", "no text"),
    ("version: v1", "version: v1.0", ERROR, "api-version", "extension.api_version", "v1.0"),
    ("sdk: python", "sdk: rust", ERROR, "sdk", "extension.sdk", "ruby, python"),
    ("sdk: python", "sdk: TypeScript", ERROR, "sdk", "extension.sdk", '"node"'),
    ("  sdk: python\n", "", WARNING, "sdk", "extension.sdk", "is missing"),
    ("homepage: https://", "homepage: ", ERROR, "url", "extension.homepage", "https://"),
    ('model_version: "1.0"\n', "", WARNING, "model-version", "model_version", "is missing"),
    ("delivery: http", "delivery: HTTP", ERROR, "delivery", "extension.delivery", '"http"'),
    ("delivery: http", "delivery: mail", ERROR, "delivery", "extension.delivery", "http or int"),
    ("  delivery: http\n", "", ERROR, "delivery", "extension.delivery", "is missing"),
    ("y: http", "y: {type: http}", ERROR, "delivery", "extension.delivery", "is a mapping"),
    ("callback:", "callbak:", ERROR, "callback", "extension.callback", "is missing"),
    ("    url: ${EXTENSION_URL}\n", "", ERROR, "required", "extension.callback.url", "go to"),
    ("${EXTENSION_URL}", "here", ERROR, "url", "extension.callback.url", "no address"),
    ("${EXTENSION_URL}", "http://[", ERROR, "url", "extension.callback.url", "no address"),
    ("${EXTENSION_URL}", "'env:'", ERROR, "reference", "extension.callback.url", "without a name"),
    ("${EXT", "https://a.b/${EXT", WARNING, "reference", "extension.callback.url", "not replaced"),
    ("env:KIKET_WEBHOOK_SECRET", "plain", WARNING, "secret-in-clear",
     "extension.callback.secret", "for all to read"),
    ("X-Team: pager", "X-Team: 7", ERROR, "shape", "extension.callback.headers.X-Team", "quotes"),
    ("timeout: 15000", "timeout: 99", ERROR, "range", "extension.callback.timeout", "100 to 60000"),
    ("timeout: 15000", "timeout: 1e9", ERROR, "shape", "extension.callback.timeout", "whole"),
    ("    required: true\n  act", "    required: 'yes'\n  act", ERROR, "shape",
     "extension.callback.required", "neither true nor false"),
    ("timeout: 15000", "time_out: 9", WARNING, "unknown-key", "extension.callback.time_out",
     '"timeout"'),
    ("[workflow.sla_status,", "[workflow.sla_state,", WARNING, "event",
     "extension.activationEvents[0]", '"workflow.sla_status"'),
    ("[workflow.sla_status,", "[a b,", ERROR, "event", "extension.activationEvents[0]", '"a b"'),
    ("[workflow.sla_status,", "[3,", ERROR, "shape", "extension.activationEvents[0]", "no text"),
    ("[workflow.sla_status,", "[~,", ERROR, "shape", "extension.activationEvents[0]", "is empty"),
    ("activationEvents: [", "activationEvents: x #[", ERROR, "shape", "extension.activationEvents",
     "is no list"),
    ("  permissions: [issues", "  activation_events: [a]\n  permissions: [issues", WARNING,
     "alias", "extension.activation_events", "keep one"),
    ("[issues:read]", "[read:issues]", WARNING, "permission", "extension.permissions[0]",
     '"issues:read"'),
    ("[issues:read]", "[issues:raed]", WARNING, "permission", "extension.permissions[0]",
     '"issues:read"'),
    ("- event: workflow.before", "- events: workflow.before", ERROR, "required",
     "extension.hooks[0].event", "of what event"),
    ("template: sla_page", "template: other", ERROR, "hook-template",
     "extension.hooks[0].template", '"other"'),
    ("timeout: 3000", "timeout: 60001", ERROR, "range", "extension.hooks[0].timeout", "60000"),
    ("retries: 0", "retries: -1", ERROR, "range", "extension.hooks[0].retries", "0 or more"),
    ("hooks:\n", "hooks:\n    - nothing\n", ERROR, "shape", "extension.hooks[0]", "no mapping"),
    ("title: Page now", "titel: Page now", ERROR, "required",
     "extension.contributes.commands[0].title", "is missing"),
    ("bi-bell-fill", "bell", WARNING, "icon", "extension.contributes.commands[0].icon", "bi-bell"),
    ("extension_event", "event", ERROR, "handler",
     "extension.contributes.commands[0].handler.type", '"event"'),
    ("name: Page the shift", "nane: x", ERROR, "required",
     "extension.contributes.workflow_actions[0].name", "is missing"),
    ("{ key: urgency, type", "{ kay: urgency, type", ERROR, "required",
     "extension.contributes.workflow_actions[0].parameters[0].key", "is missing"),
    ("ESCALATE: { type: boolean", "ESCALATE: { type: bool", ERROR, "setting-type",
     "extension.configuration.ESCALATE.type", '"boolean"'),
    ("ESCALATE: { type: boolean, d", "ESCALATE: { d", WARNING, "setting-type",
     "extension.configuration.ESCALATE", "no type"),
    ('default: "true"', "default: perhaps", ERROR, "default",
     "extension.configuration.ESCALATE.default", "no boolean"),
    ('default: "6"', "default: six", ERROR, "default", "extension.configuration.LIMIT.default",
     "no integer"),
    ('default: "6"', "default: 0", ERROR, "default", "extension.configuration.LIMIT.default",
     "less than min (1)"),
    ('default: "6"', "default: '61'", ERROR, "default", "extension.configuration.LIMIT.default",
     "more than max (60)"),
    ("min: 1,", "min: 90,", ERROR, "range", "extension.configuration.LIMIT.min", "more than max"),
    ("min: 1,", "min: one,", ERROR, "shape", "extension.configuration.LIMIT.min", "no number"),
    ("default: high", "default: low", ERROR, "default", "extension.configuration.SEVERITY.default",
     "none of the options"),
    ("{ value: high, label: High }]", "{ label: High }]", ERROR, "required",
     "extension.configuration.SEVERITY.options[1].value", "stands for"),
    ("secret: true, required: true,", "secret: true, default: hidden,", WARNING, "secret-in-clear",
     "extension.configuration.PAGER_API_TOKEN.default", "for all to read"),
    ("scope: extension }", "scope: project }", ERROR, "scope",
     "extension.configuration.PAGER_API_TOKEN.scope", '"project"'),
    ("ACK_KEY: {", "pager-api.token: {", WARNING, "secret-names",
     "extension.configuration.pager-api.token", "KIKET_SECRET_PAGER_API_TOKEN"),
    ("length: 40", "length: 0", ERROR, "range",
     "extension.configuration.ACK_KEY.auto_generate.length", "1 or more"),
    ("ACK_KEY: { type: string, secret: true,", "ACK_KEY: { type: string,", WARNING,
     "auto-generate", "extension.configuration.ACK_KEY.auto_generate", "secret: true"),
    ("language: liquid", "language: jinja", ERROR, "template",
     "extension.configuration.sla_page.language", "liquid"),
    ("[issue.title]", "[issue.key]", ERROR, "template",
     "extension.configuration.sla_page.validation.required_variables[0]", "among the variables"),
    ("{{ issue.title }}", "This", WARNING, "template",
     "extension.configuration.sla_page.validation.required_variables[0]", "{{ issue.title }}"),
    ("max_length: 240", "max_length: 5", ERROR, "template",
     "extension.configuration.sla_page.default", "more than max_length (5)"),
    ("ack_url:", "Ack-URL:", ERROR, "output-field", "extension.output_fields.Ack-URL", "name of"),
    ("{ label: Address, ", "{ ", WARNING, "output-field", "extension.output_fields.ack_url.label",
     "is missing"),
    ("type: copyable", "type: text", ERROR, "output-field", "extension.output_fields.ack_url.type",
     "copyable, url"),
    ("icon: link", "icon: Link_", ERROR, "icon", "extension.output_fields.ack_url.icon", "icon"),
    ("https://example.org/ack", "ftp://example.org", ERROR, "url",
     "extension.output_fields.ack_url.help_url", "https://"),
    ("{ key: OTHER_TOKEN,", "{ key: OTHER_TOKEN, value: hidden,", WARNING, "secret-in-clear",
     "extension.secrets[0].value", "remove it"),
    ("required: false }", "required: false }\n    - OTHER_TOKEN", WARNING, "secrets",
     "extension.secrets[1]", "listed already"),
    ("- info: {", "- inform: {", ERROR, "setup", "extension.setup[4]", '"inform"'),
    ("- info: {", "- text #", ERROR, "setup", "extension.setup[4]", "is no step"),
    ("action: pager.testConnection", "message: no", ERROR, "setup-test",
     "extension.setup[3].test.action", "is missing"),
    ("collect: [ESCALATE]", "collect: []", ERROR, "setup", "extension.setup[2].configure",
     "asks for nothing"),
    ("collect: [ESCALATE]", "collect: [ESCALAT]", ERROR, "setup-collect",
     "extension.setup[2].configure.collect[0]", '"ESCALAT"'),
    ("collect: [ESCALATE]", "collect: [LIMIT]", WARNING, "setup-field",
     "extension.setup[2].configure.collect[0]", "earlier step"),
    ("options: [{ value: normal }, { value: high }] }", "}", ERROR, "setup-field",
     "extension.setup[1].configure.fields[0].options", "is missing"),
    ("showWhen: { field: SEVERITY", "showWhen: { field: OTHER", ERROR, "setup-field",
     "extension.setup[1].configure.fields[1].showWhen.field", '"OTHER"'),
    ("{ key: LIMIT,", "{ key: LIMITS,", WARNING, "setup-field",
     "extension.setup[1].configure.fields[1].key", '"LIMITS"'),
    ("obtain: { type: api_key,", "obtain: { type: magic,", ERROR, "setup-obtain",
     "extension.setup[0].secrets.fields[0].obtain.type", "oauth2"),
    ("obtain: { type: api_key,", "obtain: { type: oauth2, token_url: 'https://a.b',", ERROR,
     "setup-obtain", "extension.setup[0].secrets.fields[0].obtain.authorization_url",
     "oauth2 needs it"),
    ("            obtain: {", "            #", WARNING, "setup-obtain",
     "extension.setup[0].secrets.fields[0].obtain", "is missing"),
    ("{ label: Vendor, url", "{ url", ERROR, "required",
     "extension.setup[4].info.links[0].label", "is missing"),
    ('{ label: Vendor, url: "https://example.org/" }', "{ label: Vendor }", ERROR, "required",
     "extension.setup[4].info.links[0].url", "is missing"),
    ("on_missing: ignore", "on_missing: fail", ERROR, "oauth",
     "extension.requires.oauth_provider.on_missing", "prompt_connect"),
    (', token: "https://example.org/t"', "", ERROR, "oauth",
     "extension.provides.oauth_provider.endpoints.token", "is missing"),
    ("default_scopes: [pages]", "default_scopes: [all]", ERROR, "oauth",
     "extension.provides.oauth_provider.default_scopes[0]", '"all"'),
    ("burst: 20", "burst: 0", ERROR, "range", "extension.rate_limiting.burst", "1 or more"),
    ("operations: [read, write]", "operations: [read, look]", ERROR, "module",
     "extension.custom_data.permissions[0].operations[1]", '"look"'),
    ("{ module: nz.harbour.pages, o", "{ module: nz.pages, o", WARNING, "module",
     "extension.custom_data.permissions[0].module", '"nz.pages"'),
    ("runtime: cloud_run", "runtime: lambda", ERROR, "deployment", "deployment.runtime",
     "cloud_run"),
    ("min_instances: 0", "min_instances: 9", ERROR, "range", "deployment.min_instances",
     "max_instances (4)"),
    ("secret_keys: [PAGER_API_TOKEN]", "secret_keys: [LOST]", WARNING, "deployment",
     "deployment.secret_keys[0]", '"LOST"'),
    ("LOG_LEVEL: info", "LOG_LEVEL: 3", ERROR, "shape", "deployment.env.LOG_LEVEL", "quotes"),
    ("deployment:", "permissions: []\ndeployment:", WARNING, "unknown-key", "permissions",
     "inside"),
    ("deployment:", "wallpaper: blue\ndeployment:", WARNING, "unknown-key", "wallpaper",
     "nothing reads it"),
    ("  name: Pager\n", "  name: Pager\n  name: Pager\n", ERROR, "duplicate-key",
     "extension.name", "on line 4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "severity", "rule", "key", "message"),
    SPOILED,
    ids=[f"{each[4]}: {each[3]} {number}" for number, each in enumerate(SPOILED)],
)
def test_a_rule_names_what_it_found(
    sound: Path,
    write: Callable[..., Path],
    old: str,
    new: str,
    severity: str,
    rule: str,
    key: str,
    message: str,
) -> None:
    """What is found stands on the line that was spoiled, or on its parent's where it is gone."""
    assert MANIFEST.count(old) >= 1, old
    write(MANIFEST.replace(old, new, 1))
    found = [each for each in lint(sound).findings if each.key == key and each.rule == rule]
    assert [(each.severity, message in each.message) for each in found] == [(severity, True)]
    assert 1 <= found[0].line <= MANIFEST.count("\n") + 2
    assert found[0].message.endswith((".", "?"))


@pytest.mark.parametrize(
    ("old", "new", "severity", "rule", "key"),
    [
        ("null\"", "null", ERROR, "yaml", ""),
        ('"null": false', "null: false", WARNING, "null-key", "tables.pages.columns[1].null"),
        ("length: 20", "lenght: 20", WARNING, "unknown-key", "tables.pages.columns[1].lenght"),
        ("length: 20", "length: 2", ERROR, "default", "tables.pages.columns[1].default"),
        ('default: "1.5"', "default: much", ERROR, "default", "tables.pages.columns[2].default"),
        ("type: decimal", "type: money", ERROR, "module", "tables.pages.columns[2].type"),
        ('version: "1.0"\n', "", WARNING, "module", "version"),
        ("module: nz.harbour.pages\n", "", ERROR, "module", "module"),
    ],
)  # fmt: skip
def test_module_schemas_are_checked_too(
    sound: Path,
    write: Callable[..., Path],
    old: str,
    new: str,
    severity: str,
    rule: str,
    key: str,
) -> None:
    path = write(SCHEMA.replace(old, new, 1), ".kiket/modules/pages/schema.yml")
    found = [each for each in lint(sound).findings if each.path == path]
    assert (severity, rule, key) in [(each.severity, each.rule, each.key) for each in found]
    assert lint_file(path).findings == tuple(found)


def test_a_finding_says_file_line_and_column(sound: Path, write: Callable[..., Path]) -> None:
    path = write(MANIFEST.replace("timeout: 15000", "timeout: 99"))
    (found,) = lint(sound).findings
    assert str(found) == (
        f"{path}:15:5: extension.callback.timeout: is 99; it has to be 100 to 60000."
    )


def test_findings_come_from_the_top_of_each_file(sound: Path, write: Callable[..., Path]) -> None:
    write(MANIFEST.replace("burst: 20", "burst: 0").replace("sdk: python", "sdk: rust"))
    assert [each.key for each in lint(sound).findings] == [
        "extension.sdk",
        "extension.rate_limiting.burst",
    ]


def test_an_extension_without_a_manifest_is_told(tmp_path: Path) -> None:
    assert [each.severity for each in lint(tmp_path).findings] == [ERROR]
    assert [each.severity for each in lint(tmp_path, needs_manifest=False).findings] == [WARNING]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n", "a: b: c\n", "\x00"])
def test_what_is_no_manifest_is_one_error(
    tmp_path: Path, write: Callable[..., Path], text: str
) -> None:
    write(text, "extension.yaml")
    assert [each.severity for each in lint(tmp_path).findings] == [ERROR]


SDK_STYLE = """\
model_version: "1.0"
id: com.example.sdk
version: "2.5.1"
sdk: python
delivery:
  type: http
  callback: { url: env:URL, secret: env:SECRET, timeout: 8000 }
events: [issue.created, { name: issue.created, version: v2 }]
configuration:
  properties:
    share: { type: number, default: 0.5, minimum: 0 }
    names: { type: array, default: [a] }
"""
FLAT = """\
model_version: "1.0"
id: com.example.flat
version: "2.5.1"
sdk: node
delivery_secret: ${SECRET}
settings:
  - { key: TOKEN, type: string, secret: true }
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "found"),
    [
        (SDK_STYLE, "", "", []),
        (FLAT, "", "", []),
        ("extension:\n  " + SDK_STYLE[21:].replace("\n", "\n  "), "", "", ["model_version"]),
        (SDK_STYLE, "type: http", "type: mail", ["delivery.type"]),
        (SDK_STYLE, "timeout: 8000", "timeout: 8", ["delivery.callback.timeout"]),
        (SDK_STYLE, "default: 0.5", "default: -1", ["configuration.properties.share.default"]),
        (SDK_STYLE, "events: [issue", "events: [isue", ["events[0]"]),
        (SDK_STYLE, "{ name: issue.created,", "{", ["events[1].name"]),
        (FLAT, "${SECRET}", "hidden", ["delivery_secret"]),
        (FLAT, "key: TOKEN, ", "", ["settings[0].key"]),
        (FLAT, "delivery_secret: ${SECRET}", "delivery: hidden", ["delivery"]),
    ],
)
def test_other_styles_have_the_same_rules(
    tmp_path: Path, write: Callable[..., Path], text: str, old: str, new: str, found: list[str]
) -> None:
    assert old in text
    write(text.replace(old, new, 1) if old else text, "extension.yaml")
    assert [each.key for each in lint(tmp_path).findings] == found


def test_manifests_beside_each_other_are_compared(sound: Path, write: Callable[..., Path]) -> None:
    """The platform reads the one in .kiket; of the others the SDK reads the first."""
    write(SDK_STYLE, "extension.yaml")
    second = write(SDK_STYLE, "manifest.yml")
    found = lint(sound).findings
    assert [(each.path.name, each.key, each.rule) for each in found] == [
        ("manifest.yml", "", "manifest"),
        ("manifest.yaml", "extension.id", "manifest"),
        ("manifest.yaml", "extension.version", "manifest"),
    ]
    assert (
        str(found[0]) == f"{second} is not read, for extension.yaml is there; remove one of them."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("apiVersion: kiket.dev/v1\nkind: Extension\nmetadata: {key: a-b}", ["kind"]),
        ("apiVersion: kiket.dev/v2\nkind: Extension\nmetadata: {key: A}",
         ["apiVersion", "kind", "metadata.key"]),
        ("name: a\nvendor: b\nscopes: {read: []}", ["vendor"]),
    ],
)  # fmt: skip
def test_a_manifest_of_a_later_platform_is_known(
    tmp_path: Path, write: Callable[..., Path], text: str, found: list[str]
) -> None:
    for name in ("extension.yaml", "kiket-extension.yaml"):
        path = write(text, name)
        assert [each.key for each in lint(tmp_path).findings] == found
        path.unlink()


def test_references_within_a_file_are_followed_once(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    """Neither a loop nor ten levels of ten references each take time."""
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11))
    write(f"id: x.y\nloop: &loop {{in: *loop}}\na0: &a0 {{b: 1}}\n{levels}\n", "extension.yaml")
    assert lint(tmp_path).errors == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("permissions:\n" + "  - 3\n" * 2000, "extension.yaml"),
        ("module: m\nversion: 1\ntables: {t: {columns: [" + "3, " * 2000 + "]}}", "schema.yml"),
    ],
)
def test_a_file_with_endless_mistakes_is_told_in_part(
    sound: Path, write: Callable[..., Path], text: str, name: str
) -> None:
    path = write(text, name if name == "extension.yaml" else f".kiket/modules/pages/{name}")
    assert sum(each.path == path for each in lint(sound).findings) == 500


def test_a_wizard_of_endless_steps_is_told(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("id: a.b\nsetup:\n" + "  - test: {action: a}\n" * 101, "extension.yaml")
    found = [each.message for each in lint(tmp_path).findings if each.key == "setup"]
    assert found == ["has 101 steps; 100 are the most."]
    assert len(read_setup(tmp_path).steps) == 100


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    PLAIN | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield keys
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*keys, key))


SOUND = yaml.safe_load(MANIFEST)
PLACES = list(places(SOUND))


@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_anywhere_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, keys: tuple[Any, ...], anything: Any
) -> None:
    spoiled = {"root": copy.deepcopy(SOUND)}
    value: Any = spoiled
    *outer, last = ("root", *keys)
    for key in outer:
        value = value[key]
    value[last] = anything
    folder = tmp_path_factory.mktemp("any")
    (folder / "extension.yaml").write_text(yaml.safe_dump(spoiled["root"], allow_unicode=True))
    for finding in lint(folder).findings:
        assert str(finding)
        assert finding.rule in RULES
    with suppress(ConsoleError):
        for step in read_setup(folder).steps:
            assert step_lines(step, 60)
