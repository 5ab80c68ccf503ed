from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.headers import HOP, answer_headers, request_head, value_of

if TYPE_CHECKING:
    from kiket_console.model import Headers


def lines_of(headers: Headers, **changed: str | int) -> list[str]:
    """Return the header lines of a request on its way to a worker, without the last, empty one."""
    given = {"host": "localhost", "length": 2, **changed}
    head = request_head("POST", "/", headers, **given)  # type: ignore[arg-type]
    first, *lines, last, end = head.decode("latin-1").split("\r\n")
    assert (first, last, end) == ("POST / HTTP/1.1", "", "")
    return lines


def test_headers_go_on_as_they_came_in_their_order_and_case_repeated_ones_too() -> None:
    headers = (("X-b", "1"), ("x-A", "caf\xe9"), ("X-B", "2"), ("X-b", ""), ("Content-Length", "2"))

    assert lines_of(headers) == [
        "host: localhost",
        "X-b: 1",
        "x-A: caf\xe9",
        "X-B: 2",
        "X-b: ",
        "Content-Length: 2",
        f"{HOP}: 1",
    ]


def test_what_concerns_one_connection_is_dropped_by_name_or_because_connection_names_it() -> None:
    headers = (
        ("Connection", "keep-alive, X-One"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "x"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("Expect", "100-continue"),
        ("X-ONE", "1"),
        ("connection", "x-two"),
        ("X-Two", "2"),
        ("X-Three", "3"),
    )

    assert lines_of(headers) == [
        "host: localhost",
        "X-Three: 3",
        "content-length: 2",
        f"{HOP}: 1",
    ]


def test_connection_cannot_name_what_a_request_needs() -> None:
    named = (("Connection", "host, content-length, traceparent"), ("Host", "a"))

    assert lines_of(named, traceparent="00-t-s-01") == [
        "Host: localhost",
        "content-length: 2",
        "traceparent: 00-t-s-01",
        f"{HOP}: 1",
    ]


def test_who_speaks_to_whom_is_ours_to_say() -> None:
    """A sender cannot tell a worker that it comes from elsewhere, or for another host."""
    headers = (
        ("Host", "localhost:8700"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Anything", "1"),
        ("Forwarded", "for=10.0.0.1"),
        ("Content-Length", "999"),
    )

    assert lines_of(headers, host="127.0.0.1:3000", sender="127.0.0.9") == [
        "Host: 127.0.0.1:3000",
        "Content-Length: 2",
        "x-forwarded-for: 127.0.0.9",
        "x-forwarded-host: localhost:8700",
        "x-forwarded-proto: http",
        f"{HOP}: 1",
    ]


def test_the_trace_takes_the_place_of_the_first_one_that_came() -> None:
    headers = (("a", "1"), ("Traceparent", "x"), ("b", "2"), ("traceparent", "y"))

    assert lines_of(headers, traceparent="z")[1:4] == ["a: 1", "Traceparent: z", "b: 2"]
    assert lines_of((("a", "1"),), traceparent="z")[1:4] == [
        "a: 1",
        "content-length: 2",
        "traceparent: z",
    ]


@pytest.mark.parametrize(
    ("target", "headers", "problem"),
    [
        ("/a b", (), "'/a b' is not a path of HTTP's"),
        ("/\r\nX: 1", (), "is not a path of HTTP's"),
        ("a", (), "'a' is not a path of HTTP's"),
        ("/", (("a b", "1"),), "'a b' is not a header's name"),
        ("/", (("", "1"),), "'' is not a header's name"),
        ("/", (("a: b", "1"),), "'a: b' is not a header's name"),
        ("/", (("a", "1\r\nX: 1"),), "the value of the header a has control or foreign characters"),
        ("/", (("a", "1\0"),), "the value of the header a has control or foreign characters"),
        ("/", (("a", "\u2028"),), "the value of the header a has control or foreign characters"),
    ],
)
def test_what_would_be_a_second_header_or_request_is_never_sent(
    target: str, headers: Headers, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        request_head("POST", target, headers, host="localhost", length=0)


def test_an_answers_length_is_what_there_is_of_its_body() -> None:
    """Chunks have been put together, and a worker's own figure is not trusted."""
    chunked = (("A", "1"), ("Transfer-Encoding", "chunked"), ("Connection", "x-b"), ("X-B", "1"))

    assert answer_headers(chunked, 3) == (("A", "1"), ("content-length", "3"))
    assert answer_headers((("Content-Length", "3"), ("A", "1")), 3) == (
        ("Content-Length", "3"),
        ("A", "1"),
    )


def test_an_answer_without_a_body_has_no_length() -> None:
    assert answer_headers((("Content-Length", "3"), ("A", "1")), None) == (("A", "1"),)


def test_a_header_is_found_whatever_its_case() -> None:
    assert value_of((("A", "1"), ("X-b", "2"), ("x-B", "3")), "x-b") == "2"
    assert value_of((), "x-b") == ""
