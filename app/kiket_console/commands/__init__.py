"""One module for each group of commands; each command imports its world inside its function."""

from typing import Final

ASKED_BY_A_SHELL: Final = "_KIKET_CONSOLE_COMPLETE"
"""The variable with which a shell asks how a line may go on; see `completing`."""
