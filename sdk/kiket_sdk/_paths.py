"""Paths of the platform's API, from names that others chose."""

from __future__ import annotations

from urllib.parse import quote

from kiket_sdk.exceptions import ArgumentError


def platform_path(root: str, *names: object) -> str:
    """Return `root` with each name as one further segment, percent-encoded.

    Dots stay readable. Raises ArgumentError for a name that a path cannot hold as one segment:
    an empty one, `.` and `..`.
    """
    segments = [root]
    for name in names:
        text = str(name)
        try:
            segment = "" if text in {".", ".."} else quote(text, safe="")
        except UnicodeEncodeError:  # half of a character, which JSON may hold
            segment = ""
        if not segment:
            raise ArgumentError(f"{text!r} cannot be part of a platform path; use another name.")
        segments.append(segment)
    return "/".join(segments)
