"""Descriptors of pipes are closed once, whichever loop runs."""

from __future__ import annotations

import asyncio
import io
import os
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import uvloop

from pywatt_sdk import _pipes
from pywatt_sdk._channels import Lines

if TYPE_CHECKING:
    from collections.abc import Callable


class Watched(io.FileIO):
    """A file that knows whether its descriptor was closed already when it closes that."""

    twice = 0
    numbers: ClassVar[list[int]] = []

    def __init__(self, number: int, mode: str, *, closefd: bool) -> None:
        super().__init__(number, mode, closefd=closefd)
        self.numbers.append(number)

    def close(self) -> None:
        """Look whether the descriptor is open still, then close it."""
        if not self.closed and self.closefd and not is_open(self.fileno()):
            Watched.twice += 1
        super().close()


def is_open(number: int) -> bool:
    """Tell whether a descriptor is."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


async def _open_and_close() -> None:
    closed = asyncio.Event()
    back, there = os.pipe(), os.pipe()
    reader, writer = os.fdopen(back[0], "rb", 0), os.fdopen(there[1], "wb", 0)
    channel = Lines(lambda _: None, on_closed=lambda _: closed.set())
    await _pipes.open_pipes(channel, reader, writer)
    assert reader.closed
    assert writer.closed
    assert all(map(is_open, Watched.numbers))
    channel.close()
    await closed.wait()
    for number in (back[1], there[0]):
        os.close(number)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_pipe_is_closed_once(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywatt_sdk._pipes.io.FileIO", Watched)
    monkeypatch.setattr(Watched, "twice", 0)
    monkeypatch.setattr(Watched, "numbers", [])
    run(_open_and_close())
    assert len(Watched.numbers) == 2
    assert not any(map(is_open, Watched.numbers))
    assert Watched.twice == 0
