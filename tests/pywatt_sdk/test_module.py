"""The decorator: what it takes, and the app that it makes without an orchestrator."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette

from pywatt_sdk import AnnouncedEndpoint, AppState, ConfigError, InitBlob, pywatt_module
from pywatt_sdk.core.error import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

INIT = {
    "orchestrator_api": "http://localhost:9900",
    "module_id": "test-module",
    "listen": "127.0.0.1:8080",
}


def create(state: AppState) -> Starlette:
    app = Starlette()
    app.state.module = state
    return app


async def create_later(state: AppState) -> Starlette:
    return create(state)


@pytest.mark.parametrize("function", [create, create_later], ids=["sync", "async"])
@pytest.mark.parametrize(
    "arg", [INIT, InitBlob.model_validate(INIT), AppState("test-module", "http://o")]
)
async def test_called_with_what_an_orchestrator_says_it_returns_the_app(
    function: Callable[[AppState], Any], arg: Any
) -> None:
    """Seed 002, "Testing": the function is called with init data."""
    app = await pywatt_module(health="/health")(function)(arg)
    assert app.state.module.module_id == "test-module"


async def test_it_may_be_used_without_parentheses() -> None:
    app = await pywatt_module(create)(INIT)
    assert isinstance(app, Starlette)


def test_the_decorated_function_can_be_told_from_others() -> None:
    decorated = pywatt_module(create)
    assert decorated.__is_pywatt_module__
    assert decorated.__module_func__ is create
    assert decorated.__name__ == "create"  # type: ignore[attr-defined]  # by functools.wraps


async def test_without_an_orchestrator_secrets_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", "from the environment")
    seen: list[dict[str, str]] = []

    def build(init: Any, secrets: dict[str, Any]) -> str:
        seen.append({name: secret.expose_secret() for name, secret in secrets.items()})
        return f"state of {init.module_id}"

    app = await pywatt_module(secrets=["API_KEY", "MISSING"], state_builder=build)(create)(INIT)
    assert seen == [{"API_KEY": "from the environment"}]
    assert app.state.module.user_state == "state of test-module"
    assert app.state.module.custom() == "state of test-module"


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        ({"module_id": "x"}, "the init data cannot be used"),
        ("127.0.0.1:8080", "a str is no init data"),
    ],
)
async def test_other_arguments_are_refused(arg: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        await pywatt_module(create)(arg)


def test_a_framework_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ConfigError, match="framework='django'"):
        pywatt_module(framework="django")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"secrets": "API_KEY"}, r"give a list of names: \['API_KEY'\]"),
        ({"specific_port": 70_000}, "is no port"),
        ({"endpoints": [{"route": "/"}]}, "is no endpoint"),
        ({"endpoints": [{"path": "x"}]}, "has to begin with /"),
    ],
)
def test_an_option_that_cannot_work_is_an_error(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pywatt_module(**option)


def test_endpoints_may_be_dicts_and_a_method_a_text() -> None:
    endpoints = [{"path": "/a", "methods": ["get"], "auth": "jwt"}]
    plan = pywatt_module(endpoints=endpoints)(create).__plan__
    assert plan.endpoints == (AnnouncedEndpoint("/a", ["GET"], "jwt"),)
    assert AnnouncedEndpoint("/a", methods="post").methods == ("POST",)


def test_what_is_no_function_is_an_error() -> None:
    with pytest.raises(TypeError, match="decorates a function that makes an app"):
        pywatt_module(rotate=True)("create")  # type: ignore[arg-type]  # that is the point


async def test_parts_of_a_later_release_are_told_once_and_are_not_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    app = await pywatt_module(
        enable_database=True, database_config={"type": "sqlite"}, enable_cache=True
    )(create)(INIT)
    assert [record.message.partition(" ")[0] for record in caplog.records] == [
        "AppState.db",
        "AppState.cache",
    ]
    with pytest.raises(UnavailableError, match="comes with a later release"):
        _ = app.state.module.db
    assert not hasattr(app.state.module, "cache")


def test_an_endpoint_is_written_by_position_or_by_name() -> None:
    given = AnnouncedEndpoint("/api/data", ["get", "POST", "GET"], auth="jwt")
    assert (given.path, given.methods, given.auth) == ("/api/data", ("GET", "POST"), "jwt")
    assert given.to_endpoint_info().model_dump() == {
        "path": "/api/data",
        "methods": ["GET", "POST"],
        "auth": "jwt",
    }


def test_an_endpoint_begins_with_a_slash() -> None:
    with pytest.raises(ConfigError, match="has to begin with /"):
        AnnouncedEndpoint("users")
