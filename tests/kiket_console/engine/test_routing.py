from __future__ import annotations

import pytest

from kiket_console.engine.routing import Elsewhere, External, Route, find, misnamed


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/webhooks/a.b", Route(None, "", "a.b", "/webhooks/a.b")),
        ("/v/v1/webhooks/a.b", Route(None, "v1", "a.b", "/v/v1/webhooks/a.b")),
        ("/x/billing/webhooks/a", Route("billing", "", "a", "/webhooks/a")),
        ("/x/my%20one/v/2/webhooks/a", Route("my one", "2", "a", "/v/2/webhooks/a")),
        ("/webhooks/%2e%2e", Route(None, "", "..", "/webhooks/%2e%2e")),
    ],
)
def test_a_path_says_to_whom_which_version_and_what(path: str, route: Route) -> None:
    """The worker sees the path as it came, without the part that names the worker."""
    assert find("POST", path) == route


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/webhooks/a", 405),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/a/b", 404),
        ("POST", "/elsewhere", 404),
        ("POST", "/", 405),
        ("HEAD", "/", 200),
        ("GET", "/health", 200),
    ],
)
def test_everything_else_is_answered_here(method: str, path: str, status: int) -> None:
    found = find(method, path)

    assert isinstance(found, Elsewhere)
    assert found.status == status
    assert ("allow" in dict(found.headers)) is (status == 405)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_others_post_goes_by_its_token_whatever_the_method(method: str) -> None:
    assert find(method, "/webhooks/ext/a-token/pager%20ack") == External("a-token", "pager ack")


@pytest.mark.parametrize("path", ["/webhooks/ext/", "/webhooks/ext/a", "/webhooks/ext/a/b/c"])
def test_an_address_for_others_has_a_token_and_an_action(path: str) -> None:
    assert isinstance(find("POST", path), Elsewhere | Route)


@pytest.mark.parametrize("event", ["", "a/b", "\x00", "a" * 129, "\u202e", "é", "a b"])
def test_an_events_name_is_letters_digits_and_few_signs(event: str) -> None:
    assert "cannot be an event's name" in misnamed(event, "")


def test_a_versions_name_is_shorter_and_may_be_missing() -> None:
    assert misnamed("a.b_c:d-9" * 14, "") == ""
    assert misnamed("a", "v1.0_b:c-" * 7) == ""
    assert "cannot be a version's name" in misnamed("a", "1" * 65)
