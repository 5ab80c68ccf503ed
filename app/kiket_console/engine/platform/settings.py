"""How a person wants the platform to behave: its limits, what it grants, and what it fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import ForcedFailure, PlatformSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.engine.platform.state import State

MOST_PER_MINUTE: Final = 100_000
MOST_FAILURES: Final = 50
MOST_DELAY_MS: Final = 60_000
MOST_SCOPES: Final = 100
_NAME: Final = "settings"
_SCOPE: Final = re.compile(r"\S{1,128}")
_ROUTE: Final = re.compile(r"(?:(?P<method>[A-Z*]{1,16}) )?(?P<path>[^\s]{1,200})")
_STARS: Final = 8
"""A pattern with many could take for ever to match."""


class Settings:
    """The settings of one project, kept with the platform's state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._now: PlatformSettings | None = None

    async def now(self) -> PlatformSettings:
        """Return the settings."""
        if self._now is None:
            kept = await self._state.ask(lambda documents: documents.setting(_NAME))
            if self._now is None:  # nobody has set them meanwhile
                self._now = _kept(kept)
        return self._now

    async def change(self, changes: Mapping[str, Any]) -> PlatformSettings:
        """Change what *changes* names; raises `ConsoleError` for a value that makes no sense."""
        settings = checked({**msgspec.to_builtins(await self.now()), **changes})
        await self._keep(settings)
        return settings

    async def failure(self, method: str, *paths: str) -> ForcedFailure | None:
        """Return the failure that a call is to have, and count it; *paths* all name its route."""
        settings = await self.now()
        for at, failure in enumerate(settings.failures):
            if any(matches(failure.route, method, path) for path in paths):
                if failure.times:
                    left = replace(failure, times=failure.times - 1)
                    kept = [left] if left.times else []
                    failures = (*settings.failures[:at], *kept, *settings.failures[at + 1 :])
                    await self._keep(replace(settings, failures=failures))
                return failure
        return None

    async def _keep(self, settings: PlatformSettings) -> None:
        before, self._now = self._now, settings  # at once: the next call counts from here
        try:
            await self._state.ask(
                lambda documents: documents.set(_NAME, msgspec.to_builtins(settings))
            )
        except ConsoleError:
            if self._now is settings:
                self._now = before
            raise


def matches(route: str, method: str, path: str) -> bool:
    """Return whether a call is one of *route*, as `wire.ForcedFailure` has it."""
    found = _ROUTE.fullmatch(route)
    if found is None or (found["method"] or "*") not in {"*", method}:
        return False
    pattern = ".*".join(re.escape(piece) for piece in found["path"].split("*"))
    return re.fullmatch(pattern, path, re.DOTALL) is not None


def checked(document: Mapping[str, Any]) -> PlatformSettings:
    """Return the settings that *document* says; raises `ConsoleError`, which says what is wrong."""
    known = PlatformSettings.__struct_fields__
    unknown = next((name for name in document if name not in known), None)
    if unknown is not None:
        raise _wrong(f'There is no setting "{unknown}".', f"Known: {', '.join(known)}.")
    try:
        settings = msgspec.convert(msgspec.to_builtins(document), PlatformSettings)
    except msgspec.ValidationError as error:
        raise _wrong(f"The platform's settings make no sense: {error}.", "") from error
    if not 0 <= settings.rate_limit_per_minute <= MOST_PER_MINUTE:
        raise _wrong(
            f"The rate limit is {settings.rate_limit_per_minute} calls a minute.",
            f"Give one from 0 (no limit) to {MOST_PER_MINUTE}.",
        )
    scopes = settings.granted_scopes
    if len(scopes) > MOST_SCOPES or not all(_SCOPE.fullmatch(each) for each in scopes):
        raise _wrong(
            "The granted scopes make no sense.",
            f"Give at most {MOST_SCOPES}, as custom_data.read; none of them has a blank.",
        )
    if len(settings.failures) > MOST_FAILURES:
        raise _wrong(f"There are more than {MOST_FAILURES} failures.", "Take some of them out.")
    for failure in settings.failures:
        _check(failure)
    return settings


def _check(failure: ForcedFailure) -> None:
    if not _ROUTE.fullmatch(failure.route) or failure.route.count("*") > _STARS:
        raise _wrong(
            f'The route "{failure.route[:80]}" makes no sense.',
            "Write it as `GET custom_data/*`, or `*` for every route.",
        )
    if failure.status and not 200 <= failure.status <= 599:
        raise _wrong(
            f"{failure.status} is no status to fail with.", "Give one of 200 to 599, or 0 for none."
        )
    if not 0 <= failure.delay_ms <= MOST_DELAY_MS:
        raise _wrong(f"{failure.delay_ms} ms is no delay.", f"Give one of 0 to {MOST_DELAY_MS} ms.")
    if not 0 <= failure.times <= MOST_PER_MINUTE:
        raise _wrong(f"{failure.times} is no number of times.", "Give 0 for always.")


def _kept(document: Any) -> PlatformSettings:
    """Return what was kept; of an older or newer program's settings what makes sense today."""
    if not isinstance(document, dict):
        return PlatformSettings()
    known = {n: v for n, v in document.items() if n in PlatformSettings.__struct_fields__}
    try:
        return checked(known)
    except ConsoleError:
        return PlatformSettings()


def _wrong(sentence: str, hint: str) -> ConsoleError:
    return ConsoleError(sentence, hint=hint, exit_code=ExitCode.USAGE)
