"""What the platform answers: its routes, and what holds for all of them.

    forced failure ─► route ─► rate limit ─► scope ─► answer

The routes are those of kiket-and-kindo.md §2.2, rows 1 to 33 and 35. Other SDKs leave `/api/v1`
out on some of them; those take both.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.engine.platform import audit, scopes
from kiket_console.engine.platform.audit import Audit
from kiket_console.engine.platform.calls import Call, RefusedError, Reply
from kiket_console.engine.platform.custom_data import CustomData, Modules
from kiket_console.engine.platform.events import Events
from kiket_console.engine.platform.installation import Installation
from kiket_console.engine.platform.intake import Intake
from kiket_console.engine.platform.issues import Issues
from kiket_console.engine.platform.rates import Rates
from kiket_console.engine.platform.secret_routes import SecretRoutes, sent_secret
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kiket_console.engine.parentage import Parent
    from kiket_console.engine.platform.callers import Caller
    from kiket_console.engine.platform.settings import Settings
    from kiket_console.engine.platform.state import State
    from kiket_console.engine.platform.tokens import RuntimeTokens
    from kiket_console.engine.ports import Secrets, Workers
    from kiket_console.engine.telemetry.handlers import Handlers
    from kiket_console.model import Headers
    from kiket_console.wire import ForcedFailure

_PREFIX = "/api/v1"
_TROUBLE_S = 1
_EMPTY = frozenset({204, 205, 304})
_LATER = frozenset({429, 503})


class Route(Struct, frozen=True):
    """One thing that can be asked of the platform."""

    method: str
    path: re.Pattern[str]
    answer: Callable[[Call], Awaitable[Reply]]
    scope: str = ""
    """What the caller must have been granted; empty: nothing."""
    open: bool = False
    """Whether a token is not asked for, and calls are not counted."""
    is_telling: bool = False
    """Whether a call may be kept as something else than an exchange (see `Reply.is_kept`)."""


class Asked(Struct, frozen=True):
    """A request as it came, and who sent it."""

    method: str
    path: str
    """Still percent-encoded, without the query."""
    query: Mapping[str, str]
    raw_body: bytes
    caller: Caller | None
    """None when it shows no token that is good."""
    user_agent: str = ""
    parent: Parent | None = None
    """The delivery during which it was sent, as far as that is known."""


class Api:
    """Answer what extensions ask.

    `address` gives where others post an action for an extension, by the worker's name; *base_url*
    is where the platform itself is reached. `handlers` is told how handlers ended.
    """

    def __init__(
        self,
        *,
        state: State,
        settings: Settings,
        secrets: Secrets,
        workers: Workers,
        modules: Modules,
        tokens: RuntimeTokens,
        address: Callable[[str, str], str],
        base_url: str,
        handlers: Handlers,
    ) -> None:
        self._state = state
        self._settings = settings
        self._workers = workers
        self._rates = Rates()
        kept, told, forms = SecretRoutes(secrets), Events(state), Intake(state, base_url)
        installed = Installation(workers, tokens, address, handlers)
        proofs = Audit(state, base_url)
        tables, self.issues = CustomData(state, modules, workers), Issues(state)
        asked, issue = self.issues, "/ext/issues/{issue}"
        mine = installed.for_extension
        secret, one = "?/extensions/{id}/secrets", "?/extensions/{id}/secrets/{key}"
        read, write = "ext.secrets.read", "ext.secrets.write"
        table = "/ext/custom_data/{module}/{table}"
        row = table + "/{row}"
        form, submission = "/ext/intake_forms/{form}", "/ext/intake_forms/{form}/submissions"
        sent = submission + "/{submission}"
        self.routes = (
            _route("GET", "!/.well-known/jwks.json", installed.jwks, is_open=True),
            _route("POST", "/extensions/logs", installed.log),
            _route("POST", "/extensions/metrics", installed.metric),
            _route("POST", "/extensions/notifications", told.notify, "notifications.write"),
            _route("GET", "?/extensions/{id}", mine(installed.about)),
            _route("POST", "?/extensions/{id}/events", mine(installed.event)),
            _route("GET", secret, mine(kept.list), read),
            _route("POST", secret, mine(self._noted("secret.create", kept.create)), write),
            _route("GET", one, mine(kept.read), read),
            _route("POST", one, mine(self._noted("secret.set", kept.put)), write),
            _route("PATCH", one, mine(self._noted("secret.update", kept.change)), write),
            _route("DELETE", one, mine(self._noted("secret.delete", kept.delete)), write),
            _route("GET", "/ext/rate_limit", installed.rate_limit),
            _route("GET", "/ext/webhook_url", installed.webhook_url),
            _telling("POST", "/ext", installed.telemetry),
            _telling("POST", "/ext/telemetry", installed.telemetry),
            _route("GET", table, tables.list, "custom_data.read"),
            _route("POST", table, tables.create, "custom_data.write"),
            _route("GET", row, tables.read, "custom_data.read"),
            _route("PATCH", row, tables.change, "custom_data.write"),
            _route("DELETE", row, tables.delete, "custom_data.write"),
            _route("GET", "/ext/sla/events", told.sla, "sla.read"),
            _route("GET", "/ext/intake_forms", forms.list, "intake_forms.read"),
            _route("GET", form, forms.read, "intake_forms.read"),
            _route("GET", form + "/stats", forms.stats, "intake_forms.read"),
            _route("GET", submission, forms.submissions, "intake_forms.read"),
            _route("POST", submission, forms.submit, "intake_forms.write"),
            _route("GET", sent, forms.submission, "intake_forms.read"),
            _route("POST", sent + "/approve", forms.approve, "intake_forms.write"),
            _route("POST", sent + "/reject", forms.reject, "intake_forms.write"),
            _route("GET", "/ext/issues", asked.list, "read:issues"),
            _route("POST", "/ext/issues", asked.create, "write:issues"),
            _route("GET", issue, asked.read, "read:issues"),
            _route("PATCH", issue, asked.change, "write:issues"),
            _route("POST", issue + "/comments", asked.comment, "write:comments"),
            _route("POST", issue + "/transitions", asked.transition, "write:issues"),
            _route("GET", "/audit/anchors", proofs.list, "audit.read"),
            _route("GET", "/audit/anchors/{root}", proofs.read, "audit.read"),
            _route("GET", "/audit/records/{record}/proof", proofs.proof, "audit.read"),
            _route("POST", "/audit/verify", proofs.verify, "audit.read"),
        )
        self._telling = [route for route in self.routes if route.is_telling]

    def is_open(self, method: str, path: str) -> bool:
        """Return whether a request needs no token."""
        return any(
            route.open and route.method == method and route.path.fullmatch(path)
            for route in self.routes
        )

    def is_telling(self, method: str, path: str) -> bool:
        """Return whether a request may be kept as something else than an exchange."""
        return any(each.method == method and each.path.fullmatch(path) for each in self._telling)

    async def reply(self, asked: Asked, exchange_id: int = 0) -> Reply:
        """Return what a request is answered; *exchange_id* is what records it, 0 when nothing."""
        try:
            settings = await self._settings.now()
            failure = await self._settings.failure(asked.method, *self._spellings(asked.path))
            if failure is not None:
                await asyncio.sleep(failure.delay_ms / 1000)
                if failure.status:
                    return _forced(failure)
            route, parts = self._find(asked.method, asked.path)
        except RefusedError as refusal:
            return refusal.reply
        except ConsoleError as error:
            return _in_trouble(error)
        rate = None
        if not route.open and asked.caller is not None:
            rate = self._rates.take(asked.caller.worker, settings.rate_limit_per_minute)
        call = Call(
            parts,
            asked.raw_body,
            asked.caller.worker if asked.caller else "",
            asked.query,
            asked.user_agent,
            exchange_id,
            rate,
            settings,
            asked.parent,
        )
        reply = await _answered(route, call, asked.caller)
        return replace(reply, headers=(*reply.headers, *rate.headers())) if rate else reply

    def short(self, path: str) -> str:
        """Return a path without what every path of this project repeats."""
        short = path.removeprefix(_PREFIX).removeprefix("/")
        for worker in self._workers.extensions():
            if worker.extension_id:
                short = short.removeprefix(f"extensions/{worker.extension_id}/")
        return short.removeprefix("ext/")

    def _spellings(self, path: str) -> tuple[str, str, str]:
        """Return how a person may name a path: as lists have it, below `/api/v1/`, and whole."""
        return self.short(path), path.removeprefix(_PREFIX).removeprefix("/"), path

    def secrets_in(self, path: str, raw_body: bytes) -> tuple[dict[str, str], bool]:
        """Return the secrets that a call sets, and whether its body may be recorded."""
        match = _SECRET_PATH.fullmatch(path)
        if match is None or not raw_body:
            return {}, True
        key = unquote(match["key"]) if match["key"] else None
        sent = sent_secret(key, raw_body)
        return (sent, True) if sent is not None else ({}, False)

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the named pieces of the path, or raise `RefusedError`."""
        found = [(route, match) for route in self.routes if (match := route.path.fullmatch(path))]
        for route, match in found:
            if route.method == method:
                return route, {name: unquote(each) for name, each in match.groupdict().items()}
        if found:
            allowed = ", ".join(dict.fromkeys(route.method for route, _ in found))
            raise RefusedError(
                405, f"{method} is not for {path}; use {allowed}.", headers=(("allow", allowed),)
            )
        raise RefusedError(501, f"{method} {path} is not part of this console's platform yet.")

    def _noted(
        self, action: str, answer: Callable[[Call], Awaitable[Reply]]
    ) -> Callable[[Call], Awaitable[Reply]]:
        """Return *answer*, which leaves an audit record when it changed a secret."""

        async def noted(call: Call) -> Reply:
            reply = await answer(call)
            key = call.parts.get("key") or (reply.body or {}).get("key", "")
            subject = f"{call.parts['id']}/{key}"
            await self._state.ask(lambda each: audit.note(each, call.caller, action, subject))
            return reply

        return noted


async def _answered(route: Route, call: Call, caller: Caller | None) -> Reply:
    if call.rate is not None and call.rate.exceeded:
        wait = ("retry-after", str(call.rate.reset_in_s))
        body = {"error": "Rate limit exceeded", "retry_after": call.rate.reset_in_s}
        return Reply(429, body, (wait,))
    own = caller.scopes if caller is not None else None
    granted = call.settings.granted_scopes if own is None else own
    refused = scopes.refusal(route.scope, granted, caller)
    if refused is not None:
        return refused
    try:
        return await route.answer(call)
    except RefusedError as refusal:
        return refusal.reply
    except ConsoleError as error:  # the keyring does not answer, or the disk is full
        return _in_trouble(error)


def _forced(failure: ForcedFailure) -> Reply:
    headers: Headers = ()
    body: dict[str, Any] = {"error": f"The platform's settings let {failure.route} fail."}
    if failure.status in _LATER:
        headers = (("retry-after", str(_TROUBLE_S)),)
        body["retry_after"] = _TROUBLE_S
    return Reply(failure.status, None if failure.status in _EMPTY else body, headers)


def _in_trouble(error: ConsoleError) -> Reply:
    return Reply(503, {"error": error.message}, (("retry-after", str(_TROUBLE_S)),))


def _route(
    method: str,
    template: str,
    answer: Callable[[Call], Awaitable[Reply]],
    scope: str = "",
    *,
    is_open: bool = False,
) -> Route:
    """Return a route; of *template*, `?` takes the path without `/api/v1` too, `!` only so."""
    pieces = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template.lstrip("?!")))
    prefix = {"?": f"(?:{_PREFIX})?", "!": ""}.get(template[0], _PREFIX)
    return Route(method, re.compile(prefix + pieces), answer, scope, is_open)


def _telling(method: str, template: str, answer: Callable[[Call], Awaitable[Reply]]) -> Route:
    return replace(_route(method, template, answer, is_open=True), is_telling=True)


# Wider than our routes: a value sent to a path that we refuse is not recorded either.
_SECRET_PATH = re.compile(r".*/secrets(?:/(?P<key>[^/]+))?/?", re.DOTALL)
