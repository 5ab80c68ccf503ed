"""A message to a producer as a command: curl signs it anew when it runs (curl 7.75 and later)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from kiket_console.text import plural
from kiket_console.wire_producer import MASK

if TYPE_CHECKING:
    from kiket_console.model import Detail

KEY: Final = "AWS_ACCESS_KEY_ID"
SECRET: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 (a variable's name)
TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 (a variable's name)
MADE_ANEW: Final = frozenset({"accept", "authorization", "user-agent", "x-amz-date"})
"""Headers that belong to the signature, or are curl's own."""
_SCOPE: Final = re.compile(r" for ([a-z0-9-]{1,64})/([a-z0-9-]{1,64})\b")
_LOCAL: Final = re.compile(r"\bprofile local\b")
_DEFAULT: Final = ("ap-southeast-2", "lambda")


class Signing(NamedTuple):
    """How curl is told to sign."""

    variables: tuple[str, ...]
    """What has to be set."""
    words: tuple[str, ...]
    note: str


def signing(detail: Detail) -> Signing:
    """Return how a recorded message is signed anew, for what it was signed for."""
    sentence = detail.judgement.sentence if detail.judgement is not None else ""
    found = _SCOPE.search(f" {sentence}")
    region, service = found.groups() if found else _DEFAULT
    words = [f"--aws-sigv4 aws:amz:{region}:{service}"]
    if _LOCAL.search(sentence):
        return Signing((), (*words, "--user local:local"), "curl signs it for the sink.")
    words.append(f'--user "${KEY}:${SECRET}"')
    needed = [KEY, SECRET]
    if detail.request.header("x-amz-security-token"):
        words.append(f'-H "X-Amz-Security-Token: ${TOKEN}"')
        needed.append(TOKEN)
    told = ", ".join(f"${name}" for name in needed)
    return Signing(tuple(needed), tuple(words), f"Set {told}: curl signs it when it runs.")


def masks(raw_body: bytes) -> str:
    """Return what is to be said of the masked values of a sensitive message; nothing without."""
    count = len(MASK.findall(raw_body.decode("utf-8", "replace")))
    return f"Fill in what says [masked:…] first: {plural(count, 'value')}." if count else ""


def base_of(detail: Detail) -> str:
    """Return where a message went, without its path; empty: to the sink of an engine."""
    target = detail.attempts[0].target if detail.attempts else ""
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""
