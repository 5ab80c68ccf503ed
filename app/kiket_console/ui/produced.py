"""What Traffic does with messages to a producer: sends them again, begins another as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.model import Source
from kiket_console.text import duration, plural, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp


def produced(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return those of some exchanges that are messages to a producer."""
    return [each for each in exchanges if each.source is Source.PRODUCER]


def resend(console: ConsoleApp, exchanges: Sequence[Exchange]) -> None:
    """Send recorded messages again, one after the other, going on after one that fails."""
    left = console.whereabouts

    async def send() -> None:
        taken, newest, trouble, took_us = 0, 0, "", 0
        for exchange in exchanges:
            try:
                result = await console.connected().producer.resend(exchange.id)
            except ConsoleError as error:
                trouble = trouble or str(error)
                continue
            newest, took_us = result.exchange_id or newest, result.took_us
            taken += not result.error
            trouble = trouble or result.error
        if len(exchanges) == 1:
            name = visible(exchanges[0].name) or "The message"
            said = trouble or f"taken in {duration(took_us)}."
            console.say(f"{name} again: {said}", error=bool(trouble))
        else:
            said = f"{taken} of {plural(len(exchanges), 'message')} taken"
            console.say(f"{said}. {trouble}".rstrip(), error=bool(trouble))
        if newest:
            console.show_outcome(newest, left)

    console.run_worker(send(), group="ask")


def edit(console: ConsoleApp, exchange: Exchange) -> None:
    """Go to Producer, and write a message there that begins as a recorded one."""
    from kiket_console.ui.screens.producer import ProducerScreen

    console.go_to("producer")
    place = console.place
    if isinstance(place, ProducerScreen):
        place.begin_as(exchange.id)
