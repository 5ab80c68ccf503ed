"""What an extension tells of itself, and what it can learn of how it is installed.

What is logged or measured is nowhere else: the exchange is the record. What telemetry tells of a
handler is kept as a span of the delivery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine.platform.calls import Call, RefusedError, Reply, invalid, text_field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.platform.tokens import RuntimeTokens
    from kiket_console.engine.ports import Workers
    from kiket_console.engine.telemetry.handlers import Handlers


class Installation:
    """Answer for the extensions of this project; `address` and `handlers` are as `Api` has them."""

    def __init__(
        self,
        workers: Workers,
        tokens: RuntimeTokens,
        address: Callable[[str, str], str],
        handlers: Handlers,
    ) -> None:
        self._workers = workers
        self._handlers = handlers
        self._tokens = tokens
        self._address = address

    async def jwks(self, call: Call) -> Reply:
        """Answer with the key that runtime tokens are verified with."""
        del call
        return Reply(200, self._tokens.jwks(), (("cache-control", "max-age=300"),))

    async def log(self, call: Call) -> Reply:
        """Take a line of the activity log."""
        text_field(call.fields(), "message")
        return Reply(204)

    async def metric(self, call: Call) -> Reply:
        """Take a measurement."""
        fields = call.fields()
        text_field(fields, "name")
        value = fields.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError(422, "value must be a number.", errors=("value must be a number",))
        return Reply(204)

    async def telemetry(self, call: Call) -> Reply:
        """Take how a handler ended; at once, for some releases have the sender wait for it."""
        return Reply(204, is_kept=self._handlers.told(call.fields(), call.caller, call.parent))

    async def event(self, call: Call) -> Reply:
        """Take an event, which is what other SDKs call a line of the log."""
        text_field(call.fields(), "event")
        return Reply(201, {"ok": True})

    async def about(self, call: Call) -> Reply:
        """Answer with what is known of an extension."""
        asked = call.parts["id"]
        extensions = self._workers.extensions()
        worker = next((w for w in extensions if asked in {w.extension_id, w.name}), None)
        body = {"id": call.parts["id"], "name": worker.name if worker else None}
        body["version"] = worker.extension_version or None if worker else None
        events = [f"{each.event}@{each.version}" for each in worker.handlers] if worker else []
        return Reply(200, {**body, "status": "installed", "events": events})

    async def rate_limit(self, call: Call) -> Reply:
        """Answer with what is left of the rate limit, this call counted."""
        assert call.rate is not None  # noqa: S101 - the route is for callers alone
        return Reply(200, call.rate.body())

    async def webhook_url(self, call: Call) -> Reply:
        """Answer with where others post an action for the calling extension."""
        action = call.query.get("action_name", "").strip()
        if not action:
            raise invalid("There is no address", {"action_name": ["can't be blank"]})
        names = [call.caller] if call.caller else [each.name for each in self._workers.extensions()]
        if len(names) != 1:
            raise RefusedError(
                422, "Several extensions share the token, so it is not said whose address it is."
            )
        return Reply(200, {"webhook_url": self._address(names[0], action)})

    def for_extension(
        self, answer: Callable[[Call], Awaitable[Reply]]
    ) -> Callable[[Call], Awaitable[Reply]]:
        """Return *answer* for the calling extension's own id only.

        A program that tells the engine no id may have any that is nobody else's.
        """

        async def checked(call: Call) -> Reply:
            by_id: dict[str, set[str]] = {}  # one extension may run several times, as for two eras
            for each in self._workers.extensions():
                by_id.setdefault(each.extension_id, set()).add(each.name)
            without_id = by_id.pop("", set())
            asked = call.parts["id"]
            if by_id and asked not in by_id and call.caller not in without_id:
                raise RefusedError(
                    404,
                    f"No extension {asked[:128]!r} is installed here; "
                    f"this project's is {', '.join(sorted(by_id))}.",
                )
            if call.caller and call.caller not in by_id.get(asked, {call.caller}):
                raise RefusedError(
                    403,
                    f"The token is that of {call.caller!r}; it opens nothing of {asked[:128]!r}.",
                )
            return await answer(call)

        return checked
