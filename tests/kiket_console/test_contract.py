"""How a manifest says that the platform is to deliver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kiket_console import contract, decision
from kiket_console.contract import NOTHING, Contract
from kiket_sdk.manifest import ExtensionManifest


def read(parts: list[dict[str, Any]]) -> Contract:
    """Read a manifest of which the *parts* are the root and what stands in `extension`."""
    root, *nested = parts
    within = {"extension": nested[0]} if nested else {}
    return contract.read(ExtensionManifest(Path(), root | within))


@pytest.mark.parametrize(
    "parts",
    [
        [{"delivery": {"callback": {"timeout": 8000, "required": False}}}, {}],
        [{"delivery": "http", "callback": {"timeout": 8000, "required": False}}, {}],
        [{}, {"delivery": {"callback": {"timeout": 8000, "required": False}}}],
        [{}, {"delivery": "http", "callback": {"timeout": 8000, "required": False}}],
    ],
)
def test_every_dialect_of_the_manifest_is_read(parts: list[dict[str, Any]]) -> None:
    found = read(parts)
    assert (found.limit_s, found.is_required) == (8.0, False)


def test_a_hook_has_its_own_time_and_the_others_have_the_callbacks() -> None:
    hooks = [{"event": "issue.created", "timeout": 3000}, {"event": "issue.updated"}]
    found = read([{"callback": {"timeout": 15000}, "hooks": hooks}])

    assert found.limit_for("issue.created") == 3.0
    assert found.limit_for("issue.updated") == found.limit_for("another") == 15.0


def test_nothing_is_said_where_the_manifest_says_nothing() -> None:
    assert read([{}, {}]) == NOTHING
    assert NOTHING.limit_for("issue.created") is None


@pytest.mark.parametrize("timeout", ["10s", True, 0, -5, 3_600_001, None, [], float("nan")])
def test_a_time_that_makes_no_sense_is_left_out(timeout: object) -> None:
    hooks = [{"event": "a", "timeout": timeout, "required": "yes"}]
    found = read([{"callback": {"timeout": timeout, "required": 1}, "hooks": hooks}])

    assert (found.limit_for("a"), found.is_required) == (None, None)


@pytest.mark.parametrize("hooks", [None, {}, "a", [None, "a", {}, {"event": 5}]])
def test_hooks_that_are_none_are_left_out(hooks: object) -> None:
    assert read([{"hooks": hooks, "delivery": ["http"], "callback": "url"}]) == NOTHING


@pytest.mark.parametrize(
    ("manifest", "waits"),
    [
        ({}, True),
        ({"callback": {"required": True}}, True),
        ({"callback": {"required": False}}, False),
        ({"hooks": [{"event": decision.GUARD}]}, True),
        ({"hooks": [{"event": decision.GUARD, "required": False}]}, False),
        (
            {
                "callback": {"required": False},
                "hooks": [{"event": decision.GUARD, "required": True}],
            },
            True,
        ),
    ],
)
def test_a_guard_is_waited_for_unless_it_is_said_not_to_be_required(
    manifest: dict[str, Any], waits: bool
) -> None:
    found = read([manifest])

    assert found.waits_for(decision.GUARD) is waits
    assert not found.waits_for("issue.created")


def test_custom_data_may_be_used_as_the_manifest_lists_it() -> None:
    permissions = [
        {"module": "a.pages", "operations": ["read", "write"]},
        {"module": "a.sheets", "operations": ["admin"]},
    ]
    found = read([{"extension": {}}, {"custom_data": {"permissions": permissions}}])

    assert found.may("write", "a.pages")
    assert not found.may("delete", "a.pages")
    assert found.may("delete", "a.sheets")
    assert not found.may("read", "b")


@pytest.mark.parametrize(
    ("custom_data", "may"),
    [
        (None, True),
        ([], True),
        ({"modules": []}, True),
        ({"permissions": []}, False),
        ({"permissions": [None, {"module": "a"}, {"module": "a", "operations": "read"}]}, False),
    ],
)
def test_where_a_manifest_says_nothing_of_custom_data_all_of_it_may_be_used(
    custom_data: object, may: bool
) -> None:
    assert read([{"custom_data": custom_data}]).may("read", "a") is may
