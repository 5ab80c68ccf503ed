"""What belongs together becomes a tree: by what was recorded and said, else by guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kiket_console.model import Attempt, Exchange, LogLine, Source, State
from kiket_console.telemetry.nouns import Span
from kiket_console.tracing import tree
from kiket_console.tracing.kin import Call, Kin

if TYPE_CHECKING:
    from kiket_console.tracing.tree import Bar, Timeline

NOW_US = 10_000_000
WEBHOOK = Exchange(
    id=1, change=1, source=Source.WEBHOOK, worker="marketing", name="issue.created", version="v1",
    method="POST", path="/webhooks/issue.created", started_us=0, state=State.FORWARDED, status=200,
    duration_us=20_000, request_bytes=2, signature="", trace_id="a" * 32, parent_id=None,
    parent_guessed=False, replay_of=None, attempts=1, pinned=False,
)  # fmt: skip


def call(
    number: int,
    started_us: int,
    took_us: int | None,
    *,
    parent: int | None = 1,
    source: Source = Source.API,
    span_id: str = "",
    caller: str = "",
    tried_us: int = 0,
    guessed: bool = False,
    state: State = State.FORWARDED,
    status: int | None = 200,
) -> Call:
    exchange = replace(
        WEBHOOK, id=number, source=source, started_us=started_us, duration_us=took_us,
        parent_id=parent, parent_guessed=guessed, state=state, status=status,
    )  # fmt: skip
    return Call(exchange, span_id, caller, tried_us)


ROOT = Call(WEBHOOK, "b" * 16, "", 0)


def span(
    number: int,
    started_us: int,
    took_us: int,
    *,
    kind: str = "internal",
    of: int | None = 1,
    ids: tuple[str, str] = ("", ""),
    guessed: bool = False,
    status: str = "",
) -> Span:
    return Span(
        number, "a" * 32, *ids, of, "marketing", kind, f"work {number}", started_us, took_us,
        status, "", (), guessed,
    )  # fmt: skip


def line(number: int, at_us: int, level: str = "INFO", of: int = 1) -> LogLine:
    return LogLine(number, at_us, "marketing", "log", level, "app", "said", "a" * 32, of)


def grown(
    *calls: Call,
    spans: tuple[Span, ...] = (),
    logs: tuple[LogLine, ...] = (),
    attempts: tuple[Attempt, ...] = (),
    asked: int = 1,
    root: int = 1,
) -> Timeline:
    return tree.timeline(Kin(asked, root, calls, attempts, spans, logs), NOW_US)


def drawn(shown: Timeline) -> list[str]:
    """Return each bar as its depth in blanks, what it is, and why it is a guess."""
    return [f"{' ' * bar.depth}{bar.target} {bar.guess}".rstrip() for bar in shown.bars]


def of(shown: Timeline, target: str) -> Bar:
    return next(bar for bar in shown.bars if bar.target == target)


class TestWhatIsAPartOfWhat:
    def test_causes_stand_above_what_they_caused_in_the_order_of_time(self) -> None:
        shown = grown(
            ROOT, call(2, 9_000, 500), call(3, 1_000, 4_000), call(4, 2_000, 90, parent=3),
            logs=(line(7, 5_000),), asked=4,
        )  # fmt: skip
        assert drawn(shown) == [
            "exchange:1",
            " exchange:3",
            "  exchange:4",
            " log:7:1",
            " exchange:2",
        ]
        assert shown.asked == 2

    def test_what_happened_in_a_handler_stands_below_it(self) -> None:
        shown = grown(
            ROOT, call(2, 3_000, 500), call(3, 19_500, 100),
            spans=(span(5, 2_000, 10_000, kind="handler"),), logs=(line(7, 4_000),),
        )  # fmt: skip
        assert drawn(shown) == [
            "exchange:1",
            " span:5",
            "  exchange:2",
            "  log:7:1",
            " exchange:3",
        ]

    def test_spans_stand_below_the_span_that_they_name_and_calls_below_the_one_that_made_them(
        self,
    ) -> None:
        shown = grown(
            ROOT, call(2, 3_000, 500, caller="2" * 16),
            spans=(
                span(5, 1_000, 9_000, ids=("1" * 16, "b" * 16), kind="server"),
                span(6, 2_000, 2_000, ids=("2" * 16, "1" * 16), of=None, kind="client"),
            ),
        )  # fmt: skip
        assert drawn(shown) == ["exchange:1", " span:5", "  span:6", "   exchange:2"]

    def test_a_call_within_a_span_that_it_does_not_name_is_a_guess(self) -> None:
        works = (span(5, 1_000, 9_000, kind="client"), span(6, 2_000, 2_000))
        shown = grown(ROOT, call(2, 2_500, 500), call(3, 3_500, 900), call(4, 30, 7), spans=works)
        assert drawn(shown) == [
            "exchange:1",
            " exchange:4",
            " span:5",
            "  exchange:3 in this span, by time",
            " span:6",
            "  exchange:2 in this span, by time",
        ]

    def test_what_is_said_by_the_trace_alone_is_no_guess(self) -> None:
        shown = grown(ROOT, call(2, 3_000, 500, parent=None, caller="b" * 16))
        assert drawn(shown) == ["exchange:1", " exchange:2"]

    def test_guesses_say_why(self) -> None:
        shown = grown(
            ROOT, call(2, 3_000, 500, guessed=True), call(3, 4_000, 500, parent=None),
            call(4, 900_000, 500, parent=None, source=Source.WEBHOOK),
            spans=(span(5, 5_000, 10, guessed=True), span(6, 6_000, 10, of=None)),
        )  # fmt: skip
        assert drawn(shown) == [
            "exchange:1",
            " exchange:2 by worker and time",
            " exchange:3 same trace, by time",
            " span:5 by worker and time",
            " span:6 same trace, by time",
            "exchange:4 same trace",
        ]

    @pytest.mark.parametrize(("asked", "within_us"), [(1, 3_100), (2, 3_000)])
    def test_a_delivery_of_the_same_trace_stands_below_the_other_whichever_is_asked_for(
        self, asked: int, within_us: int
    ) -> None:
        child = call(2, 3_000, 500, parent=None, source=Source.WEBHOOK)
        within = call(3, within_us, 400, parent=2, source=Source.IPC)
        assert drawn(grown(ROOT, child, within, asked=asked, root=asked)) == [
            "exchange:1",
            " exchange:2 same trace, by time",
            "  exchange:3",
        ]

    def test_tries_hold_what_was_caused_by_each(self) -> None:
        tries = tuple(
            Attempt(1, number, f"marketing#{number}", at_us, state, None, 1_000, error, None)
            for number, at_us, state, error in (
                (1, 100, State.FAILED, "It ended."), (2, 5_000, State.FORWARDED, ""),
            )
        )  # fmt: skip
        shown = grown(ROOT, call(2, 600, 10), call(3, 5_500, 10), attempts=tries)
        assert drawn(shown) == [
            "exchange:1",
            " attempt:1:1",
            "  exchange:2",
            " attempt:1:2",
            "  exchange:3",
        ]
        assert of(shown, "attempt:1:1").failing

    def test_what_is_said_to_be_a_part_of_itself_is_shown_once(self) -> None:
        shown = grown(
            ROOT, call(2, 10, 10, parent=3), call(3, 20, 10, parent=2),
            spans=(
                span(5, 30, 5, ids=("1" * 16, "2" * 16), of=None),
                span(6, 40, 5, ids=("2" * 16, "1" * 16), of=None),
                span(7, 50, 5, ids=("3" * 16, "3" * 16)),
            ),
            asked=3,
        )  # fmt: skip
        assert sorted(bar.target for bar in shown.bars) == [
            "exchange:1", "exchange:2", "exchange:3", "span:5", "span:6", "span:7",
        ]  # fmt: skip


class TestTime:
    def test_a_bar_waits_until_its_last_attempt_and_then_works(self) -> None:
        shown = grown(Call(WEBHOOK, "", "", 5_000))
        assert (shown.bars[0].waited_us, shown.bars[0].duration_us) == (5_000, 20_000)
        assert shown.lasts_us == 25_000

    def test_what_is_pending_lasts_until_now(self) -> None:
        shown = grown(ROOT, call(2, 1_000, None, state=State.RECEIVED, status=None))
        assert shown.pending
        assert of(shown, "exchange:2").duration_us == NOW_US - 1_000

    @pytest.mark.parametrize(
        ("ends_us", "lasts_us"),
        [
            ([21_000, 60_000, 79_000], 79_000),
            ([21_000, 60_000, 70_000, 75_000, 76_000, 9_000_000], 76_000),
            ([9_000_000, 9_100_000, 9_200_000], 9_200_000),
        ],
        ids=["a little longer", "one for very long", "most for very long"],
    )
    def test_the_scale_ends_with_most_of_the_bars(self, ends_us: list[int], lasts_us: int) -> None:
        calls = [call(number, 1_000, end - 1_000) for number, end in enumerate(ends_us, start=2)]
        assert grown(ROOT, *calls).lasts_us == lasts_us

    def test_a_clock_that_jumped_never_gives_negative_times(self) -> None:
        back = call(2, -3_600_000_000, 500)
        shown = grown(Call(WEBHOOK, "", "", -9), back, call(3, 5, -7), spans=(span(5, -5, -5),))
        assert all((bar.duration_us or 0) >= 0 and bar.waited_us >= 0 for bar in shown.bars)
        assert shown.begin_us == 0
        assert shown.lasts_us == 20_000

    @settings(max_examples=25)
    @given(st.data())
    def test_whatever_is_recorded_each_thing_is_one_bar_below_its_cause(
        self, data: st.DataObject
    ) -> None:
        times = st.integers(-(10**9), 10**9)
        count = data.draw(st.integers(1, 12))
        ids = st.integers(1, count)
        calls = [
            call(
                number, data.draw(times), data.draw(st.none() | st.integers(0, 10**9)),
                parent=data.draw(st.none() | ids), span_id=data.draw(st.sampled_from("abc")) * 16,
                caller=data.draw(st.sampled_from("abcd")) * 16,
                source=data.draw(st.sampled_from(list(Source))), tried_us=data.draw(times),
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        spans = tuple(
            span(
                number, data.draw(times), data.draw(st.integers(0, 10**9)),
                kind=data.draw(st.sampled_from(["handler", "client"])),
                of=data.draw(st.none() | ids),
                ids=(
                    data.draw(st.sampled_from("abcd")) * 16,
                    data.draw(st.sampled_from("abcd")) * 16,
                ),
            )
            for number in range(data.draw(st.integers(0, 8)))
        )  # fmt: skip
        shown = grown(*calls, spans=spans)
        assert {bar.target for bar in shown.bars} == {
            *(f"exchange:{each.exchange.id}" for each in calls), *(f"span:{s.id}" for s in spans),
        }  # fmt: skip
        assert len(shown.bars) == len(calls) + len(spans)
        for row, bar in enumerate(shown.bars):
            assert bar.row == row < bar.after
            assert bar.parent < row
            assert bar.depth == (shown.bars[bar.parent].depth + 1 if bar.parent >= 0 else 0)
        assert sum(bar.own_us for bar in shown.bars) <= shown.whole_us


class TestWhereTheTimeWent:
    @pytest.mark.parametrize(
        ("calls", "longest", "own_us"),
        [
            ([(1_000, 4_000), (6_000, 9_000)], "exchange:3", 9_000),
            ([(1_000, 2_000)], "exchange:1", 18_000),
            ([(1_000, 17_000), (1_000, 18_000)], "exchange:3", 18_000),
            ([(1_000, 900_000)], "exchange:1", 20_000),
        ],
        ids=["the longer of two calls", "its own code", "of two at once the later", "not awaited"],
    )
    def test_the_longest_is_what_the_end_waited_for(
        self, calls: list[tuple[int, int]], longest: str, own_us: int
    ) -> None:
        made = [call(number, at_us, took) for number, (at_us, took) in enumerate(calls, start=2)]
        shown = grown(ROOT, *made)
        assert shown.bars[shown.longest].target == longest
        assert shown.bars[shown.longest].own_us == own_us
        assert shown.whole_us == 20_000

    def test_what_went_on_beside_was_not_waited_for(self) -> None:
        shown = grown(ROOT, call(2, 1_000, 10_000), call(3, 1_000, 18_000))
        assert [bar.critical for bar in shown.bars] == [True, True, False]
        assert of(shown, "exchange:2").own_us == 0

    def test_alone_there_is_nothing_to_choose_from(self) -> None:
        assert grown(ROOT).longest == -1


def test_ten_thousand_are_a_tree_however_deep_and_wide() -> None:
    calls = [
        call(number, number * 10, 5, parent=number - 1 if number < 5_000 else number // 7 + 1)
        for number in range(2, 10_001)
    ]
    shown = grown(ROOT, *calls)
    assert len(shown.bars) == 10_000
    assert max(bar.depth for bar in shown.bars) == 4_998
