"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import kiket_console
import kiket_sdk
from kiket_console.errors import ExitCode

ROOT = Path(__file__).parents[2]
LINE_LIMITS = {"app": 400, "sdk": 400, "tests": 600}
"""By part; tests are lists of cases, and read as such."""
LONG_FOR_A_REASON: dict[str, str] = {}
"""Modules that may be longer, by path, each with why."""
VAGUE_NAMES = {"common", "helpers", "manager", "misc", "utils"}
NAMED_BY_OTHERS = {"sdk/kiket_sdk/utils.py"}
"""Vague, but a public module path that extensions import."""


def tracked() -> list[Path]:
    """Return the files of the project, without what builds and tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def modules() -> list[Path]:
    """Return every Python module of program, SDK and tests."""
    return [path for part in LINE_LIMITS for path in sorted((ROOT / part).rglob("*.py"))]


def name_of(path: Path) -> str:
    """Return *path* relative to the project."""
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_longer_than_a_person_reads() -> None:
    long = {
        name_of(path): lines
        for path in modules()
        if (lines := len(path.read_text().splitlines()))
        > LINE_LIMITS[path.relative_to(ROOT).parts[0]]
    }

    assert long.keys() - LONG_FOR_A_REASON.keys() == set(), long
    assert LONG_FOR_A_REASON.keys() - long.keys() == set(), "no longer long: strike it"


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {name_of(path) for path in modules() if path.stem.strip("_") in VAGUE_NAMES}

    assert vague - NAMED_BY_OTHERS == set()


def test_a_record_is_a_dataclass_only_where_it_hides_a_field() -> None:
    """Making a dataclass compiles source, 30 times what a `msgspec.Struct` takes, at each start."""
    beyond_us = {"app/kiket_console/ui/toast.py"}  # its base is Textual's
    written = {path: path.read_text() for path in sorted((ROOT / "app").rglob("*.py"))}
    plain = [
        f"{name_of(path)}: {found.name}"
        for path, text in written.items()
        if "@dataclass" in text and name_of(path) not in beyond_us
        for found in ast.walk(ast.parse(text))
        if isinstance(found, ast.ClassDef)
        and any("dataclass" in ast.unparse(each) for each in found.decorator_list)
        and not re.search("(repr|compare)=False", ast.unparse(found))
    ]

    assert plain == []


def test_no_statement_numbers_what_is_bound_by_place() -> None:
    """SQLite takes `?1`, but Python 3.12's first releases warn of it as if it were a name."""
    numbered = [
        f"{name_of(path)}:{line}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        for line, text in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"[=<>(,] ?\?\d", text)
    ]

    assert numbered == []


def test_what_installs_names_no_place_to_install_from() -> None:
    """Pins and scripts work with whatever index the machine is set up for."""
    installing = [ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "pyproject.toml"]
    installing += sorted((ROOT / "packaging").rglob("*.txt"))
    installing += sorted((ROOT / "packaging").rglob("*.in"))
    address = re.compile(r"\w+://|--(extra-)?index-url[= ]|--find-links[= ]|git\+|file:")

    named = [name_of(path) for path in installing if address.search(path.read_text())]

    assert named == []


def pins(name: str) -> list[str]:
    """Return the entries of the pinned list called *name*, each on one line."""
    text = (ROOT / "packaging" / "requirements" / f"{name}.txt").read_text()
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_every_pin_has_an_exact_version_and_hashes() -> None:
    for name in ("app", "dev", "peers"):
        assert pins(name)
        assert [pin for pin in pins(name) if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_running_and_testing_use_the_same_versions() -> None:
    app, dev = ({pin.split("--hash")[0].strip() for pin in pins(name)} for name in ("app", "dev"))

    assert app - dev == set()


def test_no_file_names_a_place_on_this_machine() -> None:
    """What is committed holds on any machine; this one's folders are nobody's business."""
    places = {
        f"{place}/"
        for place in (ROOT, Path.home(), Path(sys.base_prefix))
        if len(place.parts) > 2 and not place.is_relative_to("/usr")  # which are like anybody's
    }
    named = [
        (name_of(path), place)
        for path in tracked()
        for place in places
        if place.encode() in path.read_bytes()
    ]

    assert named == []


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    released = re.compile(r"^## \[(\d.*?)\]", re.MULTILINE)
    newest = released.search((ROOT / "CHANGELOG.md").read_text())

    assert newest is not None
    assert (
        project["version"]
        == newest.group(1)
        == kiket_console.__version__
        == kiket_sdk.__version__
        == version("kiket-console")
    )


def test_the_readme_lists_the_exit_codes_there_are() -> None:
    table = re.findall(r"^\| `?(\d+)`? \|", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert [int(code) for code in table] == sorted(ExitCode)


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """A document's links to files of this tree name files that are there."""
    broken = [
        f"{document.name}: {target}"
        for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not broken


def test_every_test_that_a_promise_names_is_there() -> None:
    promised = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/reliability.md").read_text()))
    there = {
        name
        for file in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert promised
    assert not promised - there
