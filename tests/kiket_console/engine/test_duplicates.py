"""A delivery that its sender repeats is known again, also by the engine that starts next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine import duplicates
from kiket_console.engine.duplicates import KEPT, WHILE_US, Duplicates, identity
from kiket_console.engine.recorder import Arrival, Recorder
from kiket_console.model import Source

if TYPE_CHECKING:
    from kiket_console.model import Headers
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

ID: Headers = (("X-Kiket-Delivery", "dlv_1"),)


def arrival(headers: Headers = (), raw_body: bytes = b"{}", **fields: bool | int) -> Arrival:
    said = Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/x", headers, raw_body
    return Arrival(*said, **({"may_repeat": True} | fields))  # type: ignore[arg-type]


async def test_what_comes_again_is_a_duplicate_of_what_came_first(
    recorder: Recorder, writer: Writer, reader: Reader, redactor: Redactor
) -> None:
    """By its id, else by event, version and body; what the engine itself sends is none."""
    for each in (
        arrival(ID, b"1"),
        arrival(ID, b"2"),  # the id says that it is the same
        arrival((("webhook-id", "msg_1"),), b"1"),
        arrival((), b"1"),
        arrival((), b"1"),
        arrival((), b"2"),
        arrival(ID, b"1", may_repeat=False, replay_of=1),
    ):
        recorded = await recorder.receive(each)
    await recorder.durable(recorded)

    assert [each.duplicate_of for each in reader.page(range(1, 8))] == [
        None, 1, None, None, 4, None, None,
    ]  # fmt: skip
    await recorder.durable(await recorder.receive(arrival(ID, b"3")))  # 8, and the next engine's:
    anew = Recorder(writer, redactor, lambda _: None, recorder._value_of)
    await anew.recall(reader)
    await anew.receive(arrival((), b"2"))
    await anew.durable(await anew.receive(arrival(ID, b"4")))
    assert [each.duplicate_of for each in reader.page([8, 9, 10])] == [1, 6, 1]


def test_a_body_is_the_same_for_a_while_and_an_id_for_long() -> None:
    came = Duplicates()
    by_id = identity("marketing", "issue.created", "v1", ID, b"sha")
    by_body = identity("marketing", "issue.created", "v1", (), b"sha")
    assert by_id is not None
    assert by_body is not None
    came.remember(by_id, 1, 0)
    came.remember(by_body, 2, 0)

    assert (came.first(by_id, WHILE_US + 1), came.first(by_body, WHILE_US)) == (1, 2)
    assert came.first(by_body, WHILE_US + 1) is None
    assert identity("marketing", "issue.created", "v1", (), b"") is None  # stored in part
    longest = (("X-Kiket-Delivery", "x" * (duplicates.LONGEST_ID + 1)),)
    assert identity("marketing", "issue.created", "v1", longest, b"sha") == by_body


def test_no_more_deliveries_are_remembered_than_fit() -> None:
    came = Duplicates()
    for number in range(KEPT + 1):
        came.remember(("marketing", str(number)), number + 1, 0)

    assert came.first(("marketing", "0"), 0) is None
    assert came.first(("marketing", "1"), 0) == 2
