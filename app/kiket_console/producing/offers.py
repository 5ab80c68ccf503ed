"""What a message is sent with where it does not say so: URL, profile, region, service.

What is no coroutine here blocks on the AWS configuration: call it in a thread.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing import profiles
from kiket_console.producing.destination import (
    URL_VARIABLE,
    Destination,
    destination,
    is_loopback,
)
from kiket_console.wire_producer import LOCAL, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.config import Config
    from kiket_console.producing.agreed import Agreed
    from kiket_console.producing.profiles import Keys
    from kiket_console.wire_producer import ProducerMessage


class Settings(Struct, frozen=True):
    """What the settings say; empty: nothing."""

    url: str = ""
    profile: str = ""
    region: str = ""
    sink_url: str = ""
    """Where the engine's sink is; empty where no engine runs."""
    url_file: str = ""
    """Which of the project's files says `url`; empty: the person does."""
    agreed: Agreed | None = None

    @classmethod
    def of(cls, config: Config, sink_url: str, agreed: Agreed) -> Settings:
        """Return what *config* says."""
        return cls(
            config.producer_url,
            config.producer_profile,
            config.producer_region,
            sink_url,
            config.project_file("producer_url"),
            agreed,
        )

    def is_sink(self, url: str) -> bool:
        """Return whether a URL is of the server that the sink is at, however it is spelled."""
        return bool(self.sink_url) and is_loopback(url) and _port(url) == _port(self.sink_url)


class Offers(Struct, frozen=True):
    """What a person can choose from, and what is chosen where they do not."""

    to: Destination
    profile: str
    profiles: tuple[Profile, ...]
    regions: tuple[str, ...]
    elsewhere: str
    """The profile that signs what goes to another producer than the sink."""
    stranger: str
    """Which of the project's files says where messages go, if nobody has agreed to it."""


class Resolved(Struct, frozen=True):
    """Where a message goes, and what signs it."""

    to: Destination
    profile: str
    keys: Keys | None
    problem: ConsoleError | None = None
    """Why there are no keys."""


def offers(settings: Settings, environ: Mapping[str, str]) -> Offers:
    """Return what there is; raises `ConsoleError` for what cannot be used."""
    known = profiles.profiles(environ)
    url = _url(settings, environ)
    profile = _profile(url, settings, known, environ)
    to = destination(url, settings.region, profile_region=_region(profile, known), environ=environ)
    elsewhere = settings.profile or profiles.default_profile(known, environ)
    return Offers(to, profile, known, profiles.regions(), elsewhere, stranger(settings, environ))


async def resolved(
    asked: ProducerMessage, settings: Settings, environ: Mapping[str, str]
) -> Resolved:
    """Return what *asked* is sent with; raises `ConsoleError` for what cannot be used."""
    to, profile = await asyncio.to_thread(_aimed, asked, settings, environ)
    try:
        return Resolved(to, profile, await profiles.keys_of(profile, environ))
    except ConsoleError as problem:
        return Resolved(to, profile, None, problem)


def _aimed(
    asked: ProducerMessage, settings: Settings, environ: Mapping[str, str]
) -> tuple[Destination, str]:
    """Return where *asked* goes, and the profile that signs it."""
    url = asked.url or _url(settings, environ)
    is_local = asked.profile == LOCAL or (not asked.profile and settings.is_sink(url))
    known = () if is_local else profiles.profiles(environ)
    profile = asked.profile or _profile(url, settings, known, environ)
    to = destination(
        url,
        asked.region or settings.region,
        asked.service,
        profile_region=_region(profile, known),
        environ=environ,
    )
    return to, profile


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def url_of(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return where messages go that do not say it; empty: nothing says it."""
    return environ.get(URL_VARIABLE, "").strip() or settings.url or settings.sink_url


def stranger(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return which of the project's files says where messages go, if nobody has agreed to it.

    What it says is nothing to ask about when it is on this machine.
    """
    url = url_of(settings, environ)
    if environ.get(URL_VARIABLE, "").strip():
        file = "" if os.environ.get(URL_VARIABLE, "").strip() else ".env"
    else:
        file = settings.url_file
    is_asked = bool(url and file) and not is_loopback(url)
    return file if is_asked and not (settings.agreed and settings.agreed.has(url)) else ""


def agree(asked: ProducerMessage, settings: Settings, environ: Mapping[str, str]) -> None:
    """Let a message go only to where the person says, once, when the project's files say it too.

    Raises `ConsoleError` (`AUTH`) for one that names no URL when they alone say one.
    """
    file = stranger(settings, environ)
    if not file:
        return
    url = url_of(settings, environ)
    if asked.url.strip() == url and settings.agreed is not None:
        settings.agreed.add(url)
    if not asked.url:
        raise ConsoleError(
            f"{file} has messages signed with your credentials and sent to {url}, and you have "
            "not agreed to that.",
            hint="If that is where they are to go, say it yourself once: --url, or Producer on "
            "screen.",
            exit_code=ExitCode.AUTH,
        )


def _url(settings: Settings, environ: Mapping[str, str]) -> str:
    url = url_of(settings, environ)
    if not url:
        raise ConsoleError(
            "Nothing says where the message goes, and no engine runs that would take it.",
            hint=f"Give --url, set {URL_VARIABLE}, or start the console for its own sink.",
            exit_code=ExitCode.USAGE,
        )
    return url


def _profile(
    url: str, settings: Settings, known: tuple[Profile, ...], environ: Mapping[str, str]
) -> str:
    if settings.is_sink(url):
        return LOCAL
    return settings.profile or profiles.default_profile(known, environ)


def _region(profile: str, known: tuple[Profile, ...]) -> str:
    return next((each.region for each in known if each.name == profile), "")
