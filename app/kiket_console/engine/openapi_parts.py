"""The pieces that the control API's description is put together of."""

from __future__ import annotations

from typing import Any

from kiket_console.wire import Refusal


def schema(kind: type) -> dict[str, Any]:
    """Return a reference to what a type is in JSON."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def parameter(name: str, kind: dict[str, Any], where: str = "path") -> dict[str, Any]:
    """Return a parameter of a path, or of its query."""
    return {"name": name, "in": where, "required": where == "path", "schema": kind}


def refusal() -> dict[str, Any]:
    """Return the answer to what is refused."""
    content = {"application/json": {"schema": schema(Refusal)}}
    return {"description": "Refused, and why.", "content": content}


def does(summary: str, status: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a request that is answered with a status alone."""
    said: dict[str, Any] = {
        "summary": summary,
        "responses": {status: {"description": "Done."}, "default": refusal()},
    }
    if body is not None:
        said["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return said


def asks(
    summary: str, answer: type, *, many: bool = False, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a request that is answered with one of a type, or with several."""
    said = does(summary, "200", body)
    one = schema(answer)
    found = {"type": "array", "items": one} if many else one
    said["responses"]["200"]["content"] = {"application/json": {"schema": found}}
    return said
