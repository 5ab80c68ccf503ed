"""`kiket-console secrets`, with an engine that runs: a value is shown to who asks for it alone."""

from __future__ import annotations

import io
import json
import re
import shlex
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import click
import pytest
from click.shell_completion import ShellComplete
from msgspec.structs import replace
from tests.acceptance.conftest import running, until
from tests.acceptance.terminal import Terminal
from tests.docs.blocks import ROOT, block

from kiket_console import cli
from kiket_console.commands import secrets_plan
from kiket_console.commands.secrets_asking import typed_or_piped
from kiket_console.commands.secrets_changes import notes_of
from kiket_console.dotenv_secrets import Comparison, Row
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import Rotation
from kiket_console.wire_secrets import SecretEntry, SecretUse
from kiket_sdk.testing import FakePlatform, fake_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import Engine

PAGE = ROOT / "docs" / "secrets.md"
COMMANDS = block(PAGE, "Secrets")
ENV_FILE = block(PAGE, "`.env`", 0)
IMPORTED = block(PAGE, "`.env`", 1)

CODE = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", workspace_token="wk_of_the_tests")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    return {"ok": True}
"""
MANIFEST = """\
id: com.example.sample
name: Sample
version: "1.0.0"
configuration:
  API_KEY: { type: string, secret: true }
"""
PLACES = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")


@dataclass
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run: TypeAlias = "Callable[..., Said]"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Run one engine for all of these tests, with secrets in memory and places of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="kc", dir="/tmp") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        place = Path(name)
        for variable in PLACES:
            folder = place / variable.split("_")[1].lower()
            folder.mkdir(mode=0o700)
            patch.setenv(variable, str(folder))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        project = place / "sample"
        project.mkdir()
        (project / "main.py").write_text(CODE)
        (project / "extension.yaml").write_text(MANIFEST)
        with running(project, "--session-secrets") as engine:
            engine.wait_serving()
            yield engine


@pytest.fixture
def place(engine: Engine, own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in an empty folder, with the places of the engine; return the project's folder."""
    for variable in PLACES:
        folder = engine.folder.parent / variable.split("_")[1].lower()
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.chdir(own_places)
    return engine.folder


@pytest.fixture
def secrets(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Return what runs `kiket-console secrets …` with something piped in."""
    monkeypatch.setattr("kiket_console.dotenv_secrets._GIT_LIMIT_S", 120)

    def run(*arguments: str, piped: str | bytes = b"") -> Said:
        raw = piped.encode() if isinstance(piped, str) else piped
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        code = cli.run(["-C", str(place), "secrets", *arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def env_file(own_places: Path) -> Path:
    """Return a file that is not the project's own: saving that starts workers anew."""
    return own_places / ".env"


@pytest.fixture
def kiket() -> Iterator[FakePlatform]:
    with fake_platform() as platform:
        yield platform


def test_a_value_goes_in_by_a_pipe_and_comes_out_as_it_is(secrets: Run) -> None:
    value = "first line\nünïcode 🔑\n"
    kept = secrets("set", "PIPED", piped=value + "\n")
    assert (kept.code, kept.out) == (0, "")
    assert "PIPED is kept in memory, for as long as the engine runs." in kept.err
    assert secrets("get", "PIPED").out == value
    assert secrets("get", "PIPED", "--json").document["value"] == value
    listed = secrets("list")
    assert "● PIPED" in listed.out
    assert "ünïcode" not in listed.out + listed.err + kept.err


@pytest.mark.parametrize(
    "arguments",
    [("set", "NAME", "hunter2"), ("rotate", "NAME", "hunter2"), ("set", "NAME=hunter2")],
    ids=["set", "rotate", "assigned"],
)
def test_a_value_is_no_argument_and_not_repeated(secrets: Run, arguments: tuple[str, ...]) -> None:
    said = secrets(*arguments, piped="another")
    assert said.code == ExitCode.USAGE
    assert "not taken from the command line" in said.err
    assert "hunter2" not in said.out + said.err
    assert secrets("get", "NAME").code == ExitCode.AUTH


@pytest.mark.parametrize(
    ("piped", "sentence"),
    [
        (b"\n", "No value came"),
        (b"\xff\xfe-secret", "not UTF-8"),
        (b"x" * (4 * 64 * 1024 + 1), "More than 64 KiB"),
        ("ü" * (64 * 1024 + 1), "65537 characters"),
    ],
    ids=["nothing", "bytes", "too much", "too many characters"],
)
def test_what_is_no_value_is_refused_whole(secrets: Run, piped: str | bytes, sentence: str) -> None:
    """Nothing is cut off to make it fit."""
    said = secrets("set", "REFUSED", piped=piped)
    assert (said.code, sentence in said.err) == (ExitCode.USAGE, True), said.err
    assert "-secret" not in said.err
    assert "REFUSED" not in secrets("list").out


def test_rotate_makes_a_value_and_undo_takes_it_back(secrets: Run) -> None:
    secrets("set", "MADE", piped="the-value-before")
    made = secrets("rotate", "MADE", "--generate", "hex:16", "--json").document
    assert (made["name"], made["version"]) == ("MADE", 2)
    assert len(secrets("get", "MADE").out) == 32
    assert secrets("undo", "MADE").code == 0
    assert secrets("get", "MADE").out == "the-value-before"
    assert secrets("rotate", "MADE", piped="typed-instead").code == 0
    assert secrets("get", "MADE").out == "typed-instead"
    assert secrets("rotate", "MADE", "--same").code == 0
    assert secrets("rotate", "MADE", "--same", "--generate", "uuid").code == ExitCode.USAGE


@pytest.mark.parametrize("form", ["md5", "hex:", "hex:7", "hex:1025", "hex:x", "uuid:8", "hex:²"])
def test_a_form_that_there_is_not_is_refused(secrets: Run, form: str) -> None:
    said = secrets("rotate", "FORMED", "--generate", form)
    assert said.code == ExitCode.USAGE
    assert "Write hex or base64url" in said.err


def test_what_is_deleted_comes_back(secrets: Run) -> None:
    secrets("set", "GONE", piped="not-for-ever")
    said = secrets("delete", "GONE")
    assert "secrets undo GONE" in said.err
    assert secrets("get", "GONE").code == ExitCode.AUTH
    assert "deleted" in secrets("list").out
    assert secrets("undo", "GONE").code == 0
    assert secrets("get", "GONE").out == "not-for-ever"
    assert secrets("remove", "GONE").code == 0  # as it was once called
    assert secrets("delete", "GONE").code == ExitCode.USAGE


def test_a_project_hides_what_all_share(secrets: Run) -> None:
    secrets("set", "BOTH", "--scope", "shared", piped="of-all-projects")
    assert secrets("get", "BOTH").out == "of-all-projects"
    said = secrets("set", "BOTH", piped="of-this-one")
    assert "It hides the shared secret" in said.err
    assert secrets("get", "BOTH").out == "of-this-one"
    assert secrets("get", "BOTH", "--scope", "shared").out == "of-all-projects"
    assert re.search(r"(?m)^● BOTH +shared", secrets("list", "--scope", "shared").out)
    assert not re.search(r"(?m)^● BOTH +shared", secrets("list", "--scope", "project").out)
    assert secrets("delete", "BOTH").err.count("forgotten") == 1
    assert secrets("get", "BOTH").out == "of-all-projects"


def test_who_asks_for_a_secret_is_said_and_gets_it(secrets: Run) -> None:
    assert re.search(r"(?m)^✗ API_KEY +- +missing +com\.example\.sample", secrets("list").out)
    said = secrets("set", "API_KEY", piped="short")
    assert "↻ com.example.sample  is started anew with it" in said.out
    assert "fewer than 8 characters" in said.err
    [entry] = [
        each
        for each in map(json.loads, secrets("list", "--json").out.splitlines())
        if each["name"] == "API_KEY"
    ]
    assert entry["declared_by"] == ["com.example.sample"]
    assert entry["short"]


def test_the_vault_is_told_and_a_keyring_looked_for(secrets: Run) -> None:
    assert "in memory" in secrets("vault").err
    assert secrets("vault", "--json").document["state"] == "session"
    assert "What a keyring has stays there" in secrets("vault", "--session").err
    said = secrets("vault", "--keyring")
    assert said.code == ExitCode.AUTH
    assert "there is no keyring here" in said.err


# Files


def test_an_import_shows_asks_keeps_and_takes_out(secrets: Run, env_file: Path) -> None:
    env_file.write_text("# keys\nSTRIPE_KEY=sk_of_the_file\nREGION=eu\nBLANK_KEY=\n")
    planned = secrets("import", ".env", "--dry-run")
    assert planned.code == 0
    assert planned.err.splitlines() == [
        "+ STRIPE_KEY  new",
        "+ REGION      new  left out",
        "✗ BLANK_KEY   it has no value",
    ]
    refused = secrets("import", ".env")
    assert (refused.code, "--yes" in refused.err) == (ExitCode.USAGE, True)
    assert secrets("get", "STRIPE_KEY").code == ExitCode.AUTH
    done = secrets("import", ".env", "--yes", "--json").document
    assert (done["kept"], done["removed"]) == (["STRIPE_KEY"], [])
    env_file.write_text(env_file.read_text().replace("of_the_file", "of_another"))
    taken = secrets("import", ".env", "--yes", "--remove", "--only", "STRIPE_KEY")
    assert "~ STRIPE_KEY  another value" in taken.err
    assert env_file.read_text() == "# keys\nREGION=eu\nBLANK_KEY=\n"
    assert secrets("get", "STRIPE_KEY").out == "sk_of_another"
    assert "No worker declares STRIPE_KEY" in taken.err
    env_file.write_text("STRIPE_KEY=sk_of_another\nREGION=eu\n")
    cleaned = secrets("import", ".env", "--yes", "--remove", "--json").document
    assert (cleaned["kept"], cleaned["removed"]) == ([], ["STRIPE_KEY"])
    assert "sk_of" not in planned.err + refused.err + taken.err + json.dumps(done)


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (("none.env",), "There is no file none.env.", ExitCode.CONFIG),
        ((".env", "--only", "NOPE"), "NOPE cannot be taken: it is not there.", ExitCode.USAGE),
        ((".env", "--only", "BLANK"), "BLANK cannot be taken: it has no value.", ExitCode.USAGE),
    ],
    ids=["file", "name", "value"],
)
def test_what_cannot_be_imported_is_said(
    secrets: Run, env_file: Path, arguments: tuple[str, ...], sentence: str, code: ExitCode
) -> None:
    env_file.write_text("BLANK=\n")
    said = secrets("import", *arguments)
    assert (said.code, sentence in said.err) == (code, True), said.err


def test_what_should_be_known_of_a_secret_is_said() -> None:
    uses = (SecretUse("crm", 1, "environment"), SecretUse("billing", 1, "message"))
    entry = SecretEntry("TWICE", present=True, uses=uses, env_file=True, short=True)
    short, twice, environment = notes_of(replace(entry, declared_by=("crm",)))
    assert "fewer than 8 characters" in short
    assert "The project's .env gives a variable of this name to every worker" in twice
    assert environment.startswith("crm is given it by environment")
    assert notes_of(SecretEntry("PLAIN", present=True)) == []


def test_an_export_is_read_back_the_same(secrets: Run, place: Path, tmp_path: Path) -> None:
    values = {"FIRST_KEY": "it's ${5}\nand a \\ more", "SECOND_KEY": 'plain "quoted" # text'}
    for name, value in values.items():
        secrets("set", name, piped=value)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    file = tmp_path / "out.env"
    only = ("--only", "FIRST_KEY", "--only", "SECOND_KEY")
    said = secrets("export", str(file), *only, "--yes")
    assert said.code == 0, said.err
    assert f"Git does not ignore {file}" in said.err
    assert said.err.count("${…}") == said.err.count("FIRST_KEY has ${…}") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets("export", "-", *only).out == file.read_text()
    again = secrets("import", str(file), "--dry-run")
    assert again.err.startswith("= FIRST_KEY   the same value\n= SECOND_KEY  the same value\n")
    assert secrets("export", str(place / "new.env")).code == ExitCode.USAGE
    assert not (place / "new.env").exists()


async def test_what_somebody_changed_since_the_plan_stays_as_it_is() -> None:
    """The others of the plan are kept, and said."""
    kept: dict[str, str] = {}

    class Calls:
        async def set(self, name: str, value: str, *, scope: str, version: int) -> Rotation:
            if version:
                raise ConsoleError(
                    f"{name} was changed meanwhile.", exit_code=ExitCode.VERIFICATION
                )
            kept[name] = f"{scope} {value}"
            return Rotation(name, "", ())

    rows = [Row(name, Comparison.NEW, f"of {name}") for name in ("A", "B", "C")]
    calls: Any = Calls()
    with pytest.raises(ConsoleError) as refused:
        await secrets_plan.keep(calls, rows, "shared", {"A": 0, "B": 4, "C": 0}.__getitem__)
    assert str(refused.value) == "Not kept: B. B was changed meanwhile. Kept: A, C."
    assert refused.value.exit_code is ExitCode.VERIFICATION
    assert kept == {"A": "shared of A", "C": "shared of C"}


def test_many_names_are_counted() -> None:
    assert secrets_plan.listing(["A"]) == "A"
    assert secrets_plan.listing([*"ABCDEFGHI"]) == "A, B, C, D, E, F, G, H, I"
    assert secrets_plan.listing([*"ABCDEFGHIJ"]) == "A, B, C, D, E, F, G, H and 2 more"


# A platform


def test_secrets_go_to_a_platform_and_come_back(
    secrets: Run, kiket: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_of_the_tests")
    secrets("set", "PUSHED_KEY", piped="the-value-here")
    kiket.secrets["PUSHED_KEY"] = "the-value-there"
    kiket.secrets["ELSE"] = "not looked at"
    push = ("push", "com.example.pager", "--url", kiket.url, "--only", "PUSHED_KEY")
    assert secrets(*push, "--dry-run").err == "~ PUSHED_KEY  another value\n"
    assert secrets(*push).code == ExitCode.USAGE  # it asks
    assert kiket.secrets["PUSHED_KEY"] == "the-value-there"
    assert secrets(*push, "--yes", "--json").document["done"] == ["PUSHED_KEY"]
    assert kiket.secrets == {"PUSHED_KEY": "the-value-here", "ELSE": "not looked at"}
    assert {call.headers["authorization"] for call in kiket.calls} == {"Bearer wk_of_the_tests"}

    kiket.secrets |= {"PULLED_KEY": "made-over-there", "no name": "x"}
    pulled = secrets("pull", "com.example.pager", "--url", kiket.url, "--yes")
    assert pulled.code == 0, pulled.err
    assert "= PUSHED_KEY  the same value" in pulled.err
    assert "✗ no name     no secret can be called so" in pulled.err
    assert secrets("get", "PULLED_KEY").out == "made-over-there"
    assert "made-over-there" not in pulled.err + pulled.out


def test_what_was_pushed_before_a_failure_is_said(
    secrets: Run, kiket: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_of_the_tests")
    for name in ("FIRST_PART", "SECOND_PART"):
        secrets("set", name, piped=f"value-of-{name}")
    path = "POST /api/v1/extensions/com.example.pager/secrets"
    kiket.answers[path] = [(201, {}), (503, {"error": "value-of-SECOND_PART is not taken"})]
    only = ("--only", "FIRST_PART", "--only", "SECOND_PART", "--yes")
    said = secrets("push", "com.example.pager", "--url", kiket.url, *only)
    assert said.code == ExitCode.FAILURE
    assert "The platform has: FIRST_PART." in said.err
    assert "Could not write SECOND_PART" in said.err
    assert "value-of" not in said.err


def test_only_what_the_extension_asks_for_is_proposed(secrets: Run, engine: Engine) -> None:
    """The stand-in for the platform is one; what it is told is known there already."""
    assert secrets("set", "KIKET_WORKSPACE_TOKEN", piped="wk_of_the_tests").code == 0
    secrets("set", "OTHER_KEY", piped="of-somebody-else")
    url = engine.info["platform_url"]
    same = secrets("push", "com.example.sample", "--url", url, "--all")
    assert same.code == 0, same.err
    assert "= OTHER_KEY" in same.err
    assert "There is nothing to do." in same.err
    secrets("set", "OTHER_KEY", "--scope", "shared", piped="of-all-projects")
    shared = ("push", "com.example.sample", "--url", url, "--scope", "shared")
    assert re.search(r"~ OTHER_KEY +another value  left out", secrets(*shared).err)
    done = secrets(*shared, "--only", "OTHER_KEY", "--yes")
    assert "The platform has: OTHER_KEY." in done.err
    assert secrets("get", "OTHER_KEY", "--scope", "project").out == "of-all-projects"


@pytest.mark.parametrize(
    ("answer", "sentence", "code"),
    [
        ((401, {}), "refuses the workspace token (401)", ExitCode.AUTH),
        ((404, {}), "knows nothing of it", ExitCode.FAILURE),
        ((500, {}), "answered 500", ExitCode.FAILURE),
        ((307, {}, {"Location": "http://127.0.0.1:9/"}), "redirects elsewhere", ExitCode.NETWORK),
        ((200, {"keys": []}), "Unexpected response format", ExitCode.FAILURE),
        ((200, [{"key": f"K{n}"} for n in range(1001)]), "1,001 secrets", ExitCode.FAILURE),
    ],
    ids=["token", "extension", "trouble", "redirect", "form", "flood"],
)
def test_what_a_platform_refuses_is_one_sentence(
    secrets: Run, kiket: FakePlatform, monkeypatch: pytest.MonkeyPatch,
    answer: Any, sentence: str, code: ExitCode,
) -> None:  # fmt: skip
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_of_the_tests")
    kiket.answers["GET /api/v1/extensions/com.example.pager/secrets"] = answer
    said = secrets("pull", "com.example.pager", "--url", kiket.url, "--yes")
    assert (said.code, sentence in said.err) == (code, True), said.err
    assert said.err.count("\n") <= 2
    assert "wk_of_the_tests" not in said.err


@pytest.mark.parametrize(
    ("url", "sentence", "code"),
    [
        ("http://kiket.dev", "anybody on the way could read them", ExitCode.USAGE),
        ("https://me:hunter2@kiket.dev", "'kiket.dev' is no platform's address", ExitCode.USAGE),
        ("kiket.dev", "is no platform's address", ExitCode.USAGE),
        ("", "It is not said which platform.", ExitCode.USAGE),
    ],
    ids=["plain", "password", "bare", "none"],
)
def test_no_secret_goes_to_an_address_that_is_not_safe(
    secrets: Run, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str, code: ExitCode
) -> None:
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_of_the_tests")
    said = secrets("push", "com.example.pager", "--url", url, "--yes")
    assert (said.code, sentence in said.err) == (code, True), said.err
    assert "hunter2" not in said.err


# A terminal, a shell, and the page


def test_a_shell_completes_names_forms_and_extensions(secrets: Run, place: Path) -> None:
    secrets("set", "COMPLETED_KEY", piped="of-no-interest")

    def ways(*words: str, incomplete: str) -> list[str]:
        asked = ShellComplete(cli.cli, {}, cli.PROGRAM, "")
        found = asked.get_completions(["-C", str(place), "secrets", *words], incomplete)
        return [each.value for each in found]

    assert ways("get", incomplete="COMPL") == ["COMPLETED_KEY"]
    assert ways("rotate", "NAME", "--generate", incomplete="ba") == ["base64url"]
    assert ways("push", incomplete="com.") == ["com.example.sample"]


def test_the_first_of_several_lines_is_not_taken_for_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that is pasted behind a prompt ends there with its first line."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "-----BEGIN PRIVATE KEY-----")
    with pytest.raises(ConsoleError, match="first of several lines"):
        typed_or_piped("CERT")


def test_a_value_never_steers_a_terminal(secrets: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets("set", "STEERING", piped="\x1b]0;title\x07red\nsecond")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    shown = secrets("get", "STEERING", "--yes")
    assert shown.out == "\\x1b]0;title\\x07red\nsecond\n"
    assert "Signs that nobody sees are shown by others" in shown.err


@pytest.mark.needs("tmux")
def test_a_terminal_asks_unseen_and_shows_once_you_agree(place: Path, tmp_path: Path) -> None:
    program = f"{shlex.quote(sys.executable)} -m kiket_console secrets"
    command = ["sh", "-c", f"{program} set TYPED; {program} get TYPED"]
    terminal = Terminal(tmp_path / "tmux", until, command, place)
    try:
        terminal.shows(r"Value of TYPED:")
        terminal.type("hunter2-typed")
        terminal.press("Enter")
        terminal.shows(r"Show the value of TYPED on this terminal\? \[y/N\]")
        assert "hunter2" not in terminal.screen()
        terminal.press("y", "Enter")
        terminal.shows(r"(?m)^hunter2-typed$")
    finally:
        terminal.close()


def test_the_commands_of_the_page_do_what_it_says(secrets: Run, env_file: Path) -> None:
    env_file.write_text(ENV_FILE.text)
    files = {"database-url.txt": "postgres://me:of-the-page@db/shop\n"}
    out = []
    for line in (COMMANDS.text + IMPORTED.text).splitlines():
        command, _, file = line.partition(" < ")
        said = secrets(*shlex.split(command)[2:], piped=files.get(file, ""))
        assert said.code == 0, (line, said.err)
        out.append(said.out)
    assert "postgres://me:of-the-page@db/shop" in out
    assert env_file.read_text() == "# keys of the shop\nREGION=eu-central-1\n"
    assert secrets("get", "STRIPE_KEY").out == "sk_test_of_the_page"
