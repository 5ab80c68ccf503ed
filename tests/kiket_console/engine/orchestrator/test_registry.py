"""The services that modules offer: who has them, for how long, and how many."""

from __future__ import annotations

import pytest

from kiket_console.engine.orchestrator import registry as registries
from kiket_console.engine.orchestrator.registry import NotRegisteredError, Registry
from pywatt_sdk._protocol import RegisterServiceProvider, ServiceType

SEARCH = ServiceType.custom("search")


def offer(name: str = "idx", kind: ServiceType = SEARCH, **more: object) -> RegisterServiceProvider:
    given: dict[str, object] = {"address": "127.0.0.1:9200"} | more
    return RegisterServiceProvider(service_type=kind, name=name, **given)  # type: ignore[arg-type]


def test_a_provider_is_found_by_its_type_and_goes_with_its_start() -> None:
    registry = Registry()
    provider_id = registry.register("b", "b#1", offer(metadata={"region": "eu"}))

    (found,) = registry.discover(SEARCH)
    assert (found.provider_id, found.module_id, found.address) == (
        provider_id,
        "b",
        "127.0.0.1:9200",
    )
    assert found.metadata == {"region": "eu"}
    assert registry.discover(ServiceType.CACHE) == ()
    registry.drop("b#1")
    assert registry.discover(SEARCH, every=True) == ()


def test_a_newer_start_takes_the_place_of_an_older_one() -> None:
    """A reload leaves no moment without the service, and the old start's end takes nothing away."""
    registry = Registry()
    first = registry.register("b", "b#1", offer())
    again = registry.register("b", "b#2", offer(address="127.0.0.1:9300"))

    registry.drop("b#1")

    (found,) = registry.discover(SEARCH, every=True)
    assert first == again == found.provider_id
    assert found.address == "127.0.0.1:9300"
    assert registry.services_of("b#1") == ()
    assert [each.type for each in registry.services_of("b#2")] == ["custom:search"]


def test_one_that_is_well_is_found_before_one_that_is_not() -> None:
    ill = {"a#1"}
    registry = Registry(lambda label: label not in ill)
    registry.register("a", "a#1", offer())
    registry.register("b", "b#1", offer())

    assert [each.module_id for each in registry.discover(SEARCH)] == ["b"]
    assert [each.is_healthy for each in registry.discover(SEARCH, every=True)] == [False, True]
    ill.clear()
    assert [each.module_id for each in registry.discover(SEARCH)] == ["a"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (offer(name=""), "name"),
        (offer(name="x" * 201), "name"),
        (offer(kind=ServiceType.custom("")), "service_type"),
        (offer(address="x" * 2001), "address"),
        (offer(metadata={"k": "v" * 20_000}), "metadata"),
    ],
)
def test_what_is_too_long_or_empty_is_refused_by_name(
    asked: RegisterServiceProvider, named: str
) -> None:
    with pytest.raises(NotRegisteredError, match=named):
        Registry().register("a", "a#1", asked)


def test_one_start_offers_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "SERVICES_OF_ONE", 2)
    registry = Registry()
    for name in ("one", "two", "two"):
        registry.register("a", "a#1", offer(name))

    with pytest.raises(NotRegisteredError, match="2 services already"):
        registry.register("a", "a#1", offer("three"))
