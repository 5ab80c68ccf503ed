"""Each key of an `[[extension]]` table is checked, and keys that exclude each other are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.errors import ConsoleError
from kiket_console.extension_table import ExtensionTable, read
from kiket_console.worker_table import raw_tables

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_that_says_nothing_leaves_everything_to_be_found() -> None:
    assert read({}) == ExtensionTable(is_said=True)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("node server.js", ("node", "server.js")),
        ("./run 'a b' \"c\"", ("./run", "a b", "c")),
        ("echo $HOME; rm *", ("echo", "$HOME;", "rm", "*")),
        (["go", "run", "./a b", ""], ("go", "run", "./a b", "")),
    ],
)
def test_a_command_is_split_into_words_as_a_shell_would_but_there_is_no_shell(
    command: object, words: tuple[str, ...]
) -> None:
    assert read({"command": command}).command == words


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"command": "node 'x"}, 'has command = "node \'x": no closing quotation'),
        ({"command": ""}, "has command = '', which names no program"),
        ({"command": []}, "has command = [], which names no program"),
        ({"command": ["", "x"]}, "which names no program"),
        ({"command": 3}, "has command = 3, but needs a text or a list of texts"),
        ({"command": ["a", 3]}, "but needs a text or a list of texts"),
        ({"command": "a", "entry": "b:c"}, "kiket.toml has both entry and command"),
        ({"command": "a", "python": "b"}, "has python beside a command"),
        ({"entry": "a:b", "port": 80}, "has a port, but no command"),
        ({"command": "a", "port": 0}, "has port = 0, but needs a port from 1 to 65535"),
        ({"command": "a", "port": True}, "has port = True, but needs a port"),
        ({"command": "a", "port": "80"}, "has port = '80', but needs a port"),
        ({"name": ""}, "has name = '', but needs a text"),
        ({"name": "a b"}, "has name = 'a b', which is no name for it"),
        ({"name": "engine"}, "has name = 'engine', but that is a name of ours"),
        ({"watch": ["a", ""]}, "has watch = ['a', ''], but needs a list of texts"),
        ({"watch": [["a"]]}, "but needs a list of texts"),
    ],
)
def test_what_a_table_cannot_mean_is_told(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(ConsoleError) as refused:
        read(raw)
    assert told in refused.value.message
    assert refused.value.hint


def test_one_of_several_tables_is_told_apart_by_its_name_or_number() -> None:
    for raw, which in (({"name": "orders"}, '"orders"'), ({}, "number 2")):
        with pytest.raises(ConsoleError) as refused:
            read({**raw, "port": 1}, 2)
        assert refused.value.message.startswith(f"kiket.toml, [[extension]] {which}, has a port")


def test_a_folder_without_settings_has_no_tables(own_places: Path) -> None:
    assert raw_tables(own_places) == {"extension": [], "module": []}


KEYS = ["name", "path", "entry", "command", "python", "watch", "dialect", "port", "other"]
TEXTS = ["", "a", "main:sdk", "a 'b", "\u202e", "x" * 300, "engine", "a b", ".", "node x"]
OTHERS = [0, 80, -1, 10**9, True, 1.5, [], ["a", ""], ["a", 3], [["a"]], {}, {"a": 1}, ["k0"]]
VALUES = st.sampled_from([*TEXTS, *OTHERS])


@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.integers(0, 3))
def test_whatever_stands_in_a_table_it_is_read_or_refused_in_a_sentence(
    raw: dict[str, Any], number: int
) -> None:
    refusal = None
    try:
        table = read(raw, number)
    except ConsoleError as error:
        refusal = error
    if refusal is not None:
        assert refusal.message.startswith("kiket.toml")
        assert refusal.hint
    else:
        assert not (table.entry and table.command)
        assert all(isinstance(word, str) for word in table.command)
        assert table.port is None or 1 <= table.port <= 65535
