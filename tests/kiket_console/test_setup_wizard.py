"""The wizard as it is read, and as it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.linting.conftest import MANIFEST

from kiket_console.errors import ConsoleError
from kiket_console.setup_wizard import Field, LinkedPage, read_setup
from kiket_console.text import cell_width
from kiket_console.ui.paint.setup import step_lines

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.setup_wizard import Step


def write(folder: Path, text: str, name: str = "extension.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def drawn(step: Step, width: int = 80) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in step_lines(step, width))


def only_step(folder: Path, step: str) -> Step:
    """Return the one step of a manifest."""
    write(folder, f"id: a.b\nsetup:\n  - {step}\n")
    (found,) = read_setup(folder).steps
    return found


def test_steps_are_read_with_what_the_configuration_says_of_their_fields(tmp_path: Path) -> None:
    path = write(tmp_path, MANIFEST, ".kiket/manifest.yaml")
    setup = read_setup(tmp_path)
    assert (setup.path, setup.name, setup.version, setup.errors) == (path, "Pager", "1.4.0", 0)
    secrets, rules, more, test, info = setup.steps
    assert [each.kind for each in setup.steps] == [
        "secrets", "configure", "configure", "test", "info",
    ]  # fmt: skip
    assert secrets.fields == (
        Field(
            "PAGER_API_TOKEN", "API token", "text", required=True, is_secret=True,
            help_url="https://example.org/token", obtain="api_key",
        ),
    )  # fmt: skip
    assert rules.fields == (
        Field(
            "SEVERITY", "SEVERITY", "select", default="high",
            options=(("normal", "normal"), ("high", "high")),
        ),
        Field("LIMIT", "LIMIT", "number", default="6", shown_when=("SEVERITY", "high")),
    )  # fmt: skip
    assert more.fields == (Field("ESCALATE", "ESCALATE", "boolean", default="true"),)
    assert (test.action, test.success_message) == ("pager.testConnection", "It works.")
    assert info.links == (LinkedPage("Vendor", "https://example.org/"),)
    lines = MANIFEST.splitlines()
    assert [lines[each.line - 1].strip()[:10] for each in setup.steps] == [
        "- secrets:", "- configur", "- configur", "- test: { ", "- info: { ",
    ]  # fmt: skip


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    write(
        tmp_path,
        "configuration:\n  A: {secret: true, default: hidden}\n  B: {default: hidden}\n"
        "setup:\n  - configure: {collect: [A]}\n  - secrets: {collect: [B]}\n",
    )
    for step in read_setup(tmp_path).steps:
        assert [(each.is_secret, each.default) for each in step.fields] == [(True, "")]
        assert "hidden" not in drawn(step)
        assert "••••" in drawn(step)


def test_what_is_wrong_stands_with_its_step(tmp_path: Path) -> None:
    write(
        tmp_path,
        "id: a.b\nsetup:\n  - secrets: {title: One}\n  - test: {action: a.b}\n  - other: {}\n",
    )
    setup = read_setup(tmp_path)
    one, two = setup.steps
    assert [each.line for each in one.findings] == [3]
    assert two.findings == ()
    assert [each.key for each in setup.findings] == ["setup[2]"]
    assert setup.errors == 2
    assert "extension.yaml:3:5" in drawn(one)


def test_ten_steps_do_not_share_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    steps = "".join("  - test: {action: a.b}\n" for _ in range(10))
    write(tmp_path, f"id: a.b\nsetup:\n  - test: {{}}\n{steps}  - test: {{required: 3}}\n")
    wrong = [number for number, step in enumerate(read_setup(tmp_path).steps) if step.findings]
    assert wrong == [0, 11]


@pytest.mark.parametrize(
    ("text", "sentence"), [("a: b: c", "extension.yaml:1:5: mapping"), (None, "has no manifest")]
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(ConsoleError) as caught:
        read_setup(tmp_path)
    assert sentence in str(caught.value)


def test_the_manifest_that_describes_a_setup_is_taken(tmp_path: Path) -> None:
    write(tmp_path, "id: a.b")
    path = write(tmp_path, MANIFEST, ".kiket/manifest.yaml")
    assert read_setup(tmp_path).path == path


def test_a_form_is_drawn_as_people_meet_it(tmp_path: Path) -> None:
    step = only_step(
        tmp_path,
        "configure: {title: Rules, description: What to page about, scope: installation, fields: ["
        "{key: TEAM, label: Team, required: true, placeholder: support},"
        "{key: LEVEL, label: Level, type: select, default: b,"
        " options: [{value: a, label: Low}, {value: b, label: High}]},"
        "{key: QUIET, label: Quiet, type: boolean, default: true},"
        "{key: BOARD, label: Board, type: board, showWhen: {field: LEVEL, value: b}}]}",
    )
    assert (
        "\n".join(drawn(step).split("\n")[:14])
        == """\
  Rules                                         configure · for the installation
  What to page about

  Team *                                                                    TEAM
  [ support                                      ]

  Level                                                                    LEVEL
  ○ Low   ◉ High

  Quiet                                                                    QUIET
  [✓] on

  Board                                                                    BOARD
  [ one of the platform's boards               ▾ ]"""
    )
    assert "asked when LEVEL is b" in drawn(step)


def test_markdown_is_drawn_as_it_is_meant(tmp_path: Path) -> None:
    step = only_step(tmp_path, 'info: {title: Done, content: "## Ready\\n- **go**\\n- `stop`"}')
    assert drawn(step).split("\n")[2:] == ["  Ready", "  • go", "  • stop"]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 200])
def test_a_step_fits_any_terminal(tmp_path: Path, width: int) -> None:
    write(tmp_path, MANIFEST, ".kiket/manifest.yaml")
    for step in read_setup(tmp_path).steps:
        for line in step_lines(step, width):
            assert cell_width("".join(text for text, _ in line)) <= width


def test_what_a_manifest_says_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    step = only_step(
        tmp_path,
        'configure: {title: "\\e[2J", description: "\\a", fields: [{key: "K\\e", label: "\\e[31m",'
        ' default: "\\e]0;x\\a", options: [{value: "\\r", label: "\\e[1m"}]}]}',
    )
    assert all(character.isprintable() for character in drawn(step).replace("\n", ""))
