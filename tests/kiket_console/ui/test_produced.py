"""Messages to a producer among the traffic: sent again, and taken as the beginning of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from tests.snap import producer, scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.ui.screens.producer import ProducerScreen
from kiket_console.wire_producer import ProducerMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp


async def test_in_traffic_a_message_is_sent_again_and_begins_another(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    producer.tell_of_messages(story := scene.Story())
    newest = story.next_id() - 1
    text = '{"event_type": "begun.from.traffic", "payload": {}}'
    engine.producer.messages[newest] = ProducerMessage(text, like=newest)
    engine.producer.answers = [replace(producer.TAKEN, exchange_id=newest)]
    app = console(story)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "payment.processed" in screen_text(app))
        await pilot.press("r")
        await until(pilot, lambda: engine.producer.resent == [newest])
        await until(pilot, lambda: "payment.processed again: taken in" in screen_text(app))

        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.place, ProducerScreen))
        await until(pilot, lambda: "begun.from.traffic" in screen_text(app))
