"""The line of truth tells what is not as it should be for as long as it is so."""

from __future__ import annotations

import pytest
from tests.snap import scene, trouble

from kiket_console.engine_status import Degraded
from kiket_console.ui.paint.status import Connection, status_line

UP = Connection(up=True, since_us=scene.NOW_US, ever=True)


def shown(width: int = 120, *, link: Connection = UP, **changes: object) -> str:
    status = scene.status(scene.worker(), **changes)
    line = status_line("marketing", status, link, width, scene.NOW_US)
    return "".join(text for text, _ in line)


def test_what_is_degraded_is_told_with_its_age_until_it_is_over() -> None:
    told = shown(160, **trouble.DEGRADED)
    assert "! keyring locked 4 m   ! 1,204 log lines dropped 12 s   rec ok" in told
    assert "! keyring locked 4 m +1   rec ok" in shown(80, **trouble.DEGRADED)
    assert "!" not in shown(160)


def test_however_much_is_degraded_who_serves_is_told_too() -> None:
    briefs = (
        "rec broke off once",
        "no keyring",
        "0 b free",
        "5 log lines dropped",
        "79 spans lost",
    )
    parts = tuple(Degraded(each, each, each, scene.NOW_US - 9_000_000) for each in briefs)
    told = shown(120, degraded=parts)
    assert told.startswith(" ◆ marketing   ● serving")
    assert "! rec broke off once 9 s   ! no keyring 9 s" in told
    assert " +" in told
    assert told.endswith("rec ok 2 s ")


def test_that_recording_works_is_as_old_as_the_last_write() -> None:
    assert shown().endswith("rec ok 2 s ")
    assert shown(80).endswith("rec ok ")
    assert shown(80, written_us=scene.NOW_US - 45_000_000).endswith("rec ok 45 s ")


def test_recording_that_a_power_cut_would_shorten_is_not_simply_ok() -> None:
    assert shown(durability="process").endswith("rec ok (process) 2 s ")


def test_of_several_workers_the_oldest_evidence_is_told() -> None:
    lately, earlier = (scene.NOW_US - age_s * 1_000_000 for age_s in (1, 9))
    workers = (
        scene.worker(evidence_us=lately),
        scene.worker(name="billing", evidence_us=earlier),
    )
    for width, said in ((120, "● 2 of 2 serve · 9 s ago"), (160, "serve · checked 9 s ago")):
        line = status_line("both", scene.status(*workers), UP, width, scene.NOW_US)
        assert said in "".join(text for text, _ in line)


def test_of_several_workers_one_that_does_not_answer_is_named_and_not_counted() -> None:
    silent = scene.worker(name="billing", evidence="has not answered its health check for 20 s")
    status = scene.status(scene.worker(), silent)
    for width, said in (
        (80, "! billing: serving, but has not answered "),
        (160, f"! billing: serving, but {silent.evidence} · 1 of 2 serve"),
    ):
        line = status_line("both", status, UP, width, scene.NOW_US)
        assert said in "".join(text for text, _ in line)


def test_a_light_whose_evidence_is_old_is_none() -> None:
    old = scene.worker(evidence_us=scene.NOW_US - 20_000_000)
    several = scene.status(scene.worker(), scene.worker(name="b", evidence_us=old.evidence_us))
    for status, said in ((scene.status(old), "? serving"), (several, "? 2 of 2 serve")):
        line = status_line("both", status, UP, 120, scene.NOW_US)
        told = "".join(text for text, _ in line)
        assert said in told
        assert "20 s ago" in told
        assert "ok" not in [role for text, role in line if "rec" not in text and text != "ok"]


def test_a_long_name_leaves_room_for_a_save_just_made() -> None:
    status = scene.status(scene.worker(name="com.example.marketing"), **trouble.DEGRADED)
    told = "".join(text for text, _ in status_line("x", status, UP, 80, scene.NOW_US))
    assert told.startswith(" ◆ marketing   ● serving   ⟳ app.py 12 s ago   ! keyring locked 4 m +1")


@pytest.mark.parametrize("width", [34, 40, 50])
def test_however_narrow_it_is_who_serves_comes_before_what_is_degraded(width: int) -> None:
    told = shown(width, **trouble.DEGRADED)
    assert "● serving" in told
    assert "rec ok" in told


@pytest.mark.parametrize("width", [60, 80, 200])
def test_however_long_a_name_is_its_state_is_told(width: int) -> None:
    name = "a-name-without-an-end-" * 12
    serving, broken = scene.worker(name=name), scene.worker(**(scene.BROKEN | {"name": name}))
    for worker, said in ((serving, "● serving"), (broken, "✗ broken")):
        line = status_line(name, scene.status(worker), UP, width, scene.NOW_US)
        told = "".join(text for text, _ in line)
        assert f"   {said}" in told
        assert "rec ok" in told
    gone = Connection(up=False, since_us=scene.NOW_US, ever=True)
    for status, link, said in ((scene.status(serving), gone, "gone"), (None, gone, "engine")):
        told = "".join(text for text, _ in status_line(name, status, link, width, scene.NOW_US))
        assert said in told


def test_what_broke_comes_before_what_is_degraded_of_which_a_count_is_left() -> None:
    status = scene.status(scene.worker(**scene.BROKEN), **trouble.DEGRADED)
    told = "".join(text for text, _ in status_line("x", status, UP, 80, scene.NOW_US))
    assert "✗ broken, old code serves: NameError: " in told
    assert told.endswith("! +2   rec ok ")


def test_an_engine_that_is_gone_comes_before_everything_else() -> None:
    since_us = scene.NOW_US - 3_000_000
    gone = Connection(up=False, since_us=since_us, ever=True, remedy="! starts a new one")
    assert "✗ engine gone 3 s; ! starts a new one" in shown(link=gone)
    assert "rec ok" not in shown(link=gone)
    starting = Connection(up=False, since_us=since_us, ever=True, starting=True)
    assert "… a new engine is starting 3 s" in shown(link=starting)


def test_an_engine_that_is_there_and_silent_is_named_by_its_pid() -> None:
    silent = Connection(up=False, since_us=scene.NOW_US - 12_000_000, ever=True, silent=True)
    assert "✗ engine, pid 8100, has not answered for 12 s" in shown(link=silent)


@pytest.mark.parametrize(
    ("width", "said"),
    [(80, "● ready · 0.6 s ago  "), (160, "● ready · heartbeat 0.6 s ago  ")],
)
def test_of_a_module_alone_its_handshake_and_heartbeat_are_told(width: int, said: str) -> None:
    line = status_line("billing", scene.status(scene.module()), UP, width, scene.NOW_US)

    assert said in "".join(text for text, _ in line)
