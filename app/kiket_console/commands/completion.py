"""Print the script that lets a shell complete what is typed behind `kiket-console`."""

from __future__ import annotations

import click

SCRIPTS = {
    "bash": "kiket-console.bash",
    "zsh": "_kiket-console",
    "fish": "kiket-console.fish",
}


@click.command(
    epilog="""\b
Examples:
  eval "$(kiket-console completion bash)"      in ~/.bashrc
  eval "$(kiket-console completion zsh)"       in ~/.zshrc, below compinit
  kiket-console completion fish | source       in ~/.config/fish/config.fish"""
)
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)))
def completion(shell: str) -> None:
    """Print the completion script for SHELL."""
    from kiket_console.paths import completions_dir

    click.echo((completions_dir() / SCRIPTS[shell]).read_text(encoding="utf-8"), nl=False)
