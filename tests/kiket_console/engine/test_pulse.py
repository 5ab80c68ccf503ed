"""Rate over ten seconds; quality over five minutes or a thousand deliveries."""

from __future__ import annotations

from kiket_console.engine.pulse import WINDOW_COUNT, Pulse


def test_nothing_yet() -> None:
    assert Pulse().rate_per_s() == 0.0
    assert Pulse().quality() == (None, 0.0)


def test_the_rate_is_of_the_last_ten_seconds() -> None:
    pulse = Pulse()
    for number in range(200):
        pulse.ended(1000, failing=False, at_s=100 + number * 0.1)
    assert pulse.rate_per_s(at_s=119.95) == 10.0
    assert pulse.rate_per_s(at_s=124.95) == 5.0
    assert pulse.rate_per_s(at_s=140.0) == 0.0


def test_quality_is_of_the_last_five_minutes() -> None:
    pulse = Pulse()
    pulse.ended(9_000_000, failing=True, at_s=0)
    for number in range(100):
        pulse.ended((number + 1) * 1000, failing=number < 4, at_s=200)
    assert pulse.quality(at_s=301) == (95_000, 0.04)
    assert pulse.quality(at_s=501) == (None, 0.0)


def test_it_keeps_a_thousand_at_most() -> None:
    """A storm is forgotten from its far end; memory stays as it is."""
    pulse = Pulse()
    for _ in range(WINDOW_COUNT):
        pulse.ended(1, failing=True, at_s=1)
    for _ in range(WINDOW_COUNT):
        pulse.ended(2, failing=False, at_s=1)
    assert pulse.quality(at_s=2) == (2, 0.0)
