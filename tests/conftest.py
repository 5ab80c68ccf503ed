"""What every test gets: places of its own on disk, and a way to say what it needs installed."""

from __future__ import annotations

import gc
import os
import shutil
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# On a machine that others use an example may take any time; CI's profile says so as well.
# `KIKET_TORTURE_EXAMPLES=5000 pytest tests/…` looks longer for what a few examples do not find.
settings.register_profile(
    "patient",
    settings(),
    max_examples=int(os.environ.get("KIKET_TORTURE_EXAMPLES") or 25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")
if "KIKET_TORTURE_EXAMPLES" not in os.environ:
    # To try what the sources compare with, each process reads all of them anew: four seconds of a
    # slow machine, of which the few examples here make nothing.
    providers._get_local_constants = lambda: providers._local_constants


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `@pytest.mark.needs("program", …)`: skip where it is missing, fail in CI."""
    wanted = [str(name) for mark in item.iter_markers("needs") for name in mark.args]
    missing = [name for name in wanted if shutil.which(name) is None]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}, which is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


OF_ONE_ENGINE = (
    "tests/acceptance/test_handing_out.py",
    "tests/acceptance/test_keeping.py",
    "tests/acceptance/test_main_job.py",
    "tests/acceptance/test_sending.py",
    "tests/acceptance/test_workers_and_logs.py",
)
"""Modules that share one running engine: one process runs them all."""
TOGETHER = (
    "tests/faults/test_bad_workers.py",
    "tests/faults/test_child_calls.py",
    "tests/faults/test_floods.py",
    "tests/faults/test_other_users.py",
    "tests/faults/test_slow_senders.py",
    "tests/kiket_console/commands/test_secrets.py",
    "tests/packaging/test_wheel.py",
)
"""Modules whose tests share something that takes long to make: one process runs all of each."""
LEAN = " ".join(
    f"-p no:{plugin}" for plugin in ("hypothesispytest", "anyio", "xdist", "syrupy", "timeout")
)
"""What pytest is told as the child of a test: without these it takes half as long to start."""
FIRST = ("tests/torture/", "tests/packaging/", "tests/acceptance/", "tests/faults/")
"""Tests that take long: were they last, one process would be left with them at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process one test after the other, but what belongs together as a whole."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has none

    class ByTest(LoadScopeScheduling):  # type: ignore[misc]  # the same
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            if module in OF_ONE_ENGINE:
                return OF_ONE_ENGINE[0]
            return module if module in TOGETHER else nodeid

        @cached_property
        def places(self) -> dict[str, int]:
            return {nodeid: place for place, nodeid in enumerate(self.collection)}

        def _assign_work_unit(self, node: Any) -> None:
            scope, unit = self.workqueue.popitem(last=False)
            self.assigned_work[node][scope] = unit
            node.send_runtest_some([self.places[nodeid] for nodeid in unit])

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ARG002  # as it is called
            nodeid = self.registered_collections[node][item_index]
            scope, work = self._split_scope(nodeid), self.assigned_work[node]
            del work[scope][nodeid]  # else all that is done is counted again after each test
            if not work[scope]:
                del work[scope]
            self._reschedule(node)

    return ByTest(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Have each process of several begin to read the tests elsewhere: it keeps them compiled.

    All would compile each module at the same time; so most find what another one has compiled.
    """
    worker = getattr(config, "workerinput", None)
    if worker and config.args == ["tests"]:
        modules = sorted(str(path) for path in Path("tests").rglob("test_*.py"))
        own = len(modules) * int(worker["workerid"][2:]) // worker["workercount"]
        config.args = modules[own:] + modules[:own]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collector from the tests while they come: nearly all of them stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; the rest is in the order of its modules."""
    items.sort(key=lambda item: (not item.nodeid.startswith(FIRST), item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Keep the collector from what stays anyway, ten thousand tests: it took a fifth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Have a process of several report what a test came to, and nothing that went without a word.

    Each report is a message to the process that counts them. Of five for each test, four said that
    it begins, is set up, is taken down and ends; they took half of what a short test takes.
    """
    if not hasattr(item.config, "workerinput"):
        return None
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.fixture(scope="session")
def unused_places() -> Iterator[list[TemporaryDirectory[str]]]:
    """Keep what `own_places` gave to tests that wrote nothing: most of them."""
    unused: list[TemporaryDirectory[str]] = []
    yield unused
    for folder in unused:
        folder.cleanup()


@pytest.fixture(autouse=True)
def own_places(
    monkeypatch: pytest.MonkeyPatch, unused_places: list[TemporaryDirectory[str]]
) -> Iterator[Path]:
    """Point the program's places at a folder of this test, and hide the developer's settings.

    The folder's path is short: Unix sockets lie below it.
    """
    folder = unused_places.pop() if unused_places else TemporaryDirectory(prefix="kc", dir="/tmp")
    place = Path(folder.name)
    runtime = place / "r"
    if not runtime.exists():
        runtime.mkdir(mode=0o700)
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, f"{place}/{variable.split('_')[1].lower()}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("PYTEST_ADDOPTS", LEAN)
    for variable in [name for name in os.environ if name.startswith("KIKET_")]:
        monkeypatch.delenv(variable)
    yield place
    if [*place.iterdir()] == [runtime] and not any(runtime.iterdir()):
        unused_places.append(folder)
        return
    for report in place.glob("state/kiket-console/crashes/*"):
        print(report.read_text("utf-8"))  # shown where the test failed
    folder.cleanup()


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """Forget the secrets that a test made known: texts of others may hold the same words."""
    entries, live = dict(redactor._entries), dict(redactor._live)
    yield
    if redactor._entries != entries or redactor._live != live:
        redactor._entries, redactor._live = entries, live
        redactor._changed()
