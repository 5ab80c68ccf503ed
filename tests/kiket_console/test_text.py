from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from kiket_console import text

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("plain", "plain"),
        ("[bold red]no markup[/]", "[bold red]no markup[/]"),
        ("été 你好", "été 你好"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\tb\r\n", "a→b␍⏎"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\x00", "\\x00"),
    ],
)
def test_what_could_act_on_a_terminal_is_shown_as_a_sign(outside: str, shown: str) -> None:
    assert text.visible(outside) == shown


@given(ANY_TEXT)
def test_visible_text_holds_nothing_that_acts_or_hides(outside: str) -> None:
    for character in text.visible(outside):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        }  # fmt: skip


def test_a_sign_takes_as_many_cells_as_the_table_says() -> None:
    """Those that the console draws with are not looked up there."""
    signs = [sign for sign in map(chr, range(0x20, 0x3000)) if text.visible(sign) == sign]

    assert [sign for sign in signs if text.cell_width(sign) != cell_len(sign)] == []
    assert set("…·→↵≠✓✗─│▌█⠤⣿▴◆") <= set(signs)


@given(ANY_TEXT)
def test_visible_text_stays_as_it_is(outside: str) -> None:
    once = text.visible(outside)

    assert text.visible(once) == once


def test_piled_up_marks_are_cut() -> None:
    """A hundred accents on one letter would climb over the rows above it."""
    assert text.visible("a" + "\u0301" * 100) == "a" + "\u0301" * 8 + "⁺"


@given(st.binary(max_size=64))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    assert isinstance(text.decode(raw), str)


def test_bytes_that_are_no_utf8_appear_as_escapes() -> None:
    assert text.decode(b"caf\xe9") == "caf\\xe9"


@given(ANY_TEXT, st.integers(min_value=1, max_value=60))
def test_a_fitted_text_takes_exactly_its_cells(outside: str, width: int) -> None:
    shown = text.visible(outside)

    assert cell_len(text.fit(shown, width)) == width
    assert cell_len(text.fit_right(shown, width)) == width


@pytest.mark.parametrize(
    ("shown", "width", "fitted"),
    [
        ("issue", 8, "issue   "),
        ("issue.created", 8, "issue.c…"),
        ("你好吗", 4, "你 …"),
        ("你好", 6, "你好  "),
        ("ab", 1, "a"),
    ],
)
def test_a_text_is_padded_or_cut_to_its_column(shown: str, width: int, fitted: str) -> None:
    assert text.fit(shown, width) == fitted


def test_numbers_stand_to_the_right() -> None:
    assert text.fit_right("42", 5) == "   42"
    assert text.fit_right("123456", 5) == "1234…"


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0 b"),
        (999, "999 b"),
        (1_000, "1.0 k"),
        (1_126, "1.1 k"),
        (23 * 1024**2, "23 M"),
        (5 * 1024**3, "5.0 G"),
        (4_000 * 1024**3, "4000 G"),
    ],
)
def test_sizes_are_short(count: int, written: str) -> None:
    assert text.size(count) == written


@pytest.mark.parametrize(
    ("duration_us", "written"),
    [
        (400, "0.4 ms"),
        (18_900, "18.9 ms"),
        (412_000, "412 ms"),
        (2_300_000, "2.3 s"),
        (252_000_000, "4 m 12 s"),
    ],
)
def test_durations_are_short(duration_us: int, written: str) -> None:
    assert text.duration(duration_us) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5, "0 s"),
        (4, "4 s"),
        (120, "2 m"),
        (252, "4 m 12 s"),
        (720, "12 m"),
        (10_800, "3 h"),
        (200_000, "2 d"),
    ],
)
def test_ages_are_short(seconds: float, written: str) -> None:
    assert text.age(seconds) == written


def test_a_moment_is_written_as_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    assert text.clock(1_700_000_000_112_000) == "22:13:20.112"
    assert text.clock(1_700_000_000_112_000, milliseconds=False) == "22:13:20"


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 workers"), (1, "1 worker"), (1204, "1,204 workers")]
)
def test_a_count_has_its_noun(count: int, written: str) -> None:
    assert text.plural(count, "worker") == written
