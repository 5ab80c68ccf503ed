"""How a secret may be written inside other text (reliability rules R4), standard library alone.

The canary test looks for these; it also puts this file beside the code that spills them.
"""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus


def spelled(value: str) -> tuple[str, ...]:
    """Return each form of a value of 8 characters or more, its lines and its alignments too."""
    raw = value.encode()
    forms = [value, raw.hex(), raw.hex().upper(), html.escape(value), repr(value)[1:-1]]
    forms += [
        repr(raw)[2:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ]
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        lower = "".join(
            each.lower() if quoted[max(at - 2, 0) : at + 1].count("%") else each
            for at, each in enumerate(quoted)
        )
        forms += [quoted, lower]
    forms += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    for before in (1, 2):
        shifted = base64.b64encode(bytes(before) + raw).decode()
        forms.append(shifted[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    forms += [line for line in value.splitlines() if len(line) >= 8 and "-----" not in line]
    if value.startswith("eyJ"):
        forms += value.rsplit(".", 1)
    return tuple(dict.fromkeys(forms))


def embedded(value: str) -> tuple[str, ...]:
    """Return texts as they are met, which have the forms of a value inside."""
    raw = value.encode()
    basic = [base64.b64encode(user + b":" + raw).decode() for user in (b"a", b"ab", b"abc")]
    return (*spelled(value), *(f"Authorization: Basic {each}" for each in basic))
