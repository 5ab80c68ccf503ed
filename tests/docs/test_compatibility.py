"""docs/compatibility.md names every public name of every release, and each of them is there."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from typing import Any

import pytest
from tests.docs.blocks import ROOT

import kiket_sdk
from kiket_console.wire import ERAS

PAGE = (ROOT / "docs" / "compatibility.md").read_text("utf-8")
NAMES = {
    name: (era, now)
    for name, era, now in re.findall(
        r"^\| `([\w.]+(?:\([\w*]+=?\))?)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE
    )
}

TOP_LEVEL = {
    "A": "KiketSDK create_app HandlerContext webhook KiketClient ExtensionConfig "
    "ExtensionEndpoints ExtensionSecretManager SecretMetadata SecretValue TelemetryRecord",
    "A′": "AuthenticationContext RateLimitInfo ExtensionCustomDataClient ExtensionSlaEventsClient "  # noqa: RUF001 (as the eras are called)
    "IntakeFormsClient NotificationRequest NotificationResponse ChannelValidationRequest "
    "ChannelValidationResponse",
    "B": "AuthContext Response AllowResponse DenyResponse PendingResponse allow deny pending",
}
"""Spec §3.1: what each release exports beyond those before it."""
MODULES = (
    *("auth", "client", "config", "endpoints", "exceptions", "manifest", "routing", "sdk"),
    *("secrets", "telemetry", "utils", "testing", "testing.fixtures", "testing.replay"),
    *("audit", "custom_data", "intake_forms", "notifications", "sla", "responses"),
)
"""Spec §3.1: which modules are imported from."""


def found(name: str) -> bool:
    """Tell whether a dotted name below kiket_sdk is there, instance attributes included."""
    name, _, parameter = name.partition("(")
    value: Any = kiket_sdk
    parts = name.split(".")
    for number, part in enumerate(parts):
        if isinstance(value, type) and _has_attribute(value, part):
            return number == len(parts) - 1
        if not hasattr(value, part):
            try:
                importlib.import_module("kiket_sdk." + ".".join(parts[: number + 1]))
            except ImportError:
                return False
        value = getattr(value, part)
    if not parameter:
        return True
    wanted = parameter.strip("*=)")
    return wanted in inspect.signature(value).parameters


def _has_attribute(cls: type, name: str) -> bool:
    """Tell whether instances have what only a field or the constructor sets."""
    if dataclasses.is_dataclass(cls):
        return name in {field.name for field in dataclasses.fields(cls)}
    constructor = inspect.getsource(vars(cls)["__init__"]) if "__init__" in vars(cls) else ""
    return re.search(rf"\bself\.{name}\b", constructor) is not None


def test_the_table_is_read() -> None:
    assert len(NAMES) > 150


@pytest.mark.parametrize("name", NAMES)
def test_what_the_table_names_is_there(name: str) -> None:
    assert found(name)


def test_what_is_not_there_is_not_found() -> None:
    assert not found("KiketSDK.launch")
    assert not found("KiketSDK(secret=)")
    assert not found("magic.Thing")


@pytest.mark.parametrize("era", TOP_LEVEL)
def test_every_exported_name_of_a_release_is_in_the_table(era: str) -> None:
    assert {name: NAMES.get(name, ("", ""))[0] for name in TOP_LEVEL[era].split()} == dict.fromkeys(
        TOP_LEVEL[era].split(), era
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_a_release_is_in_the_table(module: str) -> None:
    importlib.import_module(f"kiket_sdk.{module}")
    assert any(name == module or name.startswith(f"{module}.") for name in NAMES)


def test_each_row_says_how_it_is_now() -> None:
    """The same; or better, and how; or different, and why."""
    rows = re.findall(r"^\| [^|]+ \| (?:[AB′, ]+|documented) \| ([^|]+) \|$", PAGE, re.MULTILINE)  # noqa: RUF001
    assert len(rows) >= len(NAMES)
    judged = re.compile(r"(same|better: .{8,}|different: .{8,})([;:,] .+)?")
    assert [row for row in rows if not judged.fullmatch(row)] == []


FIELDS = {
    name: [each.strip(" `") for each in fields.split(",")]
    for name, fields in re.findall(
        r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \| same(?:[;:] .{8,}| as in B; .+)? \|$",
        PAGE.partition("\n## Fields")[2].partition("\n## ")[0],
        re.MULTILINE,
    )
}
"""The data classes and mappings of the releases, with their fields in order (spec §2.4, §3)."""


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_the_releases_are_the_first_in_their_order(name: str) -> None:
    module, _, attribute = f".{name}".rpartition(".")
    cls = getattr(importlib.import_module(f"kiket_sdk{module}"), attribute)
    is_class = dataclasses.is_dataclass(cls)
    here = [each.name for each in dataclasses.fields(cls)] if is_class else [*cls.__annotations__]
    assert here[: len(FIELDS[name])] == FIELDS[name]
    if is_class:  # what is new comes behind, and may be left out
        added = dataclasses.fields(cls)[len(FIELDS[name]) :]
        missing = dataclasses.MISSING
        assert all(
            not each.init or (each.default, each.default_factory) != (missing, missing)
            for each in added
        )


def test_every_data_class_of_the_releases_is_among_the_fields() -> None:
    modules = [importlib.import_module(f"kiket_sdk.{module}") for module in MODULES]
    there = {
        value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__.startswith("kiket_sdk")
        and any(row.rpartition(".")[2] == name for row in NAMES)
    }
    ours = {name.rpartition(".")[2] for name in FIELDS}
    alike = {"AllowResponse", "DenyResponse", "PendingResponse"}  # those of Response
    assert {cls.__name__ for cls in there} - alike - ours == set()


KINDO = PAGE.partition("\n## kindo_message_client")[2]
KINDO_NAMES = re.findall(r"^\| `([\w.]+)(?:\((\w+)=\))?` \| \w+ \|", KINDO, re.MULTILINE)


@pytest.mark.parametrize(("name", "parameter"), KINDO_NAMES)
def test_what_the_table_names_of_the_message_client_is_there(name: str, parameter: str) -> None:
    module, _, attribute = name.partition(".")
    value = getattr(importlib.import_module(f"kindo_message_client.{module}"), attribute)
    if parameter:
        assert parameter in inspect.signature(value).parameters


def test_the_table_of_the_message_client_names_each_module_and_says_how_it_is_now() -> None:
    assert {name.partition(".")[0] for name, _ in KINDO_NAMES} == {"config", "producer", "signer"}
    rows = re.findall(r"^\| .* \| ([^|]+) \|$", KINDO, re.MULTILINE)
    judged = re.compile(r"(same|better|different)\b.*")
    assert [row for row in rows if not judged.fullmatch(row)] == ["now", "---", "now", "---"]


def test_every_promise_names_a_test_that_is_there() -> None:
    promises = PAGE.partition("## Promises")[2].partition("\n## ")[0]
    named = set(re.findall(r"\| `(test_\w+)` \|$", promises, re.MULTILINE))
    there = {
        name
        for file in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) >= 15
    assert named - there == set()


def test_the_reference_of_extensions_names_every_era() -> None:
    page = (ROOT / "docs" / "extensions.md").read_text("utf-8")
    table = page.partition("| era | a delivery has |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(ERAS)
