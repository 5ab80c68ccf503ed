"""What a traceback's frames held, as it is kept: without secrets, short, and in its place."""

from __future__ import annotations

import pytest

from kiket_console import traced_frames
from kiket_console.traced_frames import TracedFrame
from kiket_core.secret import Redactor

SECRET = "correct-horse\nbattery-staple-é"
FRAME = TracedFrame("/srv/app/main.py", 12, "transition", 11, ("a = 1", "b = c / d"),
                    (("d", "0"),), 2)  # fmt: skip


def kept(*values: tuple[str, str]) -> list[tuple[str, str]]:
    """Return values as they are kept beside the secret."""
    known = Redactor()
    known.add("db", SECRET)
    frame = TracedFrame("main.py", 1, "f", 1, (f"x = {SECRET!r}",), values)
    stored = traced_frames.stored((frame,), known.redact)
    assert "horse" not in stored
    (read,) = traced_frames.read(stored)
    return list(read.values)


def test_what_is_stored_is_read_as_it_was() -> None:
    assert traced_frames.read(traced_frames.stored((FRAME,), str)) == (FRAME,)
    assert traced_frames.stored((), str) == ""


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"file": 1}]', "[\ud800]"])
def test_a_damaged_text_tells_of_no_frames(text: str) -> None:
    assert traced_frames.read(text) == ()


def test_no_secret_is_kept_however_it_stands_there() -> None:
    assert kept(
        ("raw", repr(SECRET)),
        ("inside", repr({"a": [SECRET]})),
        ("far", f"'{'x' * 195}{SECRET}'"),
        (f"named {SECRET}", "1"),
    ) == [
        ("raw", "'[secret:db]'"),
        ("inside", "{'a': ['[secret:db]']}"),
        ("far", f"'{'x' * 195}[sec…"),
        ("named [secret:db]", "1"),
    ]


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("""'{"runtime_token": "a b", "x": 1}'""", """'{"runtime_token": "[redacted]", "x": 1}'"""),
        ("""'{"password": "begins and is cut""", """'{"password": "[redacted]\""""),
        ("M(token=None, secret='')", "M(token=None, secret='')"),
        ("'https://x.test/?api_key=abc&b=1'", "'https://x.test/?api_key=[redacted]&b=1'"),
        ("'postgres://app:pw@db/shop'", "'postgres://app:[redacted]@db/shop'"),
        ("'Bearer abcdefghijk'", "'Bearer [redacted]'"),
        ("'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.sig'", "'[redacted]'"),
        ('"-----BEGIN PRIVATE KEY-----\\nMIIE"', '"[redacted]"'),
        ('"ghp_abcdefghijkl"', '"[redacted]"'),
        ('"a\\nCookie: a=b; c=d\\nHost: x"', '"a\\nCookie: [redacted]\\nHost: x"'),
        ('"AccountName=a;AccountKey=b=="', '"AccountName=a;AccountKey=[redacted]"'),
        ('"smtp_pass=abc passenger=1"', '"smtp_pass=[redacted] passenger=1"'),
        ('"mysql --password abc -h db"', '"mysql --password [redacted] -h db"'),
        ("'nothing to hide'", "'nothing to hide'"),
        (
            "'the basic structure of a token verification'",
            "'the basic structure of a token verification'",
        ),
    ],
)
def test_what_looks_like_a_secret_is_left_out(shown: str, left: str) -> None:
    assert traced_frames.shortened(shown) == left


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("api_key = 'abc'  # mine", "api_key = '[redacted]'  # mine"),
        ('    api_key: str = "abc"', '    api_key: str = "[redacted]"'),
        ('headers["Authorization"] = "abc"', 'headers["Authorization"] = "[redacted]"'),
        ('get({"Authorization": f"Bearer {token}"})', 'get({"Authorization": f"Bearer {token}"})'),
        ('connect("amqp://shop:pw@queue/")', 'connect("amqp://shop:[redacted]@queue/")'),
        ('token = os.environ["TOKEN"]', 'token = os.environ["TOKEN"]'),
        ('if token == "":', 'if token == "":'),
    ],
)
def test_what_somebody_wrote_into_code_is_left_out(line: str, left: str) -> None:
    stored = traced_frames.stored((TracedFrame("a.py", 1, "f", 1, (line,)),), str)
    assert traced_frames.read(stored)[0].source == (left,)


def test_a_worker_that_tells_too_much_is_cut_short() -> None:
    values = tuple((f"name{number}" * 99, "x" * 9_000) for number in range(300))
    large = TracedFrame("a.py", 1, "f", 1, ("line" * 999,) * 99, values)
    stored = traced_frames.stored((large,) * 300, str)
    read = traced_frames.read(stored)
    assert len(stored) < traced_frames.STORED_LIMIT / 4
    assert {(len(each.source), len(each.values), each.more) for each in read} == {(5, 30, 270)}


def test_a_long_value_is_cut() -> None:
    assert traced_frames.shortened("x" * 10_000) == "x" * 200 + "…"
    nested = '{"a": \x02"' + "y" * 300 + '"\x03, "b": 2}'
    assert traced_frames.shortened(nested) == f'{{"a": "{"y" * 59}…", "b": 2}}'


TRACEBACK = """failed
Traceback (most recent call last):
  File "/lib/site-packages/web.py", line 3, in serve
    return handle(
           ^^^^^^^
  File "/srv/app/main.py", line 12, in transition
    b = c / d
        ~~^~~
ZeroDivisionError: division by zero""".splitlines()


def test_values_stand_below_the_source_of_their_frame() -> None:
    (place,) = traced_frames.placed((FRAME,), TRACEBACK)
    assert TRACEBACK[place.first].endswith('main.py", line 12, in transition')
    assert TRACEBACK[place.last].strip() == "~~^~~"
    assert place.frame == FRAME


def test_frames_that_the_traceback_does_not_name_stand_nowhere() -> None:
    other = TracedFrame("/srv/app/main.py", 13, "transition")
    assert traced_frames.placed((other,), TRACEBACK) == []
