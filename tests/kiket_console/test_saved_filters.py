from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console import filters, paths, saved_filters
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(own_places: Path) -> Path:
    made = own_places / "project"
    made.mkdir()
    return made


def test_there_are_none_at_first(folder: Path) -> None:
    assert saved_filters.load(folder) == {}


@pytest.mark.parametrize(
    "text", ["dur:>1s", 'event:"a \\"b\\"" OR x', "$['é\\\\n']=5", "/a\\/b/ 'x'", "größe\x7f\u202e"]
)
def test_what_is_saved_comes_back_as_it_was(folder: Path, text: str) -> None:
    file = saved_filters.save("slow-hooks", text, folder)
    saved_filters.save("other", "a", folder)

    assert saved_filters.load(folder) == {"slow-hooks": text, "other": "a"}
    assert file == paths.filters_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_to_a_file_of_filters_stays_one(folder: Path) -> None:
    file, kept = paths.filters_file(), folder / "dotfiles.toml"
    kept.write_text('slow = "dur:>1s"\n')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(kept)
    saved_filters.save("mine", "status:404")
    assert file.is_symlink()
    assert kept.read_text() == 'mine = "status:404"\nslow = "dur:>1s"\n'


def test_the_projects_filters_go_before_ones_own(folder: Path) -> None:
    (folder / "kiket.toml").write_text('[filters]\nbad = "status:>=500"\nours = "ext:shop"\n')
    saved_filters.save("bad", "status:>=400", folder)
    saved_filters.save("mine", "@ours @bad", folder)

    found = {each.name: (each.text, each.is_project) for each in saved_filters.listed(folder)}

    assert found == {
        "bad": ("status:>=500", True),
        "mine": ("@ours @bad", False),
        "ours": ("ext:shop", True),
    }
    filters.parse("@mine", saved=saved_filters.load(folder))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a b", "x", '"a b" cannot be a filter\'s name.'),
        ("", "x", '"" cannot be a filter\'s name.'),
        ("marked", "x", '"marked" has a meaning of its own.'),
        ("focus", "x", '"focus" has a meaning of its own.'),
        ("a", " ", "There is no filter to save."),
        ("a", "evnt:x", "In @a: Unknown field 'evnt': did you mean event:?"),
        ("a", "x @a", "@a is part of itself: @a → @a."),
        ("a", "@nobody", "No filter is saved as @nobody."),
    ],
)
def test_what_cannot_be_used_is_not_saved(
    folder: Path, name: str, text: str, sentence: str
) -> None:
    with pytest.raises(ConsoleError) as caught:
        saved_filters.save(name, text, folder)

    assert sentence in caught.value.message
    assert saved_filters.load(folder) == {}


def test_one_is_forgotten_by_name(folder: Path) -> None:
    (folder / "kiket.toml").write_text('[filters]\nours = "ext:shop"\n')
    saved_filters.save("slow", "dur:>1s", folder)

    with pytest.raises(ConsoleError, match=r"as @slwo.*Did you mean @slow"):
        saved_filters.forget("slwo", folder)
    with pytest.raises(ConsoleError, match=r"@ours is the project's. Remove it from kiket.toml"):
        saved_filters.forget("ours", folder)
    saved_filters.forget("slow", folder)

    assert saved_filters.load(folder) == {"ours": "ext:shop"}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("slow = 5\n", 'The filter "slow" of'),
        ('"a b" = "x"\n', 'has a filter named "a b"'),
        ('hidden = "x"\n', 'has a filter named "hidden"'),
        ("slow = \n", "cannot be understood"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(folder: Path, written: str, sentence: str) -> None:
    file = paths.filters_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(written)

    with pytest.raises(ConsoleError, match=sentence):
        saved_filters.load(folder)
    with pytest.raises(ConsoleError, match=sentence):
        saved_filters.save("other", "x", folder)
    assert file.read_text() == written


def test_a_projects_table_that_is_wrong_is_a_sentence(folder: Path) -> None:
    (folder / "kiket.toml").write_text('filters = "dur:>1s"\n')

    with pytest.raises(ConsoleError, match=r"\[filters\] is not a table"):
        saved_filters.load(folder)


def test_a_filter_that_is_wrong_spoils_no_other(folder: Path) -> None:
    (folder / "kiket.toml").write_text('[filters]\nbroken = "evnt:x"\ngood = "event:x"\n')
    saved = saved_filters.load(folder)

    assert filters.parse("@good", saved=saved).text == "@good"
    with pytest.raises(filters.FilterError, match="In @broken: Unknown field"):
        filters.parse("@broken", saved=saved)
