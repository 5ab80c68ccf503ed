"""The control API's own description, made from the types that it speaks."""

from __future__ import annotations

from typing import Any

import msgspec

from kiket_console import __version__
from kiket_console.engine.openapi_parts import asks, does, parameter, refusal, schema
from kiket_console.engine.openapi_producer import PRODUCER_KINDS, producer_paths
from kiket_console.engine.openapi_secrets import secret_paths
from kiket_console.engine_status import EngineStatus
from kiket_console.model import Exchange, Notice, Worker
from kiket_console.module_facts import Registrations
from kiket_console.wire import (
    API,
    CHANNELS,
    ERAS,
    LIST_DEFAULT,
    LIST_LIMIT,
    NOTE_LIMIT,
    PLATFORM_ROWS_DEFAULT,
    PLATFORM_ROWS_LIMIT,
    SELECTION_LIMIT,
    VERBS,
    WAYS,
    IpcOp,
    IpcResult,
    PlatformRows,
    PlatformSettings,
    PlatformState,
    Preview,
    Refusal,
    Result,
    Rotation,
    Selection,
    Service,
    Template,
)
from kiket_console.wire_secrets import Revealed, SecretEntry, SecretsState, VaultFacts

_DRY_RUN = {
    "type": "boolean",
    "default": False,
    "description": "Send nothing; answer with a Preview.",
}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT, "default": LIST_DEFAULT}
_ROWS = {
    "type": "integer",
    "minimum": 1,
    "maximum": PLATFORM_ROWS_LIMIT,
    "default": PLATFORM_ROWS_DEFAULT,
}
_ROW = {"type": "object", "description": "A row: what the collection's columns name."}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_RETRY = {
    "type": ["boolean", "null"],
    "default": None,
    "description": "Whether it is tried again when it fails; null: as the settings say.",
}
_TRIGGER = {
    "type": "object",
    "required": ["event"],
    "additionalProperties": False,
    "properties": {
        "event": {"type": "string"},
        "version": {"type": "string"},
        "extension": {"type": "string", "description": "Needed when there are several."},
        "payload": {"description": "The event's JSON, sent as it is; a template when absent."},
        "headers": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}},
            "description": "Pairs that replace the delivery's own headers.",
        },
        "dialect": {"type": "string", "description": "Sign in this dialect alone."},
        "era": {"enum": ["", *ERAS], "description": "Make it for the SDKs of this time alone."},
        "retry": _RETRY,
        "body": {"type": "string", "format": "byte", "description": "The very bytes to send."},
        "like": {
            "type": "integer",
            "description": "The exchange whose secrets stand where their markers are.",
        },
        "dry_run": _DRY_RUN,
    },
}
_REPLAY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "way": {"enum": list(WAYS)},
        "version": {"type": "string"},
        "retry": _RETRY,
    },
}
_SEND = {
    "type": "object",
    "additionalProperties": False,
    "description": "What is not named stays as it was.",
    "properties": {
        "payload": {"description": "The JSON to send, as it is."},
        "body": {"type": "string", "format": "byte", "description": "Bytes that are no JSON."},
        "headers": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}},
            "description": "All but those that are made anew for each delivery.",
        },
        "event": {"type": "string"},
        "version": {"type": "string"},
        "way": {"enum": list(WAYS)},
        "linked": {"type": "boolean", "default": True},
        "retry": _RETRY,
        "dry_run": _DRY_RUN,
    },
}
_IDS = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 1,
    "maxItems": SELECTION_LIMIT,
}
_EXCHANGES = {
    "type": "object",
    "required": ["ids"],
    "additionalProperties": False,
    "properties": {"ids": _IDS},
}
_PIN = {
    **_EXCHANGES,
    "properties": {"ids": _IDS, "pinned": {"type": "boolean", "default": True}},
}
_NOTE = {
    **_EXCHANGES,
    "required": ["ids", "note"],
    "properties": {
        "ids": _IDS,
        "note": {"type": "string", "maxLength": NOTE_LIMIT, "description": "Empty: none."},
    },
}
_ANSWER_S = {"type": "number", "exclusiveMinimum": 0, "maximum": 600, "default": 30.0}
_IPC_SEND = {
    "type": "object",
    "required": ["module"],
    "additionalProperties": False,
    "properties": {
        "module": {"type": "string"},
        "message": {"type": "object", "description": "As GET /v1/ipc/ops says of each op."},
        "op": {"type": "string", "description": "Where the message does not say it."},
        "channel": {"enum": list(CHANNELS), "description": "Empty: as the module expects it."},
        "like": {"type": "integer", "description": "The exchange that it repeats, edited or not."},
        "timeout_s": _ANSWER_S,
    },
}
_IPC_REPLAY = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {"id": {"type": "integer"}, "timeout_s": _ANSWER_S},
}


def describe() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the control API."""
    kinds = (
        *(EngineStatus, Exchange, Worker, Notice, Result, Preview, Template),
        *(SecretsState, SecretEntry, VaultFacts, Revealed, Selection, Refusal),
        *(PlatformState, PlatformRows, PlatformSettings),
        *(IpcOp, IpcResult, Rotation, Service, Registrations),
        *PRODUCER_KINDS,
    )
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    name, verb = parameter("name", {"type": "string"}), parameter("verb", {"enum": list(VERBS)})
    exchange = parameter("id", {"type": "integer"})
    return {
        "openapi": "3.1.0",
        "info": {"title": "kiket-console control API", "version": __version__},
        "paths": {
            f"{API}/status": {"get": asks("What runs, how sure and since when.", EngineStatus)},
            f"{API}/workers": {"get": asks("The workers.", Worker, many=True)},
            f"{API}/workers/{{name}}/{{verb}}": {
                "parameters": [name, verb],
                "post": asks("Restart, stop, start or kill a worker.", Worker),
            },
            f"{API}/notices": {
                "get": {
                    "summary": "What changed: server-sent events `notice`, the newest at once.",
                    "responses": {
                        "200": {
                            "description": "A stream.",
                            "content": {"text/event-stream": {"schema": schema(Notice)}},
                        },
                        "default": refusal(),
                    },
                }
            },
            f"{API}/templates": {
                "parameters": [parameter("extension", {"type": "string"}, where="query")],
                "get": asks("Events to trigger, handled ones first.", Template, many=True),
            },
            f"{API}/trigger": {"post": asks("Send a signed event.", Result, body=_TRIGGER)},
            f"{API}/exchanges/{{id}}/replay": {
                "parameters": [exchange],
                "post": asks("Send a recorded delivery again.", Result, body=_REPLAY),
            },
            f"{API}/exchanges/{{id}}/send": {
                "parameters": [exchange],
                "post": asks("Send a recorded delivery again, edited.", Result, body=_SEND),
            },
            f"{API}/exchanges/{{id}}/retry": {
                "parameters": [exchange],
                "post": asks("Make the next attempt at a delivery that failed.", Result),
            },
            f"{API}/exchanges/cancel": {
                "post": asks("Make no more attempts.", Selection, body=_EXCHANGES)
            },
            f"{API}/exchanges": {
                "parameters": [
                    parameter("filter", {"type": "string"}, where="query"),
                    parameter("limit", _LIMIT, where="query"),
                ],
                "get": asks("The newest exchanges that match a filter.", Exchange, many=True),
            },
            f"{API}/filters": {
                "get": {
                    "summary": "The saved filters, by name.",
                    "responses": {
                        "200": {
                            "description": "Names and texts.",
                            "content": {"application/json": {"schema": _TEXTS}},
                        },
                        "default": refusal(),
                    },
                }
            },
            f"{API}/exchanges/pin": {
                "post": asks("Keep exchanges, or no longer.", Selection, body=_PIN)
            },
            f"{API}/exchanges/note": {
                "post": asks("Say something about exchanges.", Selection, body=_NOTE)
            },
            f"{API}/exchanges/read": {
                "post": asks("Count exchanges as looked at.", Selection, body=_EXCHANGES)
            },
            f"{API}/exchanges/remove": {
                "post": asks(
                    "Take exchanges out of sight, with what they caused.",
                    Selection,
                    body=_EXCHANGES,
                )
            },
            f"{API}/exchanges/restore": {
                "post": asks("Bring removed exchanges back.", Selection, body=_EXCHANGES)
            },
            **secret_paths(),
            **producer_paths(),
            f"{API}/ipc/ops": {
                "get": asks("Messages that can be sent to modules.", IpcOp, many=True)
            },
            f"{API}/ipc/send": {
                "post": asks("Send a message to a module.", IpcResult, body=_IPC_SEND)
            },
            f"{API}/ipc/replay": {
                "post": asks("Send a recorded message again.", IpcResult, body=_IPC_REPLAY)
            },
            f"{API}/services": {"get": asks("What modules offer each other.", Service, many=True)},
            f"{API}/registrations": {
                "get": asks("Programs that registered themselves.", Registrations)
            },
            **_platform(),
            f"{API}/stop": {"post": does("Stop the workers and end.", "202")},
        },
        "components": {"schemas": schemas},
    }


def _platform() -> dict[str, Any]:
    collection = parameter("collection", {"type": "string"})
    one = [collection, parameter("id", {"type": "integer"})]
    place = f"{API}/platform/{{collection}}"
    asked = [
        parameter("limit", _ROWS, where="query"),
        parameter("after", {"type": "integer"}, where="query"),
        parameter("find", {"type": "string"}, where="query"),
    ]
    return {
        f"{API}/platform": {"get": asks("What the platform keeps.", PlatformState)},
        f"{API}/platform/settings": {
            "patch": asks(
                "Change how the platform behaves.",
                PlatformSettings,
                body=schema(PlatformSettings),
            )
        },
        place: {
            "parameters": [collection],
            "get": {
                "parameters": asked,
                **asks("Rows, newest first.", PlatformRows),
            },
            "post": _gives_row("Add a row.", body=_ROW),
        },
        f"{place}/{{id}}": {
            "parameters": one,
            "get": _gives_row("One row."),
            "patch": _gives_row("Change what is named of a row.", body=_ROW),
            "delete": does("Take a row away.", "204"),
        },
        f"{place}/{{id}}/restore": {
            "parameters": one,
            "post": _gives_row("Bring a removed row back."),
        },
    }


def _gives_row(summary: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    said = does(summary, "200", body)
    said["responses"]["200"]["content"] = {"application/json": {"schema": _ROW}}
    return said
