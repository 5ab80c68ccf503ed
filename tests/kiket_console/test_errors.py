from __future__ import annotations

from kiket_console.errors import ConsoleError, ExitCode


def test_an_error_reads_as_one_sentence_and_what_to_do_next() -> None:
    error = ConsoleError("Port 8700 is in use.", hint="Pass --port.", exit_code=ExitCode.NETWORK)

    assert str(error) == "Port 8700 is in use. Pass --port."
    assert (error.message, error.hint, error.exit_code) == (
        "Port 8700 is in use.",
        "Pass --port.",
        5,
    )


def test_an_error_without_a_hint_ends_with_its_sentence() -> None:
    assert str(ConsoleError("Nothing to stop.")) == "Nothing to stop."
    assert ConsoleError("Nothing to stop.").exit_code is ExitCode.FAILURE


def test_exit_codes_are_the_documented_ones() -> None:
    """Scripts depend on these numbers."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILURE": 1,
        "USAGE": 2,
        "CONFIG": 3,
        "AUTH": 4,
        "NETWORK": 5,
        "VERIFICATION": 6,
        "CONTRACT": 7,
        "EXPIRED": 8,
        "SCOPE": 9,
        "SKEW": 10,
        "UNREADABLE": 11,
        "UNTRACKED": 12,
        "TOO_LARGE": 13,
        "INTERRUPTED": 130,
    }
