"""Handlers by event and version."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import pytest

from kiket_sdk import KiketSDK, webhook
from kiket_sdk.routing import SELF_TEST_EVENT, HandlerMetadata, HandlerRegistry


async def later(_payload: Any, _context: Any) -> None: ...


def now(_payload: Any, _context: Any) -> None: ...


class Callable:
    async def __call__(self, _payload: Any, _context: Any) -> None: ...


def test_versions_are_stripped_and_compared_exactly() -> None:
    registry = HandlerRegistry()
    registry.register("e", now, version=" v1 ")
    found = registry.get("e", " v1")
    assert found is not None
    handler, version = found
    assert (handler, version) == (now, "v1")
    assert registry.get("e", "V1") is registry.get("x", "v1") is registry.get("e", None) is None


def test_the_same_event_and_version_replaces() -> None:
    registry = HandlerRegistry()
    registry.register("e", now, version="v1")
    registry.register("e", later, version="v1")
    assert registry.event_names() == ["e@v1"]
    assert registry.all()["e"]["v1"].handler is later


@pytest.mark.parametrize("version", ["", "  "])
def test_a_blank_version_is_refused(version: str) -> None:
    registry = HandlerRegistry()
    with pytest.raises(ValueError, match=r"^Event version cannot be blank\.$"):
        registry.register("e", now, version=version)
    with pytest.raises(ValueError, match=r"^Event version cannot be blank\.$"):
        registry.get("e", version)


def test_what_is_handed_out_is_a_copy() -> None:
    registry = HandlerRegistry()
    registry.register("b", now, version="v2")
    registry.register("a", now, version="v1")
    registry.all().clear()
    registry.events()["a"].clear()
    assert registry.event_names() == ["a@v1", "b@v2"]


@pytest.mark.parametrize(
    ("handler", "is_async"),
    [
        (later, True),
        (now, False),
        (functools.partial(later), True),
        (Callable(), True),
        (lambda _payload, _context: None, False),
    ],
)
def test_whether_a_handler_is_asynchronous(handler: Any, is_async: bool) -> None:
    assert HandlerMetadata(handler, "v1").is_async is is_async


def test_the_instance_decorator_registers_and_returns_the_function() -> None:
    sdk = KiketSDK()
    assert sdk.webhook("e", version="v1")(now) is now
    assert sdk.registry.event_names() == ["e@v1"]
    untyped: Any = sdk
    with pytest.raises(TypeError):
        untyped.webhook("e")


def test_load_registers_what_the_module_decorator_marked() -> None:
    module: Any = ModuleType("handlers")
    module.first = webhook("a", version="v1")(lambda _payload, _context: None)
    module.second = webhook("inner", version="v1")(lambda _payload, _context: None)
    module.second = webhook("outer", version="v2")(module.second)
    module.other = 7
    sdk = KiketSDK()
    sdk.load(module)
    assert sdk.registry.event_names() == ["a@v1", "outer@v2"]


def test_load_keeps_what_a_handler_requires() -> None:
    module: Any = ModuleType("handlers")
    mark = webhook("a", version="v1", required_scopes=(each for each in ["issues.write"]))
    module.guarded = mark(lambda _payload, _context: None)
    module.free = webhook("b", version="v1")(lambda _payload, _context: None)
    sdk = KiketSDK()
    sdk.load(module)
    assert module.guarded.__kiket_required_scopes__ == ["issues.write"]
    found = sdk.registry.all()
    assert found["a"]["v1"].required_scopes == ["issues.write"]
    assert found["b"]["v1"].required_scopes == []


def test_load_names_the_function_without_a_version() -> None:
    module: Any = ModuleType("handlers")
    unversioned: Any = None
    module.broken = webhook("a", version=unversioned)(lambda _payload, _context: None)
    with pytest.raises(ValueError, match=r"^Handler handlers\.broken is missing version metadata"):
        KiketSDK().load(module)


def test_the_event_of_self_tests_can_have_no_handler() -> None:
    with pytest.raises(ValueError, match=r"'kiket\.self-test' is reserved for checks"):
        HandlerRegistry().register(SELF_TEST_EVENT, now, version="v1")
