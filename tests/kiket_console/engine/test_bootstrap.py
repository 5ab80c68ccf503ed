"""What runs inside a worker: it imports in isolation, says what went wrong, and carries output."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import logging
import os
import sys
import venv
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from kiket_console import traced_frames
from kiket_console.engine import (
    bootstrap,
    bootstrap_code,
    bootstrap_frames,
    bootstrap_output,
    bootstrap_preload,
    bootstrap_program,
    lifeline,
)
from kiket_console.engine.worker_messages import Failed, decode
from kiket_console.model import WorkerState
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01"
SDK = "from kiket_sdk import KiketSDK\nsdk = KiketSDK(webhook_secret='a-secret-of-the-tests')\n"


PARTS = (
    bootstrap,
    bootstrap_code,
    bootstrap_frames,
    bootstrap_output,
    bootstrap_preload,
    bootstrap_program,
    lifeline,
)


def test_it_needs_nothing_but_the_standard_library() -> None:
    """It runs in any interpreter of a project, before the project's own packages are in reach."""
    for module in PARTS:
        tree = ast.parse(inspect.getsource(module))
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        names = set()
        for node in ast.walk(tree):
            if id(node) not in guarded and isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            if id(node) not in guarded and isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
        assert names
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names, module


async def problem_of(supervise: Supervise, folder: Path, main: str) -> Any:
    """Return why *main* does not start."""
    (folder / "main.py").write_text(main)
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert not running.worker.serving
        assert await running.supervisor.wait_serving(running.name) is None
        return running.worker.problem


@pytest.mark.parametrize(
    ("main", "sentence"),
    [
        (
            "import os\n\n\nimport elasticsearch_of_nobody\napp = None\n",
            "main.py:4: ModuleNotFoundError: No module named 'elasticsearch_of_nobody'",
        ),
        ("app = 1\ndef f(:\n    pass\n", "main.py:2: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)\napp = 1\n", "main.py:2: the file ends the program while it is"),
        ("app = {}\n", "`main:app` is 'dict': no KiketSDK and no ASGI app."),
        (
            f"{SDK}sdk.run()\n",
            "main.py:3: the file starts its own server while it is imported. Put that call under",
        ),
        (
            "import uvicorn\napp = 1\ntry:\n    uvicorn.run(app)\nexcept Exception:\n    pass\n",
            "main.py:4: the file starts its own server",
        ),
    ],
)
async def test_code_that_does_not_start_is_told_in_a_sentence_with_its_line(
    supervise: Supervise, project_folder: Path, main: str, sentence: str
) -> None:
    problem = await problem_of(supervise, project_folder, main)
    assert problem.sentence.startswith(sentence)
    assert not any("bootstrap" in line for line in problem.traceback)


def test_an_exception_that_cannot_say_what_it_is_has_its_line_all_the_same(tmp_path: Path) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise KeyError("detail")

    code = compile("\n\nraise MuteError", str(tmp_path / "main.py"), "exec")
    with pytest.raises(MuteError) as raised:
        exec(code, {"MuteError": MuteError})  # noqa: S102 - our own code
    failed = bootstrap_code.failure(raised.value, str(tmp_path))
    assert failed["sentence"] == "main.py:3: MuteError: its text cannot be told (KeyError)"
    assert failed["line"] == 3


def test_half_a_character_is_told_written_out() -> None:
    """A file's name need not be Unicode, and is in messages of exceptions."""
    message = {"type": "failed", "sentence": "no caf\udce9 \\ud800 é", "traceback": ["\ud83d\n"]}
    failed = decode(bootstrap_output._encoded(message))
    assert isinstance(failed, Failed)
    assert failed.sentence == "no caf\\udce9 \\ud800 é"
    assert failed.traceback == ("\\ud83d\n",)


async def test_an_entry_that_is_not_there_names_what_is(
    supervise: Supervise, project_folder: Path
) -> None:
    (project_folder / "kiket.toml").write_text('[[extension]]\nentry = "main:sdk"\n')
    problem = await problem_of(supervise, project_folder, SDK.replace("sdk =", "extension ="))
    assert problem.sentence == (
        "main.py has no `sdk`, but has `extension`. "
        'Name it in kiket.toml: entry = "main:extension".'
    )


async def test_a_start_up_that_fails_is_told_with_its_line(
    supervise: Supervise, project_folder: Path
) -> None:
    main = (
        "import contextlib\nfrom starlette.applications import Starlette\n\n"
        "@contextlib.asynccontextmanager\nasync def lifespan(app):\n"
        "    raise RuntimeError('no database')\n    yield\n\napp = Starlette(lifespan=lifespan)\n"
    )
    problem = await problem_of(supervise, project_folder, main)
    assert problem.sentence == "main.py:6: RuntimeError: no database"


async def test_a_problem_shows_no_secret(supervise: Supervise, project_folder: Path) -> None:
    """Nor the beginning of one, where the text is too long to be shown whole."""
    main = "import os\nraise ValueError('x' * 960 + os.environ['KIKET_WORKSPACE_TOKEN'])\napp = 1\n"
    problem = await problem_of(supervise, project_folder, main)
    assert "wk_local_" not in f"{problem.sentence} {problem.traceback}"
    assert "[secret:KIKET_WO" in problem.sentence
    assert len(problem.sentence) == 1000


async def test_imports_work_as_with_python_main_py(
    supervise: Supervise, project_folder: Path
) -> None:
    """Beside the entry, and below src for that layout; `__main__` blocks do not run."""
    source = project_folder / "src"
    (source / "pages").mkdir(parents=True)
    (project_folder / "main.py").rename(source / "main.py")
    (source / "pages" / "__init__.py").write_text("TITLE = 'from src'\n")
    with (source / "main.py").open("a") as main:
        main.write(
            "\nimport pages\ndef answer(path):\n"
            "    return [pages.TITLE, os.getcwd(), sys.argv, sys.path[0]]\n"
            "if __name__ == '__main__':\n    raise SystemExit('ran')\n"
        )
    async with supervise() as running:
        expected = ["from src", str(project_folder), ["main"], str(source)]
        assert await running.ask() == str(expected)


async def test_handlers_are_found_and_no_file_of_the_project_shadows_what_the_bootstrap_imports(
    supervise: Supervise, project_folder: Path
) -> None:
    """A folder is hostile until its own code runs: `import yaml` inside the SDK finds PyYAML.

    Handlers are found behind decorators, partials and objects.
    """
    for name in ("yaml", "platform", "json", "asyncio", "uvicorn", "sitecustomize"):
        (project_folder / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    (project_folder / "others.py").write_text(
        "import functools\n\ndef logged(f):\n    @functools.wraps(f)\n"
        "    async def wrapper(*a):\n        return await f(*a)\n    return wrapper\n\n"
        "class Greeter:\n    def __call__(self, payload, context):\n        return {}\n"
    )
    (project_folder / "main.py").write_text(
        f"{SDK}import functools\nimport others\n"
        "@others.logged\nasync def wrapped(payload, context):\n    return {}\n"
        "sdk.register('a', wrapped, version='v1')\n"
        "sdk.register('b', functools.partial(wrapped), version='v1')\n"
        "sdk.register('c', others.Greeter(), version='v1')\n"
        "sdk.register('d', len, version='v1')\n"
    )
    async with supervise() as running:
        await running.serving()
        places = {each.event: (each.file, each.line) for each in running.worker.handlers}
    assert places["a"] == places["b"] == ("main.py", 5)
    assert places["c"] == ("others.py", 10)
    assert places["d"] == ("", 0)


async def test_the_first_call_of_the_platform_imports_nothing_and_handlers_print_with_their_trace(
    supervise: Supervise, project_folder: Path
) -> None:
    """It would keep the first delivery after each save waiting."""
    (project_folder / "main.py").write_text(
        "import sys\n"
        "from kiket_sdk import KiketSDK\n"
        "from kiket_sdk._retrying import trying\n"
        "from kiket_sdk.client import HTTPError, new_http_client\n"
        "sdk = KiketSDK(webhook_secret='a-webhook-secret-of-24-bytes')\n"
        "@sdk.app.get('/imported')\n"
        "async def imported():\n"
        "    before = set(sys.modules)\n"
        "    try:\n"
        "        async with new_http_client('http://127.0.0.1:1', timeout_s=5) as client:\n"
        "            await trying(lambda: client.get('/'), tries=2, again=lambda _: False)\n"
        "    except HTTPError as error:\n"
        "        return [type(error).__name__, *sorted(set(sys.modules) - before)]\n"
        "@sdk.app.get('/say')\n"
        "def say():\n    print('in a thread')\n    return 1\n"
    )
    async with supervise() as running:
        assert await running.ask("/imported") == '["ConnectError"]'
        await running.ask("/say", TRACEPARENT)
        await running.until(lambda: running.texts("stdout") == ["in a thread"])
        assert running.logs[-1].trace_id == TRACE


async def test_an_interpreter_of_the_project_is_lent_our_sdk(
    supervise: Supervise, project_folder: Path
) -> None:
    """Its own packages come first; what it lacks is found behind them."""
    venv.create(project_folder / ".venv", with_pip=False)
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = project_folder / ".venv" / "lib" / minor / "site-packages"
    (own / "psutil.py").write_text("ORIGIN = 'the project'\n")
    (project_folder / "main.py").write_text(
        f"{SDK}import sys, psutil\nprint('uses', psutil.ORIGIN, sys.prefix)\n"
    )
    async with supervise() as running:
        await running.serving()
        assert running.texts("stdout") == [f"uses the project {project_folder / '.venv'}"]
        assert running.worker.interpreter == str(project_folder / ".venv" / "bin" / "python")


async def test_an_interpreter_that_cannot_serve_is_told_with_what_to_do(
    supervise: Supervise, project_folder: Path
) -> None:
    stranger = project_folder / "stranger"
    stranger.write_text("#!/nowhere/python\n")
    stranger.chmod(0o755)
    (project_folder / "kiket.toml").write_text(
        '[[extension]]\nentry="main:app"\npython="stranger"\n'
    )
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert running.worker.problem.sentence == (
            f"{stranger} begins with #!/nowhere/python, and there is no such program; "
            "correct its first line."
        )


CANARY = "sings-in-the-mine-a1b2"
OUTPUT = (
    f"""
import asyncio, logging, subprocess
CANARY = {CANARY!r}
"""
    """
log = logging.getLogger("shop.orders")

def answer(path):
    if path == "/print":
        print("hello", "there")
        sys.stderr.write("half a line, ")
        sys.stderr.write("the rest\\n")
    if path == "/log":
        log.info("took %s", "it")
        log.debug("not asked for")
        order, carried, password = {"lines": [3, 0]}, f"<{CANARY}>", "hunter2"
        try:
            1 / order["lines"][1]
        except ZeroDivisionError:
            log.exception("failed")
    if path == "/raw":
        os.write(1, b"bytes \\xff\\xfe\\n")
        subprocess.run(["echo", "from a child"])
        sys.stdout.buffer.write(b"from the buffer\\n")
    if path == "/long":
        print("x" * 70_000)
        os.write(1, b"y" * 70_000 + b"\\n")
    if path == "/flood":
        for number in range(20_000):
            print("line", number)
    if path == "/fork":
        pid = os.fork()
        if pid == 0:
            print("from a fork")
            os._exit(0)
        os.waitpid(pid, 0)
    if path == "/surrogate":
        print("a\\udcffb")
    return "done"
"""
)


@pytest.fixture
def talking(project_folder: Path) -> Path:
    with (project_folder / "main.py").open("a") as main:
        main.write(OUTPUT)
    return project_folder


async def test_all_that_is_written_is_heard_and_printed_lines_carry_the_trace_of_their_request(
    supervise: Supervise, talking: Path
) -> None:
    """Also what is written past Python, of a long line its start, and how much of a flood."""
    async with supervise() as running:
        await running.ask("/print", TRACEPARENT)
        await running.until(lambda: len(running.logs) == 2)
        seen = [(line.stream, line.text, line.trace_id) for line in running.logs]
        assert seen == [
            ("stdout", "hello there", TRACE),
            ("stderr", "half a line, the rest", TRACE),
        ]
        assert {line.worker for line in running.logs} == {"sample"}

        for path in ("/raw", "/fork", "/surrogate"):
            await running.ask(path)
        wanted = {"bytes \\xff\\xfe", "from a child", "from the buffer", "from a fork", "a\\udcffb"}
        await running.until(lambda: wanted <= set(running.texts("stdout")))

        running.logs.clear()
        await running.ask("/long")
        await running.until(lambda: len(running.logs) == 2)
        for line in running.logs:
            assert line.text.endswith(" … (6,000 more not kept)")
            assert len(line.text) < 65_536

        running.logs.clear()
        await running.ask("/flood")
        await running.ask("/print")
    dropped = sum(line.dropped for line in running.logs)
    kept = sum(line.text.startswith("line ") for line in running.logs)
    assert kept > 0
    assert 20_000 <= kept + dropped <= 20_002


async def test_log_records_come_as_records_with_their_traceback(
    supervise: Supervise, talking: Path
) -> None:
    redactor.add("canary", CANARY)
    async with supervise() as running:
        await running.ask("/log", TRACEPARENT)
        await running.until(lambda: len(running.texts("log")) == 2)
        took, failed = running.logs
        assert (took.level, took.logger, took.text) == ("INFO", "shop.orders", "took it")
        assert failed.level == "ERROR"
        assert failed.text.startswith("failed\nTraceback (most recent call last):\n")
        assert failed.text.endswith("ZeroDivisionError: division by zero")
        assert failed.trace_id == TRACE
        (frame,) = traced_frames.read(failed.frames)
        assert frame.file == str(talking / "main.py")
        assert frame.source[2] == '            1 / order["lines"][1]'
        assert dict(frame.values) == {
            "path": '"/log"',
            "order": '{"lines": [3, 0]}',
            "carried": '"<[secret:canary]>"',
            "password": "[redacted]",
        }
        assert took.frames == ""


@pytest.mark.parametrize(
    ("number", "name", "level"),
    [
        (30, "WARNING", "WARNING"),
        (30, "\x1b[33mWARNING\x1b[0m", "WARNING"),
        (25, "SUCCESS", "INFO"),
        (5, "TRACE", "DEBUG"),
        (60, "AUDIT", "CRITICAL"),
    ],
    ids=["usual", "coloured", "between", "below", "above"],
)
def test_a_level_of_the_codes_own_is_one_of_the_five(number: int, name: str, level: str) -> None:
    record = logging.makeLogRecord({"levelno": number, "levelname": name})
    assert bootstrap_output._level(record) == level


async def test_exceptions_tell_nothing_of_locals_where_the_settings_say_so(
    supervise: Supervise, talking: Path
) -> None:
    async with supervise(shows_locals=False) as running:
        await running.ask("/log")
        await running.until(lambda: len(running.texts("log")) == 2)
        assert running.logs[-1].frames == ""


async def test_a_program_that_sets_up_logging_itself_is_not_heard_twice(
    supervise: Supervise, talking: Path
) -> None:
    with (talking / "main.py").open("a") as main:
        main.write("\nlogging.basicConfig(level=logging.DEBUG, stream=sys.stdout)\n")
    async with supervise() as running:
        await running.ask("/log")
        await running.until(lambda: len(running.texts("log")) >= 3)
        await running.ask("/print")
        await running.until(lambda: "hello there" in running.texts("stdout"))
        assert running.texts("stdout") == ["hello there"]
        assert "not asked for" in running.texts("log")


def test_a_class_is_the_same_whether_or_not_its_text_was_compiled_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made() -> type[Any]:
        return dataclasses.make_dataclass("Lead", [("name", str), ("age", int, 7)], frozen=True)

    def described(made: type[Any]) -> object:
        lead = made("Ann")
        return inspect.signature(made), made.__init__.__annotations__, repr(lead), hash(lead)

    usual = made()
    first = bootstrap_preload.Texts()
    with first.at_hand():
        assert described(made()) == described(usual)
    again = bootstrap_preload.Texts()
    again.compile_early([*first.seen, "no Python"])
    compile_now = mock.Mock(side_effect=bootstrap_preload._code_of)
    monkeypatch.setattr(bootstrap_preload, "_code_of", compile_now)
    with again.at_hand():
        assert described(made()) == described(usual)
        assert compile_now.call_count == 0
        dataclasses.make_dataclass("Other", ["other"])
        assert compile_now.call_count > 0
    assert [*first.seen] == [*again.seen][: len(first.seen)]
    assert not hasattr(dataclasses, "exec")


def test_text_that_is_learned_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap_preload, "TEXTS_LIMIT", 2_000)
    texts = bootstrap_preload.Texts()
    with texts.at_hand():
        made = [dataclasses.make_dataclass(f"Lead{at}", [f"field_{at}"]) for at in range(20)]
    assert repr(made[19](3)) == "Lead19(field_19=3)"
    assert 0 < sum(map(len, texts.seen)) <= 2_000


def test_what_was_compiled_early_is_used_as_long_as_it_is_what_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "main.py")
    (tmp_path / "main.py").write_text("ANSWER = 1\n")
    loader = bootstrap_code.FreshLoader
    os.mkfifo(tmp_path / "pipe.py")  # is not waited for
    bootstrap_code.compile_early([path, str(tmp_path / "none.py"), str(tmp_path / "pipe.py")])
    early = loader.compiled[path][1]
    assert loader.code_of(path, b"ANSWER = 1\n") is early
    bootstrap_code.compile_early([path])
    assert 2 in loader.code_of(path, b"ANSWER = 2\n").co_consts
    assert path in loader.imported
    assert path not in loader.compiled
