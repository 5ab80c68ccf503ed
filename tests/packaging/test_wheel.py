"""The wheel, built and installed as pipx would: what is inside, and that it runs from there.

pipx makes an environment of its own and installs the wheel with its dependencies. The dependencies
are already in the environment that runs these tests, and tests use no network; so the new
environment gets the wheel alone, and a path entry that ends in ours. A path entry does not run the
path files of the folder that it names: the checkout, which is installed here as such a file, stays
invisible, and everything of ours is imported from the wheel.
"""

from __future__ import annotations

import ensurepip
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import kiket_console

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300
"""A build and an installation, on a machine that has much else to do."""
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)
PACKAGES = {"kiket_console", "kiket_core", "kiket_sdk", "kindo_message_client", "pywatt_sdk"}


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run *command*, which must succeed, and return what it wrote to stdout."""
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network, and return it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Return the names of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own and return that environment's `bin`."""
    venv = tmp_path_factory.mktemp("pipx") / "venv"
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    run(base, "-m", "venv", "--without-pip", venv)
    # pip runs from the archive that venv would unpack: that takes longer than all that it does
    elsewhere = sysconfig.get_config_var("WHEEL_PKG_DIR")  # as Debian's Python has it
    bundled = Path(elsewhere or Path(ensurepip.__file__).parent / "_bundled")
    (pip,) = bundled.glob("pip-*.whl")
    install = (pip / "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(venv / "bin" / "python", *install, wheel, PIP_DISABLE_PIP_VERSION_CHECK="1")
    (packages,) = venv.glob("lib/python3.*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


def test_it_holds_every_module_of_the_checkout(names: set[str]) -> None:
    checkout = {
        path.relative_to(ROOT / part).as_posix()
        for part in ("app", "sdk")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert checkout - names == set()


def test_it_holds_nothing_but_our_packages_and_its_metadata(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == PACKAGES
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_its_packages_are_typed(names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_it_holds_the_sample_the_schema_and_the_style(names: set[str]) -> None:
    assert "kiket_console/assets/samples/marketing/extension.yaml" in names
    assert "kiket_console/assets/samples/marketing/main.py" in names
    assert any(name.startswith("kiket_console/store/schema/") for name in names)
    assert any(name.endswith(".tcss") for name in names)


def test_it_brings_what_shells_and_man_look_for(names: set[str]) -> None:
    (data,) = {name.split("/")[0] for name in names if ".data/" in name}
    assert {name.removeprefix(f"{data}/data/") for name in names if name.startswith(data)} == {
        "share/man/man1/kiket-console.1",
        "share/bash-completion/completions/kiket-console",
        "share/zsh/site-functions/_kiket-console",
        "share/fish/vendor_completions.d/kiket-console.fish",
    }


def test_the_installed_command_prints_its_completion(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "kiket-console", "completion", "bash", cwd=tmp_path)

    assert said == (ROOT / "packaging/completions/kiket-console.bash").read_text()


def test_its_metadata_says_what_it_is(wheel: Path, names: set[str]) -> None:
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        about = HeaderParser().parsestr(archive.read(metadata).decode())

    assert (about["Name"], about["Version"]) == ("kiket-console", kiket_console.__version__)
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == ">=3.11"
    assert about.get_payload()  # the readme
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_names_its_command_and_its_pytest_plugin(wheel: Path, names: set[str]) -> None:
    (entry_points,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        written = archive.read(entry_points).decode()

    assert "kiket-console = kiket_console.__main__:main" in written
    assert "[pytest11]\nkiket_sdk = kiket_sdk.testing.plugin" in written
    assert "\npywatt_sdk = pywatt_sdk.testing.plugin" in written


def test_the_installed_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "kiket-console", "--version", cwd=tmp_path)

    assert said == f"kiket-console {kiket_console.__version__}\n"


def test_everything_of_ours_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    names = sorted(PACKAGES)
    code = f"import {', '.join(names)}\nfor each in {', '.join(names)}: print(each.__file__)"
    places = run(installed / "python", "-c", code, cwd=tmp_path).splitlines()

    assert len(places) == len(PACKAGES)
    assert [place for place in places if not place.startswith(str(installed.parent))] == []


def test_the_installed_sample_tests_itself_with_the_installed_plugin(
    installed: Path, tmp_path: Path
) -> None:
    """The plugin is found through its entry point, the sample through the package's assets."""
    code = "from kiket_console.paths import assets_dir; print(assets_dir() / 'samples/marketing')"
    sample = Path(run(installed / "python", "-c", code, cwd=tmp_path).strip())
    assert sample.is_relative_to(installed.parent)

    said = run(
        installed / "python", "-B", "-m", "pytest", "-q",
        "-p", "no:cacheprovider", "-p", "no:asyncio",
        cwd=sample,
    )  # fmt: skip

    assert " passed" in said


def test_the_installed_demo_runs_without_a_screen(installed: Path, own_places: Path) -> None:
    """The bundled sample is served, traffic comes, and every line on stdout is JSON."""
    command = (str(installed / "kiket-console"), "demo", "--headless")
    assert (
        json.loads(run(*command, "--seconds", "1", cwd=own_places).splitlines()[-1])["type"]
        == "stopped"
    )

    with subprocess.Popen(command, cwd=own_places, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        try:
            for line in demo.stdout:
                if json.loads(line).get("name") == "issue.created":
                    break
        finally:
            demo.terminate()
            left = demo.stdout.read().splitlines()
    assert json.loads(left[-1])["type"] == "stopped"
    assert demo.returncode == 0
