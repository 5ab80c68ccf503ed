"""When a line may be written to a module, and how often it is."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.kiket_console.engine.orchestrator.playing import until

from kiket_console.engine.orchestrator import stdio
from kiket_console.engine.orchestrator.stdio import Stdin


class Written:
    """Takes lines as a pipe that is read at once."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.can_send = True
        self.backlog_bytes = 0

    def send(self, raw: bytes) -> None:
        """Keep a line."""
        if not self.can_send:
            raise ConnectionError("closed")
        self.lines.append(raw)

    def close_sending(self) -> None:
        """Take no more."""
        self.can_send = False


@pytest.fixture
async def pipe() -> Written:
    return Written()


@pytest.fixture
async def stdin(pipe: Written) -> Stdin:
    return Stdin(pipe, every_s=0.002)  # type: ignore[arg-type]  # as much of it as is used


async def test_lines_wait_until_the_module_has_announced_then_go_in_order(
    stdin: Stdin, pipe: Written
) -> None:
    stdin.send(b"1")
    stdin.send(b"2")
    assert pipe.lines == []
    stdin.open()
    stdin.send(b"3")
    assert pipe.lines == [b"1", b"2", b"3"]


async def test_a_question_lets_lines_wait_until_its_answer_was_heard(
    stdin: Stdin, pipe: Written
) -> None:
    stdin.open()
    stdin.heard(asks=True, is_settled=True)
    stdin.send(b"later")
    stdin.send_secret(b"secret", 60.0, opens=True)
    await until(lambda: pipe.lines.count(b"secret") > 2)
    stdin.heard(asks=False, is_settled=True)
    assert pipe.lines[-1] == b"later"
    count = len(pipe.lines)
    await asyncio.sleep(0.02)
    assert len(pipe.lines) == count


async def test_a_running_module_that_says_nothing_more_holds_lines_up_for_so_long(
    stdin: Stdin, pipe: Written
) -> None:
    stdin.open()
    stdin.heard(asks=True, is_settled=True)
    stdin.send_secret(b"secret", 0.05, opens=True)
    stdin.send(b"later")
    await until(lambda: b"later" in pipe.lines)
    assert pipe.lines.count(b"secret") < 15


async def test_what_the_engine_itself_stands_still_takes_no_try_away(
    stdin: Stdin, pipe: Written
) -> None:
    stdin.send_secret(b"secret", 0.02, opens=False)
    time.sleep(0.03)  # noqa: ASYNC251  # all of its loop does
    await until(lambda: pipe.lines.count(b"secret") > 3)


async def test_nothing_is_repeated_into_a_pipe_that_is_not_read(
    stdin: Stdin, pipe: Written
) -> None:
    stdin.send_secret(b"secret", 60.0, opens=False)
    pipe.backlog_bytes = 1
    await asyncio.sleep(0.02)
    assert pipe.lines == [b"secret"]
    pipe.backlog_bytes = 0
    await until(lambda: len(pipe.lines) > 1)
    stdin.close()


async def test_one_reader_is_told_once(stdin: Stdin, pipe: Written) -> None:
    stdin.send(b"waits")
    stdin.trust()
    stdin.heard(asks=True, is_settled=False)
    stdin.send_secret(b"secret", 60.0, opens=True)
    stdin.send(b"at once")
    await asyncio.sleep(0.02)
    assert pipe.lines == [b"waits", b"secret", b"at once"]


async def test_what_waits_is_bounded_and_dropped_at_the_end(
    stdin: Stdin, pipe: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "WAITING_BYTES", 5)
    stdin.send(b"12345")
    with pytest.raises(ConnectionError, match="waits for the module"):
        stdin.send(b"6")
    stdin.close()
    stdin.open()
    assert pipe.lines == []
    stdin.heard(asks=True, is_settled=False)
    with pytest.raises(ConnectionError, match="closed"):
        stdin.send(b"7")
