"""The commands of the screen can be listed with their keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from kiket_console.commands.keys import keys
from kiket_console.paths import config_file
from kiket_console.ui.registry import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path


def test_every_command_is_listed_and_ones_own_keys_are_marked(own_places: Path) -> None:
    del own_places  # the settings are in there
    config_file().parent.mkdir(parents=True)
    config_file().write_text('[keys]\n"traffic.replay" = "f8"\n')
    done = CliRunner().invoke(keys)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert len(lines) == len(COMMANDS)
    (replay,) = [line for line in lines if line.startswith("traffic.replay ")]
    assert replay.split()[1:3] == ["*f8", "Send"]
    found = {
        each["id"]: each for each in json.loads(CliRunner().invoke(keys, "--json").output)["keys"]
    }
    assert found["traffic.replay"]["keys"] == ["f8"]
    assert found["traffic.replay"]["usual_keys"] == ["r"]
