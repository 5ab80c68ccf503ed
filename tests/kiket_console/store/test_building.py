"""A store of an older schema becomes one of the newest, or stays as it was: never half of each."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING, Self

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.store import schema
from kiket_console.store.reader import Reader
from kiket_console.store.verification import verify
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_console.store.conftest import MakeExchange

EXCHANGES = 400
IPC = ("kind", "direction", "channel")
LOOKED_AT = ("duplicate_of", "unread")


@pytest.fixture
def old(path: Path) -> Path:
    """Return the path of a store as the first release wrote it, closed."""
    _write_version_1(path, EXCHANGES)
    return path


def _write_version_1(path: Path, exchanges: int) -> None:
    script = resources.files("kiket_console.store").joinpath("schema/0001.sql").read_text("utf-8")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {script}; PRAGMA user_version = 1; COMMIT")
        connection.execute("BEGIN")
        for number in range(1, exchanges + 1):
            connection.execute(
                "INSERT INTO exchange (id, change, source, worker, name, version, method, path,"
                " started_us, state, status, duration_us, request_bytes, signature, verdict,"
                " trace_id, span_id, parent_guessed, attempts, pinned)"
                " VALUES (?,?,'webhook','m','e','v1','POST','/',?,'forwarded',200,5,300,'ok k0',?,"
                " 'ab','cd',0,1,?)",
                (number, 3 * number, number, _verdict(number), number == 7),
            )
            for part in (0, 1):
                connection.execute(
                    "INSERT INTO message VALUES (?,?,'[[\"a\",\"1\"]]',?,300,x'00',0,'[]')",
                    (number, part, b"%d" % number * 100),
                )
            connection.execute(
                "INSERT INTO attempt VALUES (?,1,'m#1',5,'forwarded',200,5,'')", (number,)
            )
            connection.execute(
                "INSERT INTO log VALUES (?,5,'m','stdout','','','hi','',NULL)", (number,)
            )
        connection.execute("UPDATE sqlite_sequence SET seq = seq + 9 WHERE name = 'exchange'")
        connection.execute("COMMIT")
    path.chmod(0o600)


def _verdict(number: int) -> str | None:
    judgement = {"ok": True, "reason": "ok", "dialect": "k0", "sentence": "It matches."}
    return json.dumps(judgement) if number % 2 else None


def _counts(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - ours
            for table in ("exchange", "log")
        ]


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return schema.user_version(connection)


def test_an_older_store_is_migrated_and_kept_as_it_was(old: Path) -> None:
    """All rows are there, no number is given twice, and a note names the copy."""
    before, counts = old.read_bytes(), _counts(old)

    writer = Writer(old)
    writer.close()

    backup = old.with_name("store.backup-v1.sqlite3")
    [note] = writer.notes
    assert note == (
        f"The store was brought from schema version 1 to {schema.VERSION}; as it was, it is kept "
        f"as {backup}."
    )
    assert backup.read_bytes() == before
    assert backup.stat().st_mode & 0o777 == 0o600
    assert (_version(backup), _version(old)) == (1, schema.VERSION)
    assert _counts(old) == counts == [EXCHANGES, EXCHANGES]
    newest = writer.newest
    assert (newest.newest_exchange, newest.newest_change) == (EXCHANGES + 9, 3 * EXCHANGES)
    assert (newest.exchanges, newest.logs) == (EXCHANGES, EXCHANGES)
    with Reader(old) as reader:
        assert len(reader.ids()) == EXCHANGES
        assert reader.counted() == (0, EXCHANGES + 9)
        detail = reader.detail(7)
        assert detail is not None
        assert detail.exchange.pinned
        assert detail.request.body.raw == b"7" * 100
        assert detail.judgement is not None
        assert detail.judgement.sentence == "It matches."
        assert detail.attempts[0].answer is not None
    second = Writer(old)
    second.close()
    assert second.notes == ()


def test_a_store_of_version_2_keeps_its_digests(path: Path, arrived: MakeExchange) -> None:
    """What came since is empty in it, and no row is as if another program had changed it."""
    writer = Writer(path)
    writer.submit([arrived(1), arrived(2)]).result(120)
    writer.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX exchange_waiting")
        for column in ("note", "edited", "decision", "retry", "next_try_us", *IPC, *LOOKED_AT):
            connection.execute(f"ALTER TABLE exchange DROP COLUMN {column}")
        connection.execute("ALTER TABLE log DROP COLUMN frames")
        for column in ("measured", "measured_us", "uncounted", "too_many"):
            connection.execute(f"ALTER TABLE counters DROP COLUMN {column}")
        for table in ("session", "series", "measure", "sample", "span", "reload"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")

    Writer(path).close()

    assert verify(path).findings == []
    with Reader(path) as reader:
        found = [(each.note, each.edited, each.retry, each.unread) for each in reader.page([1, 2])]
        assert found == [("", False, "", False)] * 2


def test_what_only_the_log_of_an_older_store_holds_is_migrated_too(old: Path) -> None:
    """That is how a killed engine leaves it."""
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("UPDATE exchange SET pinned = 1")
    raw = {file: file.read_bytes() for file in old.parent.glob("store*")}
    connection.close()
    for file, content in raw.items():
        file.write_bytes(content)

    Writer(old).close()

    for file in (old, old.with_name("store.backup-v1.sqlite3")):
        with closing(sqlite3.connect(file)) as after:
            pinned = after.execute("SELECT count(*) FROM exchange WHERE pinned").fetchone()
        assert pinned == (EXCHANGES,)


def test_a_newer_store_is_refused_and_stays_as_it_is(path: Path) -> None:
    Writer(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(ConsoleError) as refused:
        Writer(path)

    assert refused.value.message == (
        f"The store has schema version 99, and this program knows up to {schema.VERSION}."
    )
    assert path.read_bytes() == before
    assert list(path.parent.glob("store.*corrupt*")) == []


def test_without_room_for_both_the_older_store_stays_as_it_is(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old.read_bytes()

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)

    with pytest.raises(ConsoleError) as refused:
        Writer(old)

    assert refused.value.message == (
        f"The store {old} could not be brought from schema version 1 to {schema.VERSION}: "
        "[Errno 28] No space left on device. It is as it was."
    )
    assert old.read_bytes() == before
    assert [file.name for file in old.parent.glob("store*building*")] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from kiket_console.store.writer import Writer

WATCHED = {"open", "os.rename", "os.link", "os.remove", "os.chmod", "sqlite3.connect",
           "sqlite3.connect/handle", "shutil.copyfile"}

def migrate(step, path):
    seen = 0
    def kill_at_step(event, arguments):
        nonlocal seen
        if event in WATCHED and any("store" in str(each) for each in arguments):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill_at_step)
    Writer(path).close()
    os._exit(seen)

for step in map(int, sys.stdin):
    child = os.fork()
    if child == 0:
        migrate(step, Path(sys.argv[1]))
    print(child, flush=True)
    sys.stdin.readline()  # its number is nobody else's until it is waited for
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A program that migrates a store in a process for each line: a new one would take its time."""


class Migrations:
    """Migrations of a store, each in a process that is killed at a step, or whenever it is said."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdin=-1, stdout=-1, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=120)

    def begin(self, step: int = -1) -> int:
        """Begin one; return its process."""
        self._tell(f"{step}\n")
        return int(self._said())

    def ended(self) -> int:
        """Return how many steps it had, or the negative number of the signal that ended it."""
        self._tell("\n")
        return int(self._said())

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _put_back(path: Path, content: bytes) -> None:
    for file in path.parent.glob("store*"):
        file.unlink()
    path.write_bytes(content)


def test_a_kill_at_any_step_of_a_migration_leaves_the_old_store_or_the_new_one(
    path: Path,
) -> None:
    """Killed at each file operation in turn, then started again: no row is lost on the way."""
    _write_version_1(path, 20)
    counts = _counts(path)
    content = path.read_bytes()
    left: dict[int, int] = {}
    with Migrations(path) as migrations:
        migrations.begin()
        steps = migrations.ended()
        assert steps >= 20
        for step in range(1, steps + 1):
            _put_back(path, content)

            migrations.begin(step)
            assert migrations.ended() == -signal.SIGKILL

            left[_version(path)] = left.get(_version(path), 0) + 1
            assert _counts(path) == counts
            writer = Writer(path)
            writer.close()
            assert (_version(path), _counts(path)) == (schema.VERSION, counts)
            assert not any("damaged" in note for note in writer.notes)
            assert [file.name for file in path.parent.glob("store*building*")] == []
            assert not path.with_name("store.sqlite3.next").exists()
    assert set(left) == {1, schema.VERSION}


def test_a_kill_at_any_moment_of_a_migration_leaves_the_old_store_or_the_new_one(
    path: Path,
) -> None:
    """Twenty moments at random, within statements of SQLite's too."""
    _write_version_1(path, 1000)
    counts = _counts(path)
    content = path.read_bytes()
    chance = random.Random(20)  # noqa: S311 - the same moments each time
    with Migrations(path) as migrations:
        began = time.monotonic()
        migrations.begin()
        assert migrations.ended() > 0
        whole_s = time.monotonic() - began
        for _ in range(20):
            _put_back(path, content)
            process = migrations.begin()
            time.sleep(chance.random() * whole_s)  # any moment will do
            os.kill(process, signal.SIGKILL)
            migrations.ended()

            assert _version(path) in {1, schema.VERSION}
            assert _counts(path) == counts
    writer = Writer(path)
    writer.close()
    assert (_version(path), _counts(path)) == (schema.VERSION, counts)
