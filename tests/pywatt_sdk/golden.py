"""The golden rows: messages as the types of the Rust SDK print them (wire specification §2.6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).parents[1] / "vectors" / "pywatt-golden.jsonl"


class Row(NamedTuple):
    """One row of the golden file, and its number in it."""

    number: int
    direction: str
    op: str
    wire: bytes
    hex: str

    @property
    def value(self) -> Any:
        """Give what the wire text means."""
        return json.loads(self.wire)

    def __str__(self) -> str:
        return f"{self.number}-{self.op}"


def rows(*directions: str) -> list[Row]:
    """Give the rows of some directions; all of them if none is named."""
    found = []
    for number, line in enumerate(PATH.read_text("utf-8").splitlines(), start=1):
        row = json.loads(line)
        if not directions or row["direction"] in directions:
            wire = row["wire"].encode()
            found.append(Row(number, row["direction"], row["op"], wire, row.get("hex", "")))
    return found
