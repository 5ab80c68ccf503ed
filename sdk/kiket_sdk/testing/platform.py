"""A platform on this machine, for tests of handlers that call it."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from kiket_sdk.testing._platform_routes import routed
from kiket_sdk.testing._tokens import RuntimeTokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kiket_sdk.testing._audit_trail import AuditTrail

ChosenAnswer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""The status, JSON and maybe headers of an answer."""

JWKS_PATH = "/.well-known/jwks.json"

_EXTENSIONS = "/api/v1/extensions"
_WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class PlatformCall:
    """One request that the platform received; `path` has its query, `body` is decoded JSON."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any


@dataclass
class FakePlatform:
    """Remember every call of handlers, and answer as the platform would.

    It answers from state, which a test may look at and change: `secrets` are by key, `custom_data`
    rows by module and table, `submissions` by the form's key, `sla_events` and `intake_forms` as
    they are listed; `audit.anchor(records)` anchors some. `tokens` mints runtime tokens, whose
    keys are served. What is not known is answered with 501. After `rate_limit` calls the answer is
    429, until `calls` is cleared.

    `answers` decides for a "METHOD /path", with or without its query, what else it is answered
    with: status, JSON and maybe headers; or a list of those, for one call after the other.
    """

    url: str = ""
    calls: list[PlatformCall] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    answers: dict[str, ChosenAnswer | list[ChosenAnswer]] = field(default_factory=dict)
    custom_data: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    sla_events: list[dict[str, Any]] = field(default_factory=list)
    intake_forms: list[dict[str, Any]] = field(default_factory=list)
    submissions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    rate_limit: int = 600

    def __post_init__(self) -> None:
        self._lock = Lock()

    @cached_property
    def tokens(self) -> RuntimeTokens:
        """The key that this platform signs runtime tokens with, and the tokens."""
        return RuntimeTokens()

    @cached_property
    def audit(self) -> AuditTrail:
        """The anchored records; `audit.anchor(records)` adds some."""
        from kiket_sdk.testing._audit_trail import AuditTrail

        return AuditTrail()

    @property
    def logs(self) -> list[Any]:
        """What was logged: message and metadata."""
        return self.bodies(f"{_EXTENSIONS}/logs")

    @property
    def metrics(self) -> list[Any]:
        """What was measured: name, value and unit."""
        return self.bodies(f"{_EXTENSIONS}/metrics")

    @property
    def notifications(self) -> list[Any]:
        """What was shown: title, body and level."""
        return self.bodies(f"{_EXTENSIONS}/notifications")

    @property
    def remaining(self) -> int:
        """How many calls may still be made."""
        return max(0, self.rate_limit - len(self.calls))

    def bodies(self, path: str) -> list[Any]:
        """Return what was sent to a path, in the order of the calls."""
        return [call.body for call in self.calls if call.path == path]

    def answer(self, call: PlatformCall) -> tuple[int, Any]:
        """Remember a call and return the status and JSON of its answer."""
        status, document, _ = self.answered(call)
        return status, document

    def answered(self, call: PlatformCall) -> tuple[int, Any, Mapping[str, str]]:
        """Remember a call and return the status, JSON and headers of its answer."""
        if call.path == JWKS_PATH:  # asked by the SDK itself, when it sees fit
            return 200, self.tokens.jwks, {}
        with self._lock:
            is_too_much = len(self.calls) >= self.rate_limit
            self.calls.append(call)
            path, _, query = call.path.partition("?")
            limits = {
                "X-RateLimit-Limit": str(self.rate_limit),
                "X-RateLimit-Remaining": str(self.remaining),
                "X-RateLimit-Reset": str(_WINDOW_S),
            }
            chosen = self._chosen(f"{call.method} {call.path}", f"{call.method} {path}")
            if chosen is not None:
                return chosen[0], chosen[1], limits | (chosen[2] if len(chosen) > 2 else {})
            if is_too_much:
                error = {"error": "Rate limit exceeded", "retry_after": _WINDOW_S}
                return 429, error, limits | {"Retry-After": str(_WINDOW_S)}
            asked = dict(parse_qsl(query, keep_blank_values=True))
            status, document = routed(self, call.method, path, asked, call.body)
            # as it is now: rows that are answered with may change later
            return status, json.loads(json.dumps(document)), limits

    def _chosen(self, *calls: str) -> Any:
        for call in calls:
            chosen = self.answers.get(call)
            if isinstance(chosen, list):
                return chosen.pop(0) if len(chosen) > 1 else chosen[0]
            if chosen is not None:
                return chosen
        return None


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a handler may make as many calls at once as its client allows


@contextmanager
def fake_platform() -> Iterator[FakePlatform]:
    """Serve a platform on a free port of this machine."""
    platform = FakePlatform()
    with _Server(("127.0.0.1", 0), partial(_Connection, platform)) as server:
        platform.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()
            _forget_keys()


def _forget_keys() -> None:
    """Let the next platform at this address have keys of its own."""
    if "kiket_sdk._jwks" in sys.modules:
        from kiket_sdk.auth import clear_jwks_cache

        clear_jwks_cache()


class _Connection(BaseHTTPRequestHandler):
    """Take one request off the socket and send its answer."""

    def __init__(self, platform: FakePlatform, *given: Any) -> None:
        self._platform = platform
        super().__init__(*given)

    def _answer(self) -> None:
        raw_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = PlatformCall(self.command, self.path, headers, _decoded(raw_body))
        status, document, answer_headers = self._platform.answered(call)
        raw_answer = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **answer_headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(raw_answer)))
        self.end_headers()
        self.wfile.write(raw_answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 (http.server's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing."""


def _decoded(raw_body: bytes) -> Any:
    """Return a body's JSON, its text when it is none, None when it is empty."""
    if not raw_body:
        return None
    try:
        return json.loads(raw_body)
    except ValueError:
        return raw_body.decode("utf-8", "replace")
