from __future__ import annotations

import pytest

from kiket_console.engine.producer.faults import Faults
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_producer import SinkFault


def test_a_failure_is_met_so_often_and_another_until_it_is_turned_off() -> None:
    faults = Faults()
    faults.set([SinkFault("throttle", times=2), SinkFault("slow", seconds=1)])

    met = [set(faults.take()) for _ in range(3)]

    assert met == [{"throttle", "slow"}, {"throttle", "slow"}, {"slow"}]
    assert faults.now == (SinkFault("slow", seconds=1),)
    faults.set([])
    assert faults.take() == {}


def test_how_late_and_how_far_off_need_not_be_said() -> None:
    faults = Faults()
    faults.set([SinkFault("slow"), SinkFault("skew")])

    assert [each.seconds for each in faults.now] == [2.0, 600.0]


@pytest.mark.parametrize(
    "fault",
    [
        SinkFault("explode"),
        SinkFault("slow", seconds=61),
        SinkFault("slow", seconds=-1),
        SinkFault("skew", seconds=float("nan")),
        SinkFault("throttle", times=-1),
    ],
    ids=str,
)
def test_what_is_no_failure_is_refused_and_changes_nothing(fault: SinkFault) -> None:
    faults = Faults()
    faults.set([SinkFault("error")])

    with pytest.raises(ConsoleError) as refused:
        faults.set([fault])

    assert refused.value.exit_code is ExitCode.USAGE
    assert faults.now == (SinkFault("error"),)
