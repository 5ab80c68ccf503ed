"""What is told of messages that were sent, or would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.text import duration, visible

if TYPE_CHECKING:
    from kiket_console.wire_producer import ProducerPreview, ProducerResult, ProducerState


def tell(result: ProducerResult, event_type: str, *, as_json: bool) -> None:
    """Print what became of a message: a line on stdout, and what went wrong on stderr."""
    if as_json:
        _document(result)
        return
    number = f"#{result.exchange_id}  " if result.exchange_id else ""
    took = f"  {duration(result.took_us)}" if result.took_us else ""
    name = visible(event_type)
    if not result.error:
        click.echo(f"{number}{name}  {visible(result.tracking_id)}{took}")
        return
    ending = "not sent" if result.status is None else f"{result.status} ✗"
    click.echo(f"{number}{name}  {ending}{took}")
    click.echo(f"Error: {visible(result.error)}", err=True)
    if result.hint:
        click.echo(f"  {visible(result.hint)}", err=True)
    for what, ours, theirs in result.explanation.evidence if result.explanation else ():
        both = f"{visible(ours)} here, {visible(theirs)} there"
        both = f"{visible(ours)} here and there" if ours == theirs else both
        click.echo(f"  {visible(what)}: {both}", err=True)


def tell_preview(preview: ProducerPreview, *, as_json: bool) -> None:
    """Print what would be sent, and what is signed of it."""
    if as_json:
        _document(preview, dry_run=True)
        return
    for line in (
        f"POST {preview.url}",
        *(f"{name}: {value}" for name, value in preview.headers),
        "",
        *preview.body.split("\n"),
    ):
        click.echo(visible(line))
    for title, text in (
        ("Canonical request", preview.canonical_request),
        ("String to sign", preview.string_to_sign),
    ):
        if text:
            click.echo(f"\n{title}")
            for line in text.split("\n"):
                click.echo(f"  {visible(line)}".rstrip())
    said = f"{preview.region}/{preview.service} by {visible(preview.access_key)}"
    click.echo(f"Signed for {said}; nothing was sent.", err=True)
    for warning in preview.warnings:
        click.echo(visible(warning), err=True)


def tell_state(state: ProducerState, *, as_json: bool) -> None:
    """Print what there is to send with."""
    if as_json:
        _document(state)
        return
    for profile in state.profiles:
        chosen = "●" if profile.name == state.profile else " "
        columns = (profile.name, profile.access_key, profile.kind, profile.region)
        click.echo(f"{chosen} {'  '.join(visible(each) for each in columns if each)}")
    click.echo(f"Messages go to {visible(state.url)}, signed for {state.region}.", err=True)
    if state.stranger:
        said = "nothing goes there before you agree, by --url or on screen"
        click.echo(f"That is what {visible(state.stranger)} says; {said}.", err=True)
    click.echo(f"The sink is {visible(state.sink_url)}.", err=True)
    for fault in state.faults:
        times = f" for {fault.times} more" if fault.times else " until it is turned off"
        click.echo(f"It is told to fail: {fault.kind}{times}.", err=True)


def _document(found: ProducerResult | ProducerPreview | ProducerState, **more: bool) -> None:
    import msgspec

    from kiket_console.commands.documents import document

    click.echo(document(**more, **msgspec.to_builtins(found)))
