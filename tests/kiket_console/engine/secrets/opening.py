"""A vault as tests open it, and what it has kept."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from kiket_console.engine.secrets.vault import Vault, open_vault

if TYPE_CHECKING:
    from kiket_console.paths import ProjectPaths


async def opened(paths: ProjectPaths, mode: str = "auto") -> Vault:
    return await open_vault(paths, mode, call_limit_s=60)


def on_disk(paths: ProjectPaths) -> str:
    """Return the indexes as they are stored, empty when they are not."""
    files = [each for each in (paths.vault_index, paths.shared_vault_index) if each.exists()]
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in files)
    return "".join(each.read_text() for each in files)


async def value_before(vault: Vault, name: str) -> str:
    """Return the value that can be brought back."""
    before = await vault.previous(name)
    assert before is not None
    return before.value
