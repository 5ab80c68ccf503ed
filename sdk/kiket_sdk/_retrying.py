"""When a call is made again, and how long to wait before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

T = TypeVar("T")

LONGEST_PAUSE_S: Final = 30.0
"""Who asks for a longer pause is not asked again."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110 §9.2.2


def may_repeat(method: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> bool:
    """Tell whether sending a request twice does what sending it once does, and can be done."""
    if not isinstance(options.get("content"), str | bytes | None) or options.get("files"):
        return False  # a stream is gone when it was read
    if method.upper() in _IDEMPOTENT:
        return True
    return any(name.lower() == "idempotency-key" for name in headers)


async def trying(
    call: Callable[[], Awaitable[T]],
    *,
    tries: int,
    again: Callable[[Exception], bool | float],
    longest_s: float = LONGEST_PAUSE_S,
) -> T:
    """Return what `call` returns, called up to `tries` times with growing pauses between.

    `again` says of an exception whether to call again, or after how many seconds; past
    `longest_s` seconds in all the last exception is raised.
    """
    import stamina

    attempts = stamina.retry_context(
        on=again, attempts=tries, timeout=longest_s, wait_initial=0.2, wait_max=5.0, wait_jitter=0.2
    )
    async for attempt in attempts:
        with attempt:
            return await call()
    raise AssertionError("unreachable: the last attempt returns or raises")
