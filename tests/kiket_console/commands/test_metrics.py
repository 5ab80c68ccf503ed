"""How often, how slow and since when, on the command line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from tests.kiket_console.telemetry.made import measure, save, series

from kiket_console import cli
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import AddMeasures, NewReload
from kiket_console.store.writer import Writer
from kiket_console.telemetry.narrowing import NarrowingError

if TYPE_CHECKING:
    from pathlib import Path

QUICK = [9.0, 9.1, 9.3, 9.8, 10.0, 10.4, 11.0, 12.0]
SLOW = [each * 30 for each in QUICK]


@pytest.fixture
def project(own_places: Path) -> Path:
    """Return a project in which a save a minute ago made `issue.updated` slow."""
    folder = own_places / "project"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    saved = save(int(time.time()) - 60)
    at_s = saved.at_us // 1_000_000
    failing = series("issue.created", "5xx")
    call = series("POST extensions/logs", source="api", version="")
    measures = (
        measure(at_s - 30, QUICK, code_us=1),
        measure(at_s + 10, SLOW, code_us=saved.at_us),
        measure(at_s + 10, [2.0], failing, code_us=saved.at_us),
        measure(at_s + 10, [1.0] * 20, call, code_us=saved.at_us),
    )
    writer = Writer(paths.store)
    writer.submit([AddMeasures(measures), NewReload(saved)]).result(120)
    writer.close()
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["-C", str(folder), "metrics", *arguments])


def report(folder: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "--json", *arguments).stdout)
    return found


def test_what_a_save_made_slower_stands_first_and_is_said_in_a_sentence(project: Path) -> None:
    result = run(project)

    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert rows[0] == "last 15m · by handler"
    assert [row.split()[0] for row in rows[1:6]] == [
        "handler", "all", "issue.updated", "POST", "issue.created"]  # fmt: skip
    assert "slower ✗" in rows[3]
    assert "issue.updated v1 is slower since funnel.py " in result.stdout
    assert "p95 12 → 352 ms (8 calls before, 8 since, p < 0.001)." in result.stdout
    assert "traffic list --filter 'src:webhook ext:marketing event:issue.updated" in result.stdout


def test_names_from_outside_do_not_reach_the_terminal_as_they_are(project: Path) -> None:
    saved_us = report(project)["reloads"][0]["at_us"]
    evil = series("\x1b]0;evil\x07\u202e", worker="marketing")
    writer = Writer(ProjectPaths(project).store)
    at_s = saved_us // 1_000_000
    measures = (
        measure(at_s - 20, QUICK, evil, code_us=1),
        measure(at_s, SLOW, evil, code_us=saved_us),
    )
    writer.submit([AddMeasures(measures)]).result(120)
    writer.close()

    said = run(project, "--fail-if", "slower")

    assert "evil" in said.stdout
    assert "evil" in said.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(said.stdout + said.stderr)


def test_json_has_the_whole_report(project: Path) -> None:
    found = report(project, "--window", "5m", "--limit", "1")

    assert (found["schema"], found["type"], found["window"]) == (1, "metrics", "5m")
    assert (found["count"], found["errors"]) == (37, 1)
    (line,) = found["lines"]
    assert (line["name"], line["count"]) == ("issue.updated", 16)
    assert line["culprit"] == line["change"]
    assert line["culprit"]["verdict"] == "slower"
    assert line["culprit"]["reload"]["file"] == "marketing/funnel.py"
    assert sum(each["count"] for each in line["distribution"]) == 16
    assert [each["count"] for each in found["points"]] == [8, 29]
    assert found["reloads"] == [line["culprit"]["reload"]]


def test_rows_are_grouped_narrowed_and_counted_since_the_save(project: Path) -> None:
    by_source = report(project, "--by", "source")["lines"]
    assert {line["source"]: line["count"] for line in by_source} == {"webhook": 17, "api": 20}
    words = report(project, "--filter", "event:issue.* -status:5xx")["lines"]
    assert [line["name"] for line in words] == ["issue.updated"]
    assert report(project, "--worker", "marketing")["count"] == 37
    since = report(project, "--since-save")
    assert (since["count"], since["after"]["file"]) == (29, "marketing/funnel.py")
    assert report(project, "--window", "all")["count"] == 37


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--window", "1m", "--filter", "nothing"], "Nothing that was counted has these words"),
        (["--worker", "billing"], "Nothing that was counted has these words"),
    ],
    ids=["words", "worker"],
)
def test_why_there_is_nothing_is_said_beside_the_data(
    project: Path, arguments: list[str], said: str
) -> None:
    result = run(project, *arguments)
    assert result.exit_code == 0
    assert said in result.stderr


def test_without_a_save_within_the_window_all_of_it_is_counted_and_that_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_us = report(project)["reloads"][0]["at_us"]
    monkeypatch.setattr("kiket_console.commands.metrics.time.time", lambda: saved_us / 1e6 + 60)

    result = run(project, "--window", "55s", "--since-save")
    assert "issue.updated" in result.stdout
    assert result.stderr.startswith("No save came to serve within this time")


def test_where_nothing_was_ever_counted_it_is_said(own_places: Path) -> None:
    assert run(own_places).stderr == "Nothing is counted for this project yet.\n"
    assert report(own_places)["lines"] == []


def test_a_script_can_fail_where_a_save_made_something_slower_or_something_failed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*arguments: str) -> tuple[int, str]:
        found = cli.run(["-C", str(project), "metrics", *arguments])
        return found, capsys.readouterr().err

    slower = status("--fail-if", "slower", "--filter", "event:issue.updated")
    assert slower[0] == ExitCode.FAILURE
    assert slower[1].startswith("issue.updated v1 is slower since funnel.py ")
    assert status("--fail-if", "errors") == (1, "1 call failed: issue.created v1.\n")
    few = "Too few calls before or since a save to judge: POST extensions/logs.\n"
    assert status("--fail-if", "slower", "--fail-if", "errors", "--filter", "src:api") == (0, few)


def test_what_makes_no_sense_is_refused(project: Path) -> None:
    assert run(project, "--window", "soon").exit_code == ExitCode.USAGE
    assert run(project, "--watch", "--fail-if", "slower").exit_code == ExitCode.USAGE
    refused = run(project, "--filter", "issue body:x")
    assert isinstance(refused.exception, NarrowingError)
    assert refused.exception.exit_code == ExitCode.USAGE


def test_watched_it_is_said_anew_when_something_was_counted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter((5,))

    def sleep(_: float) -> None:
        """Count more meanwhile; the second time somebody has seen enough."""
        count = next(calls, None)
        if count is None:
            raise KeyboardInterrupt
        writer = Writer(ProjectPaths(project).store)
        more = measure(int(time.time()), [1.0] * count, series("issue.moved"))
        writer.submit([AddMeasures((more,))]).result(120)
        writer.close()

    monkeypatch.setattr("kiket_console.commands.metrics.time.sleep", sleep)

    said = run(project, "--watch", "--json").stdout.splitlines()

    assert [json.loads(each)["count"] for each in said] == [37, 42]
