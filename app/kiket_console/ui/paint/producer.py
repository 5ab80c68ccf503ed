"""Producer messages as lines: the rows of the history, one in full, and what an empty one says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.model import State
from kiket_console.text import cell_width, clock, duration, fit, fit_right, plural, visible
from kiket_console.ui.paint import composing
from kiket_console.ui.paint.body import BodyView
from kiket_console.ui.paint.labels import MARGIN, address, labelled, sentence
from kiket_console.ui.paint.line import cut, shortened, wrap
from kiket_console.ui.paint.traffic import STATE_WORDS

if TYPE_CHECKING:
    from kiket_console.model import Detail
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.ui.sent_message import Sent
    from kiket_console.wire_producer import Explanation, ProducerPreview, ProducerResult

SENSITIVE: Final = "▒"
"""Stands behind the event type of a message whose payload is masked."""
SHOWN_CHARACTERS: Final = 64 * 1024
_ROOMY: Final = 96
_MIDDLE: Final = 56
_NARROW: Final = 46
_NARROWEST: Final = 34
_TIME: Final = 8
_STATUS: Final = 8
_TOOK: Final = 8
_CHANNEL: Final = 14


# The history


def header(width: int) -> Line:
    """Return the names of the columns."""
    time, event, channel, took, rest = _columns(width)
    said = f"  {fit('time', time)}" if time else ""
    said += f"  {fit('event type', event)}"
    said += f"  {fit('channel', channel)}" if channel else ""
    said += f"  {fit('status', _STATUS)}"
    said += f"  {fit_right('took', took)}" if took else ""
    return cut([(said + ("  tracking id" if rest else ""), "muted")], width)


def row(each: Sent, width: int) -> Line:
    """Return a message as a row: when, what, how it ended, and its tracking id or why it has none.

    The value of a sensitive payload is nowhere in it.
    """
    time, event, channel, took, rest = _columns(width)
    word, role = status(each)
    at = f"  {clock(each.at_us, milliseconds=False)}" if time else ""
    pieces: list[Piece] = [(f"{at}  ", "muted"), *_event(each, event)]
    if channel:
        pieces.append((f"  {fit(visible(each.channel), channel)}", "muted"))
    pieces.append((f"  {fit(word, _STATUS)}", role))
    if took:
        lasted = duration(each.took_us) if each.took_us is not None else ""
        pieces.append((f"  {fit_right(lasted, took)}", ""))
    if rest:
        said = (visible(each.tracking_id), "muted") if each.is_taken else (
            visible(each.trouble), "error")  # fmt: skip
        pieces += [("  ", ""), (shortened(said[0], rest), said[1])]
    return pieces


def _event(each: Sent, cells: int) -> list[Piece]:
    sign = f" {SENSITIVE}" if each.is_sensitive else ""
    name = visible(each.event_type)
    name = fit(name, min(cell_width(name), cells - len(sign)))
    return [(name, ""), (sign, "warning"), (" " * (cells - len(sign) - cell_width(name)), "")]


def status(each: Sent) -> Piece:
    """Return how a message ended, as a word or number with a sign, and its role."""
    if each.state is State.RECEIVED:
        return "…", "muted"
    if each.state is State.FORWARDED and each.status is not None:
        return (str(each.status), "ok") if each.is_taken else (f"{each.status} ✗", "error")
    return STATE_WORDS.get(each.state, ("", ""))


def _columns(width: int) -> tuple[int, int, int, int, int]:
    """Return the cells of time, event type, channel, duration and what stands last; 0: none."""
    channel = _CHANNEL if width >= _ROOMY else 0
    time = _TIME if width >= _NARROWEST else 0
    took = _TOOK if width >= _NARROW else 0
    fixed = sum(cells + 2 for cells in (time, channel, _STATUS, took) if cells)
    left = max(8, width - fixed - 3)
    if width < _MIDDLE:
        return time, left, channel, took, 0
    event = max(min(20, left // 2 + 4), min(32, left * 2 // 5))
    return time, event, channel, took, max(0, left - event - 2)


# One message in full


def details(
    each: Sent, detail: Detail | None, result: ProducerResult | None, width: int, kept: str = ""
) -> list[Line]:
    """Return what is known of a message: how it ended, and why.

    *result*: what sending it said, where that was in this session. *kept*: how it is sent again
    where it could not be sent; empty when it was.
    """
    lines: list[Line] = [[]]
    explanation = result.explanation if result is not None else None
    if each.is_pending:
        lines.append([(f"{MARGIN}No answer has come yet.", "muted")])
    elif each.is_taken:
        lines.append([(f"{MARGIN}Taken", "ok"), ("  tracking id", "muted")])
        lines += wrap(each.tracking_id, width - 2, "strong", MARGIN)
    elif explanation is not None:
        lines += explained(explanation, width)
    else:
        said = (result.error if result is not None else "") or each.trouble
        lines += wrap(said or "It was not taken.", width - 2, "error", MARGIN)
        if result is not None and result.hint:
            lines += wrap(result.hint, width - 2, "", MARGIN)
    lines.append([])
    if kept:
        lines += [*wrap(kept, width - 2, "", MARGIN), []]
    lines += _facts(each, detail, result, width)
    return lines


def parts(each: Sent, detail: Detail) -> list[tuple[Line, BodyView]]:
    """Return what was sent, and what was answered, each with its title."""
    masked = "  the values are masked" if each.is_sensitive else ""
    request = BodyView(detail.request.body, "application/json")
    found: list[tuple[Line, BodyView]] = [
        ([(f"{MARGIN}Message", "strong"), (masked, "warning")], request)
    ]
    answer = detail.attempts[-1].answer if detail.attempts else None
    if answer is not None and answer.body.size:
        view = BodyView(answer.body, answer.header("content-type"))
        found.append(([(f"{MARGIN}Answer", "strong")], view))
    return found


def explained(explanation: Explanation, width: int) -> list[Line]:
    """Return why a message was refused, what to do, and what was compared."""
    title = f"{MARGIN}Refused: {visible(explanation.reason)}"
    lines: list[Line] = [cut([(title, "error")], width), []]
    lines += wrap(explanation.sentence, width - 2, "", MARGIN)
    if explanation.hint:
        first, *rest = wrap(explanation.hint, width - 6)
        lines.append([])
        lines.append([(f"{MARGIN}→ ", "accent"), *first])
        lines += [[(f"{MARGIN}  ", ""), *line] for line in rest]
    if explanation.evidence:
        lines += [[], *_evidence(explanation.evidence, width)]
    return lines


def _evidence(rows: tuple[tuple[str, str, str], ...], width: int) -> list[Line]:
    label = max(cell_width(visible(what)) for what, _, _ in rows)
    label = min(label, max(8, width // 3))
    room = max(6, (width - label - 8) // 2)
    lines: list[Line] = [[(f"{MARGIN}{fit('', label)}  {fit('here', room)}  there", "muted")]]
    for what, ours, theirs in rows:
        differs = ours != theirs
        lines.append(
            cut(
                [
                    (f"{MARGIN}{fit(visible(what), label)}  ", "muted"),
                    (fit(visible(ours), room) + "  ", "warning" if differs else ""),
                    (fit(visible(theirs), room).rstrip(), "warning" if differs else "ok"),
                ],
                width,
            )
        )
    return lines


def _facts(
    each: Sent, detail: Detail | None, result: ProducerResult | None, width: int
) -> list[Line]:
    lines: list[Line] = []
    word, role = status(each)
    took = f" in {duration(each.took_us)}" if each.took_us is not None else ""
    tries = detail.exchange.attempts if detail is not None else 1
    answered: list[Line] = [[(word or "nothing", role), (took, "")]]
    if tries > 1:
        answered.append([(plural(tries, "attempt"), "warning")])
    lines += labelled("Answer", answered, width)
    if result is not None:
        lines += address("Sent to", result.url, width)
    elif detail is not None:
        lines += sentence("Sent to", detail.exchange.path, width, "")
    if each.channel:
        lines += labelled("Channel", [[(visible(each.channel), "")]], width)
    if each.behavior:
        lines += labelled("Behaviour", [[(visible(each.behavior), "")]], width)
    judged = detail.judgement if detail is not None else None
    if judged is not None:
        said = judged.sentence if judged.ok or judged.sentence != each.trouble else judged.reason
        lines += sentence("Signature", said, width, "ok" if judged.ok else "error")
    elif each.signature:
        lines += labelled("Signature", [[(visible(each.signature), "")]], width)
    for child in (detail.children if detail is not None else ())[:8]:
        said = f"{child.id} {visible(child.name)}"
        lines += labelled("Caused", [[(said, child.source.value)]], width)
    return lines


# A dry run


def preview_lines(preview: ProducerPreview, width: int) -> list[Line]:
    """Return what would be sent, and the two texts that AWS Signature Version 4 signs."""
    lines: list[Line] = []
    for warning in preview.warnings:
        lines += wrap(warning, width - 2, "warning", MARGIN)
    if preview.warnings:
        lines.append([])
    lines += _title("As it would go")
    lines += wrap(f"POST {preview.url}", width - 2, "", MARGIN)
    for name, value in preview.headers:
        first, *rest = wrap(visible(value), max(16, width - len(name) - 4))
        lines.append([(f"{MARGIN}{visible(name)}: ", "name"), *first])
        lines += [[(f"{MARGIN}  ", ""), *each] for each in rest]
    lines.append([])
    for line in preview.body[:SHOWN_CHARACTERS].split("\n"):
        lines += wrap(line, width - 2, "text", MARGIN)
    if len(preview.body) > SHOWN_CHARACTERS:
        lines.append([(f"{MARGIN}… the rest is not shown", "muted")])
    for title, text in (
        ("Canonical request", preview.canonical_request),
        ("String to sign", preview.string_to_sign),
    ):
        if text:
            lines += [[], *_title(title)]
            for line in text.split("\n"):
                lines += wrap(line, width - 2, "", MARGIN) if line else [[]]
    return lines


def preview_text(preview: ProducerPreview) -> str:
    """Return the same to copy."""
    headers = "".join(f"{name}: {value}\n" for name, value in preview.headers)
    return (
        f"POST {preview.url}\n{headers}\n{preview.body}\n\n"
        f"Canonical request\n{preview.canonical_request}\n\n"
        f"String to sign\n{preview.string_to_sign}\n"
    )


def _title(text: str) -> list[Line]:
    return [[(f"{MARGIN}{text}", "strong")]]


# Without any


def nothing_sent(sink_url: str, url: str, width: int, key: KeyOf) -> list[Line]:
    """Return how a first message is sent, by the console and by a person's own code."""
    lines: list[Line] = [[(f"{MARGIN}Nothing has been sent yet.", "strong")]]
    goes = "Messages go to this engine's own producer: no AWS account is needed."
    if url != sink_url:
        goes = f"Messages go to {visible(composing.host(url))}, signed with your credentials."
    lines += wrap(goes, width - 2, "muted", MARGIN)
    for id_, said in (
        ("producer.send", "sends the message above"),
        ("producer.dry-run", "shows what would go, and what is signed"),
        ("producer.template", "begins with another message"),
        ("producer.ways", "breaks the signature, to read why it is refused"),
    ):
        lines.append(cut([(f"{MARGIN}{fit(key(id_), 5)}", "accent"), (said, "")], width))
    if sink_url:
        lines += [[], *wrap("Your own code sends here with", width - 2, "muted", MARGIN)]
        for said in (
            f"KINDO_MESSAGE_PRODUCER_URL={sink_url}",
            "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local",
        ):
            lines += wrap(said, width - 2, "accent", MARGIN)
    return lines
