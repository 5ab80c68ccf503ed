"""Which ways to sign a delivery came with: which one decided, and why the others did not.

✓ k0          matches
· sw1         came too and was not needed
✗ es256       The token expired 3 m ago.
  kr k1 sw1a  did not come

Token for com.example.marketing, from kiket.dev · good until 14:15:09 · custom_data.read
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kiket_console.text import clock, fit, plural, visible
from kiket_console.ui.paint.line import joined, wrap
from kiket_sdk import _claims

if TYPE_CHECKING:
    from kiket_console.model import Detail, Judgement, Message
    from kiket_console.ui.paint.line import Line

MARGIN: Final = "  "
ES256: Final = "es256"
SCHEMES: Final = {
    "k0": "HMAC-SHA256 of the body, hex",
    "kr": "HMAC-SHA256 of timestamp and body, hex",
    "k1": "HMAC-SHA256 of timestamp and body, sha256=…",
    "sw1": "Standard Webhooks: HMAC-SHA256 of id, timestamp and body",
    "sw1a": "Standard Webhooks: ed25519 of id, timestamp and body",
    ES256: "runtime token signed with ES256",
}
_OURS: Final = ("k0", "kr", "k1")
"""These share a header; which of them it holds, its form and the timestamp's tell."""
_CELLS: Final = 22
"""As wide as the names of headers above."""
_BRIEFLY: Final = {
    "stale": "matches, and is too old",
    "future": "matches, and is ahead of its time",
    "mismatch": "does not match",
    "expired": "its token has expired",
}
READ_BYTES: Final = 1 << 20
"""In a larger payload no token is looked for."""


def came(request: Message) -> tuple[str, ...]:
    """Return the schemes that a request carries something for, be it good or not."""
    found: list[str] = []
    if signature := request.header("x-kiket-signature").strip():
        stamp = request.header("x-kiket-timestamp").strip()
        unix = stamp.replace(".", "", 1).isdigit()
        found.append("k1" if signature.startswith("sha256=") else "kr" if unix else "k0")
    kinds = {each.partition(",")[0] for each in request.header("webhook-signature").split()}
    found += [name for name, kind in (("sw1", "v1"), ("sw1a", "v1a")) if kind in kinds]
    if request.header("webhook-signature") and not {"v1", "v1a"} & kinds:
        found.append("sw1")  # it is none that can be read, or was not stored
    if token_in(request):
        found.append(ES256)
    return tuple(found)


def token_in(request: Message) -> str:
    """Return the runtime token in a payload; empty without one."""
    if len(request.body.raw) > READ_BYTES or b"runtime_token" not in request.body.raw:
        return ""
    try:
        payload = json.loads(request.body.raw)
    except (ValueError, RecursionError):
        return ""
    return _claims.runtime_token_in(payload) or ""


def scheme_lines(detail: Detail, judgement: Judgement, width: int) -> list[Line]:
    """Return a line for each scheme that came, one for all others, and what the token claims."""
    decided = judgement.dialect
    sent = dict.fromkeys(came(detail.request))
    if decided in _OURS:  # what was found is sure, what it looks like is not
        sent = dict.fromkeys([decided, *(each for each in sent if each not in _OURS)])
    elif decided in SCHEMES:
        sent[decided] = None
    if judgement.nearest in SCHEMES:
        sent[judgement.nearest] = None
    lines: list[Line] = []
    for scheme in (each for each in SCHEMES if each in sent):
        sign, role, said = _found(scheme, judgement)
        head: Line = [(f"{MARGIN}{sign} ", role), (fit(scheme, _CELLS), "name")]
        first, *rest = wrap(said, width - _CELLS - 6)
        lines.append([*head, *first])
        lines += [[(" " * (_CELLS + 4), ""), *line] for line in rest]
    others = " ".join(each for each in SCHEMES if each not in sent)
    if others:
        lines.append([(f"{MARGIN}  {fit(others, _CELLS)}", "muted"), ("did not come", "muted")])
    return lines


def claim_lines(request: Message, at_us: int, width: int) -> list[Line]:
    """Return what a runtime token claims, read and not checked; nothing without a token."""
    token = token_in(request)
    if not token:
        return []
    claims = _claims.unverified(token)
    if claims is None:
        return wrap("Its token is no JWT, so that it says nothing.", width - 2, "muted", MARGIN)
    facts: list[Line] = []
    whom = claims.ext_id if claims.ext_id is not None else "no extension"
    facts.append([(f"for {_shown(whom)}", "")])
    if claims.iss:
        facts.append([(f"from {_shown(claims.iss)}", "muted")])
    if claims.exp:
        late = claims.exp * 1_000_000 <= at_us
        when = clock(claims.exp * 1_000_000, milliseconds=False) if claims.exp < 1 << 34 else "?"
        facts.append([(f"good until {when}", "error" if late else "")])
    else:
        facts.append([("no end", "warning")])
    scopes = claims.scopes.split() if isinstance(claims.scopes, str) else claims.scopes or []
    if "*" in scopes:
        facts.append([("all scopes (*)", "muted")])
    elif scopes:
        named = ", ".join(_shown(each) for each in scopes[:8])
        more = f" and {len(scopes) - 8} more" if len(scopes) > 8 else ""
        facts.append([(f"{plural(len(scopes), 'scope')}: {named}{more}", "muted")])
    text = "".join(text for text, _ in joined(facts, " · "))
    return wrap(f"Token {text}", width - 2, "muted", MARGIN)


def _found(scheme: str, judgement: Judgement) -> tuple[str, str, str]:
    """Return the sign of a scheme, its role, and why it decided or did not."""
    if scheme == judgement.dialect and judgement.ok:
        return "✓", "ok", "matches"
    if scheme == judgement.dialect:
        return "✗", "error", _BRIEFLY.get(judgement.reason, judgement.sentence or judgement.reason)
    if scheme == judgement.nearest:
        return "!", "warning", "would match, and is not accepted here"
    return "·", "muted", _why_not(scheme, judgement.dialect)


def _why_not(scheme: str, decided: str | None) -> str:
    """Say why a scheme that came was not what decided."""
    if decided is None:
        return "came"
    if decided == ES256:
        return "came too; code without a webhook secret cannot check it"
    if scheme == ES256:
        return "came too; code with a webhook secret does not ask it"
    if decided in _OURS:
        return "came too, and is not accepted here"
    return "came too; where Standard Webhooks is accepted it alone decides"


def _shown(value: Any) -> str:
    return visible(str(value))[:80]
