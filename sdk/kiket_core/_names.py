"""The names of a head's headers: senders repeat them, so that what they say is read once."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

RARE: Final = frozenset({b"upgrade", b"sec-fetch-site", b"origin", b"transfer-encoding"})
"""What has rules of its own, beside those for every head."""


class Names(NamedTuple):
    """The names of one head, in their order."""

    folded: tuple[bytes, ...]
    """In lower case."""
    texts: tuple[str, ...]
    """As they came."""
    is_plain: bool
    """Whether no name is there twice, has an underscore, or is `RARE`."""


@functools.lru_cache(maxsize=64)
def names_of(came: tuple[bytes, ...]) -> Names:
    """Return what names say that came in one head."""
    folded = tuple([name.lower() for name in came])
    different = frozenset(folded)
    is_plain = (
        len(different) == len(folded) and different.isdisjoint(RARE) and b"_" not in b"".join(came)
    )
    return Names(folded, tuple([name.decode("latin-1") for name in came]), is_plain)


def texts_of(values: tuple[bytes, ...]) -> list[str]:
    """Return values of headers as text; the parser lets no line feed into one."""
    return b"\n".join(values).decode("latin-1").split("\n") if values else []
