"""A recorded delivery as a test: pytest runs it on the sample, and it can fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.exporting.conftest import MakeDetail, make_detail

from kiket_console.errors import ConsoleError
from kiket_console.exporting.case import case, name_for
from kiket_console.model import Judgement, Source, State
from kiket_console.saved_tests import SavedTest, save_test

if TYPE_CHECKING:
    from kiket_console.model import Detail

__all__ = ["make_detail"]

SAMPLE = Path(__file__).parents[2] / "assets/samples/marketing"
EVENT = (SAMPLE / "events/issue.created.v1.json").read_bytes()
ANSWER = {
    "ok": True,
    "issue": "LEAD-88",
    "score": 100,
    "hot": True,
}


class NoCalls:
    """Knows of no other exchange."""

    def detail(self, exchange_id: int) -> Detail | None:  # noqa: ARG002 - there is none
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the sample."""
    copied = tmp_path / "marketing"
    shutil.copytree(SAMPLE, copied, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return copied


def recorded(make: MakeDetail, answer: object = ANSWER, **more: object) -> Detail:
    more = {"name": "issue.created", "version": "v1", **more}
    return make(EVENT, answer=json.dumps(answer).encode(), **more)


def save(folder: Path, detail: Detail, name: str = "hot lead") -> SavedTest:
    return save_test(folder, detail, name, NoCalls())


def run_pytest(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("KIKET_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False, env=known,
    )  # fmt: skip


def test_it_passes_as_it_is_and_fails_when_the_extension_answers_otherwise(
    folder: Path, make_detail: MakeDetail
) -> None:
    good = save(folder, recorded(make_detail))
    assert (good.module.name, good.fixture.name) == ("test_hot_lead.py", "hot_lead.json")
    status = save(folder, recorded(make_detail, status=500), "status")
    answer = save(folder, recorded(make_detail, {**ANSWER, "score": 99}), "answer")
    ended = run_pytest(folder, good.module, status.module, answer.module)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "2 failed, 1 passed" in ended.stdout, ended.stdout + ended.stderr
    assert "::test_hot_lead" not in ended.stdout, "it is the one that passed"


def test_without_a_configuration_it_says_itself_which_extension_is_under_test(
    folder: Path, make_detail: MakeDetail
) -> None:
    (folder / "pytest.ini").unlink()
    (folder / "tests/conftest.py").unlink(missing_ok=True)
    ended = run_pytest(folder, save(folder, recorded(make_detail)).module)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


def test_nothing_is_overwritten(folder: Path, make_detail: MakeDetail) -> None:
    saved = save(folder, recorded(make_detail))
    saved.module.write_text("mine")
    with pytest.raises(ConsoleError, match="is there already"):
        save(folder, recorded(make_detail))
    assert saved.module.read_text() == "mine"
    save_test(folder, recorded(make_detail), "hot lead", NoCalls(), replace=True)
    assert "def test_hot_lead" in saved.module.read_text()


def test_a_folder_that_cannot_be_made_is_a_sentence(folder: Path, make_detail: MakeDetail) -> None:
    tests = folder / "tests"
    shutil.rmtree(tests, ignore_errors=True)
    tests.write_text("a file")
    with pytest.raises(ConsoleError, match="Cannot make the folder"):
        save(folder, recorded(make_detail))


def test_what_differs_each_time_is_not_expected_again(make_detail: MakeDetail) -> None:
    answer = {
        **ANSWER,
        "handled_at": "2026-11-20T14:05:09Z",
        "stamp": 1_795_183_509,
        "run": {"id": "0b8f1a34-5a54-4f52-9c1c-3c1f4a8e7d11"},
        "due": "2031-01-01T00:00:00Z",
        "mine": 3,
        "token": "of this one alone",
    }
    made = case(recorded(make_detail, answer), "x", ignore=["$.mine"])
    fixture = json.loads(made.fixture)
    assert fixture["response"] == {**ANSWER, "due": "2031-01-01T00:00:00Z"}
    assert "$.handled_at, $.stamp, $.run, $.mine, $.token" in made.notes[0]


def test_secrets_are_left_out_of_the_fixture(make_detail: MakeDetail) -> None:
    detail = make_detail(b'{"api_key": "hunter2", "n": 1}')
    made = case(detail, "x")
    assert "hunter2" not in made.fixture
    assert any("left out" in note for note in made.notes)


def test_half_a_character_is_an_escape_in_the_fixture(
    folder: Path, make_detail: MakeDetail
) -> None:
    saved = save(folder, make_detail(b'{"a": "\\ud83d"}'))
    assert "\\ud83d" in saved.fixture.read_text()


def test_calls_of_the_handler_are_answered_as_they_were(make_detail: MakeDetail) -> None:
    call = make_detail(
        b"", source=Source.API, method="GET", path="/api/v1/contacts", status=404,
        answer=b'{"error": "none"}',
    )  # fmt: skip
    fixture = json.loads(case(recorded(make_detail), "x", calls=[call]).fixture)
    assert fixture["calls"] == [
        {"method": "GET", "path": "/api/v1/contacts", "status": 404, "body": {"error": "none"}}
    ]


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Hot lead!", "hot_lead"), ("test_x", "x"), ("../../etc/x", "etc_x"), ("a'''b", "a_b")],
)
def test_a_name_becomes_one_of_python(make_detail: MakeDetail, name: str, slug: str) -> None:
    assert case(recorded(make_detail), name).name == slug


def test_the_name_that_is_offered_says_what_it_is(make_detail: MakeDetail) -> None:
    assert name_for(recorded(make_detail)) == "issue_created_v1"
    assert name_for(recorded(make_detail, name="***", version="")) == "exchange_1204"


def test_hostile_names_of_events_make_a_module_that_compiles(make_detail: MakeDetail) -> None:
    event = '"""\nimport os\n\\'
    for version in ("v1", ""):
        made = case(recorded(make_detail, name=event, version=version), "x", extension="main:sdk")
        compile(made.module, "test_x.py", "exec")
        assert "\nimport os" not in made.module


@pytest.mark.parametrize(
    "more",
    [
        {"source": Source.API},
        {"status": None, "state": State.FAILED},
        {"name": "x", "raw": b"no json"},
        {"judgement": Judgement(False, "stale", "k0", "Too old.")},
    ],
)
def test_what_no_test_can_repeat_is_refused_with_a_sentence(
    make_detail: MakeDetail, more: dict[str, object]
) -> None:
    import msgspec

    judgement, raw = more.pop("judgement", None), more.pop("raw", EVENT)
    detail = make_detail(raw, **more)
    if judgement:
        detail = msgspec.structs.replace(detail, judgement=judgement)
    with pytest.raises(ConsoleError):
        case(detail, "x")


@pytest.mark.parametrize("name", ["", "///", "x" * 200])
def test_a_name_of_nothing_is_refused(make_detail: MakeDetail, name: str) -> None:
    with pytest.raises(ConsoleError, match="cannot be the name"):
        case(recorded(make_detail), name)
