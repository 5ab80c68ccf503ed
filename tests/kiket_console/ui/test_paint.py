"""Nouns become lines: nothing is lost, nothing acts, everything fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.snap import scene

from kiket_console.model import (
    Detail,
    Exchange,
    Judgement,
    LogLine,
    Problem,
    Source,
    State,
    Worker,
    WorkerState,
)
from kiket_console.text import cell_width, visible
from kiket_console.ui.paint import line, logs, processes, signature, traffic, workers
from kiket_console.ui.paint.syntax import coloured, traceback_line, traceback_lines

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource

EXCHANGE = Exchange(
    id=1204, change=9, source=Source.WEBHOOK, worker="marketing", name="issue.updated",
    version="v2", method="POST", path="/v/v2/webhooks/issue.updated", started_us=scene.BEGIN_US,
    state=State.FORWARDED, status=200, duration_us=2_900, request_bytes=1_204,
    signature="ok k0", trace_id="", parent_id=None, parent_guessed=False, replay_of=None,
    attempts=1, pinned=False,
)  # fmt: skip
MESSAGE = replace(
    EXCHANGE, source=Source.IPC, worker="billing", name="http_request", version="",
    path="/invoices", signature="", kind="req", direction="in", channel="stdio",
)  # fmt: skip


def text_of(pieces: Line) -> str:
    return "".join(text for text, _ in pieces)


def lines_of(source: LineSource) -> list[str]:
    return [text_of(source.line(index)) for index in range(source.count)]


class TestSyntax:
    def test_json_is_coloured_and_kept(self) -> None:
        pieces = coloured('  "id": 42, "ok": true', "json")
        assert text_of(pieces) == '  "id": 42, "ok": true'
        roles = dict(pieces)
        assert (roles['"id"'], roles["42"], roles["true"]) == ("name", "number", "word")

    @pytest.mark.parametrize("text", scene.TRACEBACK.splitlines())
    def test_a_traceback_is_coloured_and_kept(self, text: str) -> None:
        assert text_of(traceback_line(text)) == text

    def test_a_long_path_gives_way_to_the_line_and_the_function(self) -> None:
        written = '  File "/home/mere/work/extensions/marketing/crm.py", line 1217, in choose'
        shown = [text_of(each) for each in traceback_lines(written, 54)]
        assert shown == ['  File "…/marketing/crm.py", line 1217, in choose']

    def test_what_an_exception_says_is_wrapped(self) -> None:
        shown = traceback_lines("KeyError: " + "word " * 20, 40)
        assert " ".join(text_of(each) for each in shown).split() == ["KeyError:", *["word"] * 20]
        assert max(len(text_of(each)) for each in shown) <= 40
        assert shown[0][0] == ("KeyError", "error")

    @given(st.text(), st.integers(8, 200))
    def test_any_line_of_a_traceback_can_be_laid_out(self, text: str, width: int) -> None:
        assert traceback_lines(text, width)
        assert traceback_lines(f'  File "{text}", line 1, in f', width)

    def test_the_exception_stands_out(self) -> None:
        assert traceback_line("crm.errors.CrmError: gone")[0] == ("crm.errors.CrmError", "error")


class TestTraffic:
    @pytest.mark.parametrize("several", [False, True])
    @pytest.mark.parametrize("width", [*range(19, 80, 3), *range(80, 400, 9)])
    def test_a_row_is_as_wide_as_its_columns_whatever_it_holds(
        self, width: int, several: bool
    ) -> None:
        columns = traffic.columns(width, 1204, several=several)
        wide = cell_width(text_of(traffic.header(columns)))
        rows = [
            EXCHANGE,
            replace(EXCHANGE, name="x" * 200, version="v" * 30, signature="missing-timestamp kr"),
            replace(EXCHANGE, name="日本" * 40, status=None, state=State.REJECTED),
            replace(EXCHANGE, replay_of=1187, signature="re-signed", duration_us=None),
            replace(EXCHANGE, pinned=True, attempts=12, name="日本" * 40),
            replace(EXCHANGE, parent_id=12, parent_guessed=True, source=Source.API, signature=""),
            replace(EXCHANGE, note="why? " * 40, attempts=3, state=State.INTERRUPTED),
            replace(MESSAGE, worker="日本" * 9, path="/日本" * 30),
            replace(MESSAGE, kind="invalid", state=State.REJECTED, parent_id=12, method=""),
        ]
        assert wide <= width
        for row in rows:
            drawn = traffic.row(row, columns, below_cause=False, now_us=scene.NOW_US)
            assert cell_width(text_of(drawn)) == wide

    @pytest.mark.parametrize(
        ("width", "row", "last"),
        [
            (80, replace(EXCHANGE, replay_of=1187), "of 1187"),
            (120, replace(EXCHANGE, replay_of=1187), "ok k0     of 1187"),
            (120, replace(EXCHANGE, duplicate_of=1187), "ok k0     dup 1187"),
        ],
        ids=("narrow", "replay", "duplicate"),
    )
    def test_a_replay_names_its_original_and_a_duplicate_what_came_first(
        self, width: int, row: Exchange, last: str
    ) -> None:
        drawn = traffic.row(
            row,
            traffic.columns(width, 1204),
            below_cause=False,
            now_us=scene.NOW_US,
        )
        assert text_of(drawn).rstrip().endswith(last)

    def test_narrow_lists_lose_size_and_version_first_then_milliseconds(self) -> None:
        full, middle, narrow = (traffic.columns(width, 1204) for width in (120, 95, 80))
        assert (full.version, full.size, full.time) == (4, 7, 12)
        assert (middle.version, middle.size, middle.time) == (0, 0, 12)
        assert (narrow.version, narrow.size, narrow.time) == (0, 0, 8)

    @pytest.mark.parametrize(
        ("width", "names"),
        [
            (19, "# eve… stat…"),
            (30, "# event status"),
            (50, "# source event status"),
            (60, "# source event status dur"),
            (66, "# time source event status dur"),
            (80, "# time source event status dur signature"),
            (119, "# time source event v status dur size signature"),
            (300, "# time source event v status dur size signature note"),
        ],
    )
    def test_the_columns_that_say_most_stay_longest(self, width: int, names: str) -> None:
        columns = traffic.columns(width, 1204)
        assert text_of(traffic.header(columns)).split() == names.split()

    def test_how_it_ended_keeps_its_sign_in_the_narrowest_list(self) -> None:
        for state, shown in ((State.REJECTED, "ref ✗"), (State.INTERRUPTED, "cut ?")):
            row = replace(EXCHANGE, state=state, status=None)
            drawn = traffic.row(row, traffic.columns(19, 7), below_cause=False, now_us=0)
            assert text_of(drawn).endswith(shown)

    def test_a_note_has_a_sign_and_where_there_is_room_its_text(self) -> None:
        row = replace(EXCHANGE, note="why\x1b so slow? #crm")
        drawn = [
            text_of(traffic.row(row, traffic.columns(w, 1204), below_cause=False, now_us=0))
            for w in (120, 300)
        ]
        assert "✎" in drawn[0]
        assert "slow" not in drawn[0]
        assert drawn[1].rstrip().endswith("why\\x1b so slow? #crm")

    @pytest.mark.parametrize(
        ("facts", "shown"),
        [
            ({}, "ipc ← billing POST /invoices 200 stdio"),
            ({"path": "/invoices/2026/of/all/customers/there/are"},
             "ipc ← billing POST /invoices/2026/of/all/customer… 200 stdio"),
            ({"name": "service_request", "direction": "out", "method": "", "path": "",
              "status": None}, "ipc → billing service_request ok stdio"),
            ({"name": "announce", "kind": "notify", "method": "", "path": ""},
             "ipc ← billing announce notify stdio"),
            ({"name": "stray output", "kind": "invalid", "direction": "out", "method": "",
              "path": "", "state": State.REJECTED}, "ipc → billing stray output invalid ✗ stdio"),
            ({"parent_id": 7, "worker": "a-module-of-a-long-name"},
             "└ ipc ← a-module-of… POST /invoices 200 └ 7"),
        ],
    )  # fmt: skip
    def test_a_modules_message_says_which_way_it_went_whose_it_is_and_by_what(
        self, facts: dict[str, Any], shown: str
    ) -> None:
        row = replace(MESSAGE, duration_us=None, **facts)
        drawn = text_of(
            traffic.row(row, traffic.columns(110, 1204), below_cause=False, now_us=row.started_us)
        )
        assert " ".join(drawn.split()[2:]) == shown

    @pytest.mark.parametrize("path", ["/invoices", "/invoices/2026/of/all/customers/there/are"])
    def test_an_op_stands_before_all_requests_or_before_none(self, path: str) -> None:
        row = replace(MESSAGE, path=path)
        for width, several, there in ((119, True, False), (160, True, True), (200, False, True)):
            columns = traffic.columns(width, 1204, several=several)
            drawn = text_of(traffic.row(row, columns, below_cause=False, now_us=row.started_us))
            assert ("http_request POST /invoices" in drawn) is there

    @pytest.mark.parametrize(
        ("waits_us", "shown"), [(50_000, ""), (900_000, "…"), (1_000_000, "… 1 s"),
                                (72_900_000, "… 1 m 12 s")],
    )  # fmt: skip
    def test_a_clock_runs_on_what_is_pending(self, waits_us: int, shown: str) -> None:
        row = replace(MESSAGE, state=State.RECEIVED, status=None, duration_us=None)
        at_us = row.started_us + waits_us
        drawn = traffic.row(row, traffic.columns(92, 1204), below_cause=False, now_us=at_us)
        said = text_of(drawn).partition("/invoices")[2].partition("stdio")[0]
        assert " ".join(said.split()) == shown

    def test_a_picked_row_is_marked_without_colour_too(self) -> None:
        drawn = traffic.row(
            EXCHANGE, traffic.columns(80, 1204), below_cause=False, now_us=0, picked=True
        )
        assert text_of(drawn).startswith("✓ 1204")
        assert ("1204", "picked") in drawn

    @pytest.mark.parametrize(("width", "there"), [(80, False), (105, False), (106, True)])
    def test_of_several_workers_a_row_says_which_where_there_is_room(
        self, width: int, there: bool
    ) -> None:
        row = replace(EXCHANGE, worker="com.example.billing")
        columns = traffic.columns(width, 1204, several=True)
        drawn = traffic.row(
            row, columns, below_cause=False, now_us=0, workers=("marketing", row.worker)
        )
        assert ("billing       ", "api") in drawn or not there
        assert ("worker" in text_of(traffic.header(columns))) == there
        assert "worker" not in text_of(traffic.header(traffic.columns(width, 1204)))

    @pytest.mark.parametrize(
        ("state", "status", "shown"),
        [
            (State.FORWARDED, 200, "200"),
            (State.FORWARDED, 503, "503 ✗"),
            (State.HELD, None, "held"),
            (State.FAILED, None, "failed ✗"),
            (State.REJECTED, None, "refused ✗"),
            (State.INTERRUPTED, None, "cut off ?"),
        ],
    )
    def test_each_state_has_a_word_or_a_sign(
        self, state: State, status: int | None, shown: str
    ) -> None:
        exchange = replace(EXCHANGE, state=state, status=status)
        assert traffic.status(exchange, scene.NOW_US)[0] == shown

    @pytest.mark.parametrize("width", [40, 80, 120])
    def test_a_pin_and_further_tries_are_marked_at_any_width(self, width: int) -> None:
        row = replace(EXCHANGE, pinned=True, attempts=3)
        columns = traffic.columns(width, 1204)
        drawn = text_of(traffic.row(row, columns, below_cause=False, now_us=0))
        assert f"{EXCHANGE.id}★" in drawn
        assert " ×3 " in drawn  # noqa: RUF001 - a multiplication sign is meant

    def test_an_answer_within_100_ms_never_shows_as_pending(self) -> None:
        exchange = replace(EXCHANGE, state=State.RECEIVED, status=None)
        assert traffic.status(exchange, exchange.started_us + 99_000)[0] == ""
        assert traffic.status(exchange, exchange.started_us + 101_000)[0] == "…"

    def test_a_child_is_indented_below_its_cause_and_names_it_elsewhere(self) -> None:
        child = replace(EXCHANGE, id=1205, source=Source.API, parent_id=1204, signature="")
        columns = traffic.columns(120, 1205)
        assert traffic.neighbour(child, EXCHANGE)
        assert traffic.neighbour(child, replace(child, id=1206))
        assert not traffic.neighbour(child, replace(EXCHANGE, id=7))
        below = text_of(traffic.row(child, columns, below_cause=True, now_us=0))
        alone = text_of(traffic.row(child, columns, below_cause=False, now_us=0))
        assert "   └ api" in below
        assert "└ 1204" not in below
        assert "└ 1204" in alone


class TestLogs:
    def shown(self, text: str, width: int) -> str:
        line = LogLine(1, scene.BEGIN_US, "marketing", "log", "ERROR", "app", text, "", None)
        row = text_of(logs.row(line, width))
        assert cell_width(row) <= width
        return row

    def test_a_row_too_narrow_for_both_ends_of_a_traceback_shows_its_exception_first(self) -> None:
        text = f"The handler of issue.created failed.\n{scene.TRACEBACK}"
        wide, narrow = self.shown(text, 120), self.shown(text, 80)
        assert "The handler of issue.created failed.  ⏎ KeyError: 'reporter'  +6" in wide
        assert narrow.endswith("▸ KeyError: 'reporter' · The handler of …  +6")

    def test_in_a_narrow_list_what_is_said_has_most_of_the_room(self) -> None:
        for width, begins in ((40, 15), (48, 27), (60, 35), (92, 39)):
            assert self.shown("labelled KIK-42", width)[begins:] == "labelled KIK-42"
            assert text_of(logs.header(width))[begins:] == "text"
            assert logs.text_column(width) == begins

    def test_neighbours_among_the_workers_have_colours_of_their_own(self) -> None:
        names = ("marketing", "billing", "search", "crm")
        assert len({workers.worker_role(name, names) for name in names}) == len(names)
        assert workers.worker_role("engine", names) == "log"

    def test_a_bare_traceback_is_its_exception(self) -> None:
        assert self.shown(scene.TRACEBACK, 64).endswith("error     ▸ KeyError: 'reporter'  +5")

    def test_other_texts_of_several_lines_begin_with_their_beginning(self) -> None:
        assert "answer: {" in self.shown("answer: {" + "x" * 80 + "\n}", 80)

    @given(st.text(), st.integers(45, 200))
    def test_any_text_fits(self, text: str, width: int) -> None:
        self.shown(f"{text}\nTraceback \n{text}", width)


class TestProcesses:
    def shown(self, worker: Worker, width: int) -> str:
        row = text_of(processes.row(worker, width, scene.NOW_US))
        assert cell_width(row) == cell_width(text_of(processes.header(width))) <= width
        return row

    @pytest.mark.parametrize(
        ("width", "said"),
        [(124, "serving · answered its health check 4 s ago  "),
         (120, "serving · health check 4 s ago  "),
         (80, "serving, checked 4 s ago  "), (40, "serving  ")],
    )  # fmt: skip
    def test_a_serving_worker_says_how_sure_that_is_in_the_words_that_fit(
        self, width: int, said: str
    ) -> None:
        assert said in self.shown(scene.worker(), width)

    @pytest.mark.parametrize("state", WorkerState)
    @pytest.mark.parametrize("width", range(30, 220, 9))
    def test_a_state_is_shortened_between_words_never_within_one(
        self, state: WorkerState, width: int
    ) -> None:
        worker = scene.worker(**scene.BROKEN | {"state": state})
        row = self.shown(worker, width)
        known = " ".join(processes.state_sentences(worker, scene.NOW_US)).replace(",", "").split()
        said = row[17:].replace("extension", "").replace("…", "").split("  ")
        words = next(each for each in said if each.strip()).replace(",", "").split()
        assert set(words) <= {*known, *(each.rstrip(":") for each in known)}

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            (
                {"evidence": "has not answered its health check for 12 s"},
                "serving, but has not answered its health check for 12 s",
            ),
            (
                {"evidence": "refuses what is signed", "problem": Problem("Its secret differs.")},
                "serving, but  ",
            ),
        ],
    )
    def test_a_worker_whose_check_went_wrong_serves_and_is_doubted(
        self, changes: dict[str, object], said: str
    ) -> None:
        worker = scene.worker(**changes)
        assert processes.state_sign(worker) == ("!", "warning")
        assert said in self.shown(worker, 160)
        assert "serving ?" in self.shown(worker, 50) or "serving, but" in self.shown(worker, 50)

    @pytest.mark.parametrize(("age_s", "role"), [(4, ""), (15, ""), (16, "warning")])
    def test_old_evidence_is_a_warning(self, age_s: int, role: str) -> None:
        worker = scene.worker(evidence_us=scene.NOW_US - age_s * 1_000_000)
        drawn = processes.row(worker, 80, scene.NOW_US)
        assert [said_role for text, said_role in drawn if "serving" in text] == [role]


class TestSentences:
    def detail(self, judgement: Judgement | None, **changes: object) -> Detail:
        request = scene.signed(EXCHANGE.started_us, b"{}")
        exchange = replace(EXCHANGE, **changes)
        return Detail(exchange, request, judgement, (), ())

    def test_an_accepted_signature_says_what_it_does_not_cover(self) -> None:
        shown = [text_of(each) for each in signature.signature(self.detail(scene.OK_K0), 200)]
        assert shown[0] == "  Accepted by dialect k0 (HMAC-SHA256 of the body, hex)."
        assert any("✓ x-kiket-timestamp" in each for each in shown)
        assert shown[-1].startswith("  ! The timestamp is not covered by this dialect's signature.")

    def test_a_refused_one_marks_the_header_that_failed(self) -> None:
        shown = [text_of(each) for each in signature.signature(self.detail(scene.STALE), 200)]
        assert "412 s old; the limit is 300 s." in shown[0]
        assert any(each.startswith("  ✗ x-kiket-timestamp") for each in shown)
        assert "  ✓ x-kiket-signature     matches" in shown

    def test_one_that_differs_shows_how_both_begin_and_what_would_fit(self) -> None:
        judgement = Judgement(
            False, "mismatch", "k1", "It is not what was signed.", nearest="k0",
            expected="sha256=3f9ac2d1", received="sha256=\x1b7e0b1aa",
        )  # fmt: skip
        shown = [text_of(each) for each in signature.signature(self.detail(judgement), 200)]
        assert shown[3] == (
            r"  ✗ x-kiket-signature     does not match: sha256=\x1b7e0b1aa… came, "
            "sha256=3f9ac2d1… is right"
        )
        assert shown[-1].startswith("  ! It would match as dialect k0 (HMAC-SHA256 of the body")

    def test_an_event_without_a_handler_names_the_nearest(self) -> None:
        judgement = replace(scene.OK_K0, nearest="issue.updated@v3")
        shown = [text_of(each) for each in signature.signature(self.detail(judgement), 200)]
        assert shown[-1] == (
            "  ! No handler takes issue.updated v2. The nearest that there is: issue.updated v3."
        )

    def test_the_limit_on_screen_is_the_one_that_is_used(self) -> None:
        from kiket_sdk import _signing

        assert signature.LIMIT_S == _signing.SKEW_S

    def test_a_timestamp_that_is_none_is_quoted(self) -> None:
        detail = self.detail(scene.STALE)
        message = scene.message(b"", ("X-Kiket-Timestamp", "soon\x1b[2J"))
        shown = signature.signature(replace(detail, request=message), 200)
        assert any("is no time" in text_of(each) for each in shown)

    @pytest.mark.parametrize("written", ["2026-11-20T14:05:09+00:00", "2026-11-20T14:05:09Z"])
    def test_a_timestamp_may_be_iso_8601_as_the_platform_writes_it(self, written: str) -> None:
        message = scene.message(b"", ("x-kiket-timestamp", written))
        shown = signature.signature(replace(self.detail(scene.OK_K0), request=message), 200)
        assert any(text_of(each).startswith("  ✓ x-kiket-timestamp") for each in shown)

    @given(st.floats() | st.integers() | st.text() | st.datetimes().map(str))
    def test_any_timestamp_makes_a_sentence(self, value: object) -> None:
        message = scene.message(b"", ("x-kiket-timestamp", str(value)))
        signature.signature(replace(self.detail(scene.OK_K0), request=message), 80)


class TestLines:
    def test_a_text_of_megabytes_is_wrapped_a_piece_at_a_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Measuring all that is left for each line took minutes."""
        measured: list[int] = []

        def measure(text: str) -> int:
            measured.append(len(text))
            return cell_width(text)

        monkeypatch.setattr(line, "cell_width", measure)
        lines = line.wrap("Größe " * 2_000, 80)
        assert len(lines) == 154
        assert max(measured) <= 400

    @given(st.text(), st.integers(10, 60))
    def test_wrapping_keeps_every_word_and_the_width(self, text: str, width: int) -> None:
        lines = line.wrap(text, width)
        assert all(cell_width(text_of(each)) <= max(width, 8) for each in lines)
        expected = visible(text.replace("\n", " ").replace("\r", " "))
        shown = " ".join(text_of(each) for each in lines).replace("␍", " ")
        assert "".join(shown.split()) == "".join(expected.split())

    @given(st.text(), st.integers(2, 60))
    def test_shortening_never_exceeds_the_width(self, text: str, width: int) -> None:
        assert cell_width(line.shortened(visible(text), width)) <= width

    def test_shortening_keeps_whole_words(self) -> None:
        assert line.shortened("broken, old code serves", 17) == "broken, old code…"
        assert line.shortened("broken, old code serves", 16) == "broken, old…"

    @given(st.lists(st.tuples(st.text(), st.just(""))), st.integers(0, 40))
    def test_cutting_never_exceeds_the_width(
        self, pieces: list[tuple[str, str]], width: int
    ) -> None:
        assert line.line_width(line.cut(pieces, width)) <= width

    @given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 60))
    def test_spreading_fills_the_width_exactly(self, left: str, right: str, width: int) -> None:
        spread = line.spread([(left, "")], [(right, "")], width)
        assert line.line_width(spread) <= width
        if line.line_width([(right, "")]) < width:
            assert line.line_width(spread) == width
