"""Which announced route a request is for, in the spellings of several frameworks."""

from __future__ import annotations

import time

import pytest

from kiket_console.engine.orchestrator import routes
from kiket_console.module_facts import ModuleEndpoint


def find(announced: str, method: str, path: str) -> int:
    """Return the status of the refusal, 200 when there is none; `GET,POST /a; GET /b`."""
    endpoints = tuple(
        ModuleEndpoint(each.split()[-1], tuple(each.split()[0].split(",")))
        for each in announced.split("; ")
        if each
    )
    none = routes.find("m", endpoints, method, path)
    return none.status if none else 200


@pytest.mark.parametrize(
    ("announced", "method", "path", "status"),
    [
        ("GET /a", "GET", "/a", 200),
        ("GET /a", "GET", "/a/", 200),
        ("get /a", "GET", "/a", 200),
        ("GET /a", "HEAD", "/a", 200),
        ("POST /a", "HEAD", "/a", 405),
        ("POST /a", "OPTIONS", "/a", 200),
        ("GET /a", "POST", "/a", 405),
        ("GET /a", "GET", "/b", 404),
        ("GET /a", "GET", "/ab", 404),
        ("GET /a", "GET", "/a/b", 200),  # below it, as of an app that is mounted there
        ("GET /a", "POST", "/a/b", 405),
        ("GET /users/:id", "GET", "/users/7", 200),
        ("GET /users/{id}", "GET", "/users/7", 200),
        ("GET /users/{id:int}", "GET", "/users/7", 200),
        ("GET /users/<int:id>", "GET", "/users/7", 200),
        ("GET /users/<id>/x", "GET", "/users/7/x", 200),
        ("GET /users/:id/x", "GET", "/users/7/y", 404),
        ("GET /f/{path:path}", "GET", "/f/a/b", 200),
        ("GET /f/*rest", "GET", "/f/a/b", 200),
        ("GET /f/{*rest}", "GET", "/f/a/b", 200),
        ("GET /", "GET", "/docs", 200),
        ("GET /a; POST /{x}", "POST", "/a", 200),
        ("GET /a.b", "GET", "/axb", 404),
        ("GET /caf%C3%A9; GET /café", "GET", "/caf%C3%A9", 200),
        ("", "GET", "/whatever", 200),
    ],
)
def test_a_route_is_found_by_what_was_announced(
    announced: str, method: str, path: str, status: int
) -> None:
    assert find(announced, method, path) == status


def test_who_asks_for_another_route_is_told_those_there_are() -> None:
    endpoints = (*(ModuleEndpoint(f"/{n}", ("GET",)) for n in range(8)),)

    none = routes.find("search", endpoints, "GET", "/x")

    assert none is not None
    assert none.sentence == (
        "search has announced no route /x; it has GET /0, GET /1, GET /2, GET /3, GET /4, GET /5 "
        "and 2 more."
    )


def test_a_method_that_is_not_taken_names_those_that_are() -> None:
    endpoints = (ModuleEndpoint("/a", ("POST", "GET")), ModuleEndpoint("/a", ("PUT",)))

    none = routes.find("search", endpoints, "DELETE", "/a")

    assert none is not None
    assert none.allow == "GET, POST, PUT"


@pytest.mark.parametrize(
    ("path", "shorter"), [("/v1/a?b", "/a?b"), ("/1.0/a", "/a"), ("/vat/a", ""), ("/v1", "")]
)
def test_a_version_in_front_of_a_path_is_known(path: str, shorter: str) -> None:
    assert routes.unversioned(path) == shorter


@pytest.mark.parametrize(
    ("pattern", "path", "is_found"),
    [
        ("/*/edit/*", "/a/edit/b/edit/c", True),
        ("/*/edit/*", "/a/editor/edit/c", True),
        ("/*/edit/*", "/a/editor/c", False),
        ("/*/*/*", "/a/b/c/d", True),
        ("/*/*/*", "/a/b", False),
        ("/docs/{a:path}/v/:n", "/docs/x/y/v/v/2", True),
    ],
)
def test_several_rests_are_what_they_can_be(pattern: str, path: str, is_found: bool) -> None:
    found = routes.find("search", (ModuleEndpoint(pattern, ("GET",)),), "GET", path)
    assert (found is None) is is_found


def test_no_address_takes_long_to_be_looked_up() -> None:
    endpoints = (ModuleEndpoint("/*/*/*/*/*/*/end", ("GET",)),)
    began_s = time.process_time()
    assert routes.find("search", endpoints, "GET", "/a" * 2000) is not None
    assert time.process_time() - began_s < 1.0
