"""Secrets as rows, what is known of one, and where all of them are kept; values are elsewhere.

  name              scope      value       age     used by
  WEBHOOK_SECRET    project    ••••••••    3 d     marketing ✓ 12 s ago
! CRM_TOKEN         -          missing             marketing asks for it       enter to add
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from kiket_console.text import age, fit, plural, visible
from kiket_console.ui.paint.labels import MARGIN
from kiket_console.ui.paint.line import cut, joined, line_width, spread, wrap
from kiket_console.ui.paint.processes import ago

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.wire_secrets import SecretEntry, SecretsState, SecretUse, VaultFacts

MASK: Final = "••••••••"
"""Stands for a value, whatever its length."""
ENVIRONMENT: Final = "environment"
PAYLOAD: Final = "payload"
_SCOPE, _VALUE, _AGE = 9, 10, 9
_LEAST_NAME, _MOST_NAME, _MOST_NAME_TIGHT = 12, 34, 22
_ROOMY, _TIGHT = 100, 64
_LEAST_USES = 12


class Standing(StrEnum):
    """What has become of a secret."""

    KEPT = "kept"
    MISSING = "missing"
    """A worker asks for it, and it was never set."""
    DELETED = "deleted"
    """Its value can still be brought back."""
    GONE = "gone"
    """Its name is known here, and the keyring has no value for it."""


def standing(entry: SecretEntry, now_us: int) -> Standing:
    """Return what has become of a secret."""
    if entry.present:
        return Standing.KEPT
    if not entry.scope:
        return Standing.MISSING
    return Standing.DELETED if entry.previous_until_us > now_us else Standing.GONE


# The list


def header(width: int, names: int) -> Line:
    """Return the names of the columns; *names*: the cells of the longest secret's name."""
    name, has_age = _columns(width, names)
    between = f"{fit('age', _AGE)}" if has_age else ""
    said = f"   {fit('name', name)}  {fit('scope', _SCOPE)}{fit('value', _VALUE)}{between}used by"
    return cut([(said, "muted")], width)


def row(entry: SecretEntry, width: int, now_us: int, names: int, key: KeyOf) -> Line:
    """Return a secret as a row."""
    name, has_age = _columns(width, names)
    found = standing(entry, now_us)
    value, role = _SHOWN[found]
    is_bad = _lacking(entry) or found is Standing.GONE or (entry.present and _warned(entry))
    sign = "!" if is_bad else " "
    changed = age((now_us - entry.updated_us) / 1e6) if entry.present and entry.updated_us else ""
    left: list[tuple[str, str]] = [
        (f" {sign} ", "warning"),
        (fit(visible(entry.name), name) + "  ", "" if entry.present else "strong"),
        (fit(entry.scope or "-", _SCOPE), "muted"),
        (fit(value, _VALUE), role),
    ]
    if found is Standing.DELETED and not entry.declared_by:
        left[1] = (left[1][0], "muted")
    if has_age:
        left.append((fit(changed, _AGE), "muted"))
    room = width - line_width(left) - 1
    if room < _LEAST_USES:
        return cut(left, width)
    if _lacking(entry):
        does = _HINTS[found]
        hint: Line = [(key(does[0]), "accent"), (f" {does[1]} ", "muted")]
        roomy = room > line_width(_asks(entry)) + line_width(hint) + 2
        return spread([*left, *_asks(entry)], hint if roomy else (), width)
    return [*left, *_used_by(entry, now_us, room)]


_SHOWN: Final = {
    Standing.KEPT: (MASK, "muted"),
    Standing.MISSING: ("missing", "warning"),
    Standing.DELETED: ("deleted", "muted"),
    Standing.GONE: ("gone", "warning"),
}
_HINTS: Final = {
    Standing.MISSING: ("open", "to add"),
    Standing.DELETED: ("secrets.restore", "to bring back"),
    Standing.GONE: ("secrets.edit", "to set anew"),
}


def summary(state: SecretsState) -> list[Line]:
    """Return how many there are and where they are kept, the most telling last."""
    kept = sum(entry.present for entry in state.entries)
    lacking = sum(_lacking(entry) for entry in state.entries)
    parts: list[Line] = [[(plural(kept, "secret"), "muted")]] if kept else []
    if lacking:
        parts.append([(f"{lacking} missing", "warning")])
    return [*parts, *vault_words(state.vault)]


def vault_words(vault: VaultFacts) -> list[Line]:
    """Return in a few words where secrets are kept."""
    keyring = f"OS keyring ({visible(vault.name)})" if vault.name else "OS keyring"
    if vault.state == "keyring":
        lock: Line = [("locked", "warning")] if vault.locked else [("unlocked", "muted")]
        return [[(keyring, "")], lock]
    if vault.state == "session":
        return [[("this session only", "warning")]]
    if vault.state == "looking":
        return [[("looking for the keyring …", "muted")]]
    return (
        [[(keyring, ""), (" ", ""), ("is locked", "warning")]]
        if vault.locked
        else [[("no keyring", "warning")]]
    )


def vault_note(vault: VaultFacts, width: int, key: KeyOf) -> list[Line]:
    """Return what a person should know of a vault that is not the keyring, and can do about it."""
    again: Line = [(key("secrets.keyring"), "accent"), (" looks again", "muted")]
    session: Line = [
        (key("secrets.session"), "accent"),
        (" keeps them for this session only", "muted"),
    ]
    if vault.state == "looking" or (vault.state == "keyring" and not vault.locked):
        return []
    if vault.state == "session":
        said = vault.problem or "Secrets are forgotten when the engine ends."
        keys = [again]
    else:
        said = vault.problem or _why(vault)
        keys = [again, session]
    told = wrap(said, width - 4, "")
    lines = [
        [(" ! " if not number else "   ", "warning"), *line] for number, line in enumerate(told)
    ]
    tail = joined(keys, " · ")
    if line_width(lines[-1]) + line_width(tail) + 3 <= width:
        return [*lines[:-1], [*lines[-1], ("  ", ""), *tail]]
    return [*lines, cut([("   ", ""), *tail], width)]


def _why(vault: VaultFacts) -> str:
    if vault.locked:
        return "The keyring waits to be unlocked: there may be a dialog that asks for its password."
    return "There is no keyring here that secrets could be kept in."


def _columns(width: int, names: int) -> tuple[int, bool]:
    """Return the cells of the names, and whether there is a column for the age."""
    most = _MOST_NAME if width >= _ROOMY else _MOST_NAME_TIGHT
    return max(_LEAST_NAME, min(names, most, width - 3)), width >= _TIGHT


def _asks(entry: SecretEntry) -> Line:
    names = ", ".join(visible(each) for each in entry.declared_by)
    return [(names, ""), (" ask for it" if len(entry.declared_by) > 1 else " asks for it", "muted")]


def _lacking(entry: SecretEntry) -> bool:
    """Return whether a worker asks for it in vain."""
    return not entry.present and bool(entry.declared_by)


def _warned(entry: SecretEntry) -> bool:
    return entry.short or entry.env_file or any(is_old(entry, use) for use in entry.uses)


def is_old(entry: SecretEntry, use: SecretUse) -> bool:
    """Return whether a worker has an older value than the one that is kept.

    What came with a delivery was for that delivery: the next one brings the present value.
    """
    return use.how != PAYLOAD and 0 < use.version < entry.version


def _used_by(entry: SecretEntry, now_us: int, room: int) -> Line:
    """Return who was given it and when, in as many words as there is room for."""
    given = {use.worker: use for use in entry.uses}
    workers = list(dict.fromkeys([*entry.declared_by, *given]))
    if not workers:
        return [("-", "muted")]
    for words in (2, 1, 0):
        line = joined((_used(entry, name, given, now_us, words) for name in workers), " · ")
        if line_width(line) <= room:
            return line
    return cut(line, room)


def _used(
    entry: SecretEntry, worker: str, given: dict[str, SecretUse], now_us: int, words: int
) -> Line:
    use = given.get(worker)
    name = visible(worker)
    if use is None:
        return [(name, "muted"), (" has not asked yet" if words == 2 else " …", "faint")]
    if entry.present and is_old(entry, use):
        return [(name, ""), (" ! has the old value" if words else " !", "warning")]
    said = f" {ago(use.at_us, now_us)}" if words else ""
    if use.how == ENVIRONMENT and words:
        said += " in its environment" if words == 2 else " (env)"
    return [(name, ""), (" ✓", "ok"), (said, "muted")]


# What an empty list says


def empty(vault: VaultFacts | None, width: int, key: KeyOf) -> list[Line]:
    """Return what would be here, and how it comes here."""
    if vault is None:
        return [[], [(MARGIN + "Reading the names of the secrets …", "muted")]]
    where = "your keyring" if vault.state == "keyring" else "a keyring"
    hint = (
        "What your code must know and nobody else belongs here: webhook secrets, API keys, "
        f"passwords. Values are kept in {where}, never in a file of ours; what a worker declares "
        "and does not have is listed as missing."
    )
    return [
        [],
        [(MARGIN + "There are no secrets yet.", "strong")],
        *wrap(hint, width - 2, "muted", MARGIN),
        [],
        [(f"{MARGIN}{fit(key('secrets.add'), 4)}", "accent"), ("adds one", "")],
        [(f"{MARGIN}{fit(key('secrets.import'), 4)}", "accent"),
         ("takes them out of the project's .env", "")],
        [],
        [(MARGIN + "Or from a shell:", "")],
        [],
        [(f"{MARGIN}  kiket-console secrets set CRM_TOKEN", "accent")],
    ]  # fmt: skip


def nothing_matches(total: int, key: KeyOf) -> list[Line]:
    """Return why no secret is shown, and what to do then."""
    return [
        [],
        [(f"{MARGIN}None of {plural(total, 'secret')} has these words.", "strong")],
        [],
        [(f"{MARGIN}{key('back'):<8}", "accent"), ("shows all of them", "")],
        [(f"{MARGIN}{key('secrets.filter'):<8}", "accent"), ("changes the words", "")],
    ]
