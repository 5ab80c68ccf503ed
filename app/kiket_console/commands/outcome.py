"""How deliveries that a command sent have ended, and what would be sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from kiket_console.commands.documents import document
from kiket_console.errors import ExitCode
from kiket_console.exporting.members import body_members
from kiket_console.model import Retry
from kiket_console.text import duration, size, visible

if TYPE_CHECKING:
    from kiket_console.errors import ConsoleError
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Preview, Result


def exit_code(good: bool) -> int:
    """Return the exit status of a command that sent something."""
    return ExitCode.OK if good else ExitCode.CONTRACT


def tell(reader: Reader, result: Result, *, as_json: bool, replay_of: int | None = None) -> None:
    """Print how a delivery ended: one line, or one JSON document in a line."""
    if as_json:
        members: dict[str, Any] = {
            name: getattr(result, name) for name in type(result).__struct_fields__
        }
        click.echo(document(**members, **_original(replay_of)))
        return
    exchange = reader.exchange(result.exchange_id)
    name = "" if exchange is None else f"{exchange.name} {exchange.version}".strip()
    took = "" if result.duration_us is None else f"  {duration(result.duration_us)}"
    ending = result.state if result.status is None else str(result.status)
    sign = "" if result.ok else " ✗"
    decided = f"  {result.decision}" if result.decision else ""
    again = "" if replay_of is None else f"  of {replay_of}"
    click.echo(f"#{result.exchange_id}  {visible(name)}  {ending}{sign}{decided}{took}{again}")
    if not result.ok:
        said = (
            result.error or f"`kiket-console traffic show {result.exchange_id}` shows the answer."
        )
        click.echo(f"  {visible(said)}", err=True)
    if result.next_try_us:
        in_s = max(0.0, result.next_try_us / 1_000_000 - time.time())
        told = f"It is tried again in {duration(round(in_s * 1_000_000))}"
        click.echo(f"  {told}; `kiket-console retry {result.exchange_id}` does at once.", err=True)
    elif result.retry == Retry.GIVEN_UP:
        click.echo("  It is not tried again: the platform's schedule is over.", err=True)


def tell_refused(error: ConsoleError, replay_of: int, *, as_json: bool) -> None:
    """Print that one of several deliveries was not sent, and why."""
    if as_json:
        click.echo(document(error=str(error), exchange_id=None, **_original(replay_of)))
    else:
        click.echo(f"{replay_of}: {visible(str(error))}", err=True)


def tell_preview(preview: Preview, *, as_json: bool) -> None:
    """Print what would be sent; what is said about it goes to stderr."""
    if as_json:
        names = (name for name in type(preview).__struct_fields__ if name != "raw_body")
        members = {name: getattr(preview, name) for name in names}
        click.echo(document(dry_run=True, **members, body=body_members(preview.raw_body)))
        return
    for line in preview.head.split("\n"):
        click.echo(visible(line))
    click.echo()
    for line in preview.raw_body.decode("utf-8", "backslashreplace").split("\n"):
        click.echo(visible(line))
    for sentence in sentences(preview):
        click.echo(sentence, err=True)


def sentences(preview: Preview) -> list[str]:
    """Say what a person should know of what would be sent."""
    found = [f"{size(preview.size)} to {visible(preview.extension)}; nothing was sent."]
    for dialect, covered in preview.signed:
        before = f"“{visible(covered)}” and the body" if covered else "the body alone"
        found.append(f"Signed as {dialect}: HMAC-SHA256 of {before}.")
    if not preview.signed:
        found.append("It has no signature.")
    found.append(visible(preview.sentence))
    if preview.secrets:
        names = ", ".join(visible(name) for name in preview.secrets)
        found.append(f"The values of {names} take the places of their markers.")
    return found


def _original(replay_of: int | None) -> dict[str, int]:
    return {} if replay_of is None else {"replay_of": replay_of}
