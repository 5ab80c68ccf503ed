"""What is found out about a webhook before a worker is tried: whose it is, and who signed it.

names ─► size ─► no loop ─► signature, version, handler ─► what there is to record of it
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kiket_console.engine import judging, routing
from kiket_console.engine.asgi import JSON_TYPE, error_body
from kiket_console.engine.headers import HOP, found_in
from kiket_console.engine.ports import Outcome
from kiket_console.engine.recorder import INLINE_BYTES, Arrival
from kiket_console.model import Source, State
from kiket_console.store.writer import StoreFailedError

if TYPE_CHECKING:
    from kiket_console.engine.ports import Delivery, Judging, Workers
    from kiket_console.engine.token_judging import TokenJudge
    from kiket_console.errors import ConsoleError
    from kiket_console.model import Headers, Worker

RETRY: Headers = (*JSON_TYPE, ("retry-after", "1"))
"""Of answers to what may be taken when it is sent again."""
_RAW_HOP = HOP.encode()


class Reception:
    """Look at deliveries for *workers*; their bodies have *body_bytes* at most.

    Where code has no webhook secret, runtime tokens are judged by *tokens*.
    """

    def __init__(self, workers: Workers, tokens: TokenJudge | None, body_bytes: int) -> None:
        self._workers = workers
        self._tokens = tokens
        self.body_bytes = body_bytes

    def worker(self, name: str | None) -> Worker | str:
        """Return the worker that takes deliveries for *name*, or say why there is none."""
        workers = self._workers.extensions()
        if name is None and len(workers) == 1:
            return workers[0]
        names = ", ".join(worker.name for worker in workers)
        if name is not None:
            found = next((worker for worker in workers if worker.name == name), None)
            return found or f"No extension is called {name!r} here; there is {names or 'none'}."
        if not workers:
            return "No extension is loaded in this project, so nothing takes webhooks."
        return f"Several extensions are here: post to /x/NAME/webhooks/…, NAME one of {names}."

    def is_ordinary(self, delivery: Delivery) -> bool:
        """Tell whether a delivery can be judged and recorded at once, and may be sent on."""
        named = delivery.named
        return (
            named is not None
            and _RAW_HOP not in named
            and len(delivery.raw_body) <= min(INLINE_BYTES, self.body_bytes)
            and not routing.misnamed(delivery.event, delivery.version)
        )

    def refusal(self, delivery: Delivery) -> tuple[int, str, int | None] | None:
        """Say why a delivery is sent to no worker: status, sentence, how much is stored of it."""
        if len(delivery.raw_body) > self.body_bytes:
            limit = f"The body has more than {self.body_bytes // 1024**2} MiB."
            return 413, limit, self.body_bytes
        if found_in(delivery.headers, delivery.named, HOP):
            sentence = (
                "This gateway has forwarded the request itself before: its target leads back here."
            )
            return 508, sentence, None
        return None

    async def arrival(self, delivery: Delivery, worker: Worker) -> Arrival:
        """Judge a delivery, before anybody parses it, and say what there is to record of it."""
        expected = self._workers.judging(worker.name)
        if len(delivery.raw_body) > INLINE_BYTES:
            return await asyncio.to_thread(self.judged, delivery, worker, expected)
        return self.judged(delivery, worker, expected)

    def judged(self, delivery: Delivery, worker: Worker, expected: Judging) -> Arrival:
        """Do what `arrival` does, at once."""
        version = judging.asked_version(delivery)
        judgement = judging.judge(
            delivery, version, expected, worker.handlers, self._tokens, worker.extension_id
        )
        return Arrival(
            Source.WEBHOOK,
            worker.name,
            delivery.event,
            version,
            "POST",
            delivery.path,
            delivery.headers,
            delivery.raw_body,
            signature=delivery.signature_word or judging.word(judgement),
            judgement=judgement,
            replay_of=delivery.replay_of,
            edited=delivery.edited,
            may_repeat=bool(delivery.sender),
            named=delivery.named,
        )


def refused(error: ConsoleError) -> Outcome:
    """Return the outcome of a delivery that was not accepted, because it is not recorded."""
    status = error.status if isinstance(error, StoreFailedError) else 503
    body = error_body(error.message)
    return Outcome(None, State.REJECTED, status, RETRY, body, 0, error.message)


def unknown(sentence: str) -> Outcome:
    """Return the outcome of what nobody here takes."""
    return Outcome(None, State.REJECTED, 404, JSON_TYPE, error_body(sentence), 0, sentence)
