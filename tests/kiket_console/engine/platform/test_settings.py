"""A person sets limits, scopes and failures, and code meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine.platform.settings import Settings, matches
from kiket_console.engine.platform.state import State
from kiket_console.errors import ConsoleError
from kiket_console.wire import ForcedFailure, PlatformSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    state = State(tmp_path / "platform.sqlite3", lambda _: None)
    yield state
    state.close()


async def test_what_is_set_is_kept_and_the_rest_stays(state: State) -> None:
    settings = Settings(state)
    assert await settings.now() == PlatformSettings()
    await settings.change({"rate_limit_per_minute": 7})
    await settings.change({"granted_scopes": ["a.b", "c"]})

    expected = PlatformSettings(rate_limit_per_minute=7, granted_scopes=("a.b", "c"))
    assert await settings.now() == expected
    assert await Settings(state).now() == expected


async def test_what_cannot_be_kept_is_not_set(state: State) -> None:
    settings = Settings(state)
    await settings.change({"rate_limit_per_minute": 7})
    await state.ask(lambda each: each.connection.execute("PRAGMA query_only = ON"))

    with pytest.raises(ConsoleError, match="The platform's state in"):
        await settings.change({"rate_limit_per_minute": 8})
    assert (await settings.now()).rate_limit_per_minute == 7


async def test_what_another_version_kept_is_taken_as_far_as_it_makes_sense(state: State) -> None:
    await state.ask(lambda each: each.set("settings", {"open_tables": True, "of_later": 1}))
    assert (await Settings(state).now()).open_tables

    await state.ask(lambda each: each.set("settings", {"rate_limit_per_minute": "x"}))
    assert await Settings(state).now() == PlatformSettings()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rate": 1}, 'There is no setting "rate"'),
        ({"rate_limit_per_minute": -1}, "The rate limit is -1 calls a minute"),
        ({"rate_limit_per_minute": "many"}, "The platform's settings make no sense"),
        ({"granted_scopes": ["a b"]}, "The granted scopes make no sense"),
        ({"granted_scopes": "all"}, "The platform's settings make no sense"),
        ({"failures": [{"route": "a b c"}]}, 'The route "a b c" makes no sense'),
        ({"failures": [{"route": "*" * 9}]}, "makes no sense"),
        ({"failures": [{"route": "*", "status": 99}]}, "99 is no status"),
        ({"failures": [{"route": "*", "delay_ms": 10**9}]}, "1000000000 ms is no delay"),
        ({"failures": [{"route": "*", "times": -1}]}, "-1 is no number of times"),
        ({"failures": [{"route": "*"}] * 51}, "more than 50 failures"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    state: State, changes: dict[str, Any], problem: str
) -> None:
    settings = Settings(state)
    with pytest.raises(ConsoleError, match=problem):
        await settings.change(changes)
    assert await settings.now() == PlatformSettings()


@pytest.mark.parametrize(
    ("route", "is_matched"),
    [
        ("*", True),
        ("* *", True),
        ("GET *", True),
        ("POST *", False),
        ("GET custom_data/*", True),
        ("custom_data/*/pages", True),
        ("custom_data/x", False),
        ("custom_data", False),
        ("GET  *", False),
        ("*pages", True),
        ("*.ages", False),
    ],
)
def test_a_route_names_calls_by_method_and_path(route: str, is_matched: bool) -> None:
    assert matches(route, "GET", "custom_data/x/pages") is is_matched


async def test_a_failure_is_counted_down_and_gone_and_the_first_that_fits_counts(
    state: State,
) -> None:
    settings = Settings(state)
    failures = [
        {"route": "POST *", "status": 500},
        {"route": "GET a", "times": 2},
        {"route": "*", "status": 0, "delay_ms": 1},
    ]
    await settings.change({"failures": failures})

    found = [await settings.failure("GET", "a", "/api/v1/ext/a") for _ in range(3)]
    assert [each.status if each else None for each in found] == [503, 503, 0]
    left = (ForcedFailure("POST *", 500), ForcedFailure("*", 0, 1))
    assert (await Settings(state).now()).failures == left
