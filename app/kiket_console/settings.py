"""Every setting that there is: what it means, what it takes, and how a text becomes its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT_PREFIX: Final = "KIKET_CONSOLE_"
DURABILITIES: Final = ("full", "process")
RETRIES: Final = ("never", "unattended", "always")
"""Which deliveries are tried again: none, those that no person sent, or all."""
MOST_BODY_MIB: Final = 25
"""Several of these at once must fit the memory that waits for the disk."""


class Setting(Struct, frozen=True):
    """What can be said of one setting."""

    name: str
    meaning: str
    wanted: str
    """What it takes."""
    check: Callable[[object], Any]
    """Return the value as it is used, or None when it makes no sense."""
    parse: Callable[[str], object] = str
    """Return a text as the kind of value that it takes; raises ValueError."""

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.name.upper()


def _whole(least: int, most: int) -> Callable[[object], int | None]:
    """Return the check of a whole number."""

    def check(value: object) -> int | None:
        is_good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return value if is_good and isinstance(value, int) else None

    return check


def _seconds(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    good = is_number and isinstance(value, int | float) and 0 < value <= 3600
    return float(value) if good and isinstance(value, int | float) else None


def _speed(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    good = is_number and isinstance(value, int | float) and 1 <= value <= 100_000
    return float(value) if good and isinstance(value, int | float) else None


def _hosts(value: object) -> tuple[str, ...] | None:
    names = list(value) if isinstance(value, list | tuple) else None
    good = names is not None and all(
        isinstance(each, str) and each and not set(each) & set("/:@ *") for each in names
    )
    return tuple(names) if good and names is not None else None


def _short_text(value: object) -> str | None:
    good = isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()
    return value if good and isinstance(value, str) else None


def _web_address(value: object) -> str | None:
    good = isinstance(value, str) and value.startswith(("https://", "http://"))
    return value if good and isinstance(value, str) and value.isprintable() else None


def _yes_or_no(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    found = words.get(text.strip().lower())
    if found is None:
        raise ValueError(text)
    return found


def _split(text: str) -> list[str]:
    return [host.strip() for host in text.split(",") if host.strip()]


SETTINGS: Final = (
    Setting(
        "port",
        "the gateway's port, exactly; without it 8700 or the next free one",
        "a port from 1 to 65535",
        _whole(1, 65535),
        int,
    ),
    Setting(
        "allow_hosts",
        "host names besides loopback under which webhooks are taken, as a tunnel sends them",
        'a list of host names without port, as ["demo.example.com"]',
        _hosts,
        _split,
    ),
    Setting(
        "durability",
        "when an answer is given: full, once the exchange is on disk; process, once it would "
        "survive the end of the engine, but not a power cut",
        " or ".join(DURABILITIES),
        lambda value: value if value in DURABILITIES else None,
    ),
    Setting(
        "theme",
        "the colours of the console",
        "the name of a theme",
        lambda value: value if isinstance(value, str) and value else None,
    ),
    Setting(
        "held_s",
        "how long a delivery waits for a worker that is being started",
        "seconds, above 0 and at most 3600",
        _seconds,
        float,
    ),
    Setting(
        "forward_timeout_s",
        "how long a worker may take to answer",
        "seconds, above 0 and at most 3600",
        _seconds,
        float,
    ),
    Setting(
        "body_mib",
        "how large the body of a delivery or of an answer may be",
        f"whole MiB from 1 to {MOST_BODY_MIB}",
        _whole(1, MOST_BODY_MIB),
        int,
    ),
    Setting(
        "retention_days",
        "how long exchanges are kept that nobody pinned",
        "whole days up to 3650, 0 to keep for ever",
        _whole(0, 3650),
        int,
    ),
    Setting(
        "retention_mb",
        "how large the store may grow before the oldest are let go that nobody pinned",
        "whole MB up to 1000000, 0 for no limit",
        _whole(0, 1_000_000),
        int,
    ),
    Setting(
        "heartbeats",
        "whether the heartbeats of modules are recorded as their other messages are",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
    Setting(
        "retry",
        "which deliveries are tried again when they fail: never, none; unattended, those that no "
        "person sent; always, all",
        f"{', '.join(RETRIES[:-1])} or {RETRIES[-1]}",
        lambda value: value if value in RETRIES else None,
    ),
    Setting(
        "retry_speed",
        "how many times faster than the platform's schedule they are tried again (30 s, 1 m, 5 m, "
        "30 m, 2 h, 8 h)",
        "a number from 1 to 100000",
        _speed,
        float,
    ),
    Setting(
        "session_secrets",
        "whether secrets are kept in memory alone, until the engine ends",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
    Setting(
        "producer_url",
        "where messages to a producer go; without it, to the engine's own sink",
        "the URL of a function: https, or of this machine",
        _web_address,
    ),
    Setting(
        "producer_profile",
        "the AWS profile that signs messages to a producer",
        "the name of a profile",
        _short_text,
    ),
    Setting(
        "producer_region",
        "the region that messages to a producer are signed for, and the only one that the sink "
        "takes",
        "the name of a region, as ap-southeast-2",
        _short_text,
    ),
    Setting(
        "telemetry",
        "whether it is measured how often things happen, how fast, and by which code",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
    Setting(
        "scrape",
        "whether what modules tell at their /metrics is read every 15 s",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
    Setting(
        "locals",
        "whether exceptions of extensions are kept with the local variables of each frame",
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        _yes_or_no,
    ),
)
"""Every setting, as fields of `config.Config`."""
NAMES: Final = tuple(each.name for each in SETTINGS)
BY_NAME: Final = {each.name: each for each in SETTINGS}
