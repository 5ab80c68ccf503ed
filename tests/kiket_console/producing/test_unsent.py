from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.producing import unsent
from kiket_console.wire_producer import ProducerMessage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [
        '{"security_level": "sensitive", "payload": {}}',
        '{"security_level": "sensitiv\\u0065", "payload": {}}',
        '{"security_lev\\u0065l":"sensitive"}',
        '{"security_level": "sensitive", "security_level": "normal"}',
        '{"security_level": "sensitive", and no JSON',
        '{"security_level": "sensitiv\\u0065", and no JSON',
    ],
)
def test_what_says_that_it_is_sensitive_is_never_written(own_places: Path, text: str) -> None:
    with pytest.raises(ConsoleError, match="not written to disk"):
        unsent.keep(own_places / "unsent", ProducerMessage(text))

    assert not (own_places / "unsent").exists()


def test_another_message_waits_for_this_user_alone(own_places: Path) -> None:
    file = unsent.keep(own_places / "unsent", ProducerMessage('{"payload": {"a": "\\u00e9"}}'))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.message.message for each in unsent.kept(file.parent)] == [
        '{"payload": {"a": "\\u00e9"}}'
    ]
