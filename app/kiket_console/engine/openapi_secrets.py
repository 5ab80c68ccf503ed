"""The description of the control API's part that keeps secrets."""

from __future__ import annotations

from typing import Any

from kiket_console.engine.openapi_parts import asks, parameter
from kiket_console.wire import API, ROTATION_LIMIT_S, ROTATION_WAIT_S, Rotation
from kiket_console.wire_secrets import (
    FORMS,
    LEAST_BYTES,
    MOST_BYTES,
    PROJECT,
    SCOPES,
    VAULT_MODES,
    Revealed,
    SecretEntry,
    SecretsState,
    VaultFacts,
)

_SCOPE = {
    "enum": ["", *SCOPES],
    "default": "",
    "description": "Empty: that of the value that the project sees.",
}
_VALUE = {"type": "string", "format": "password"}
_SECONDS = {
    "type": "number",
    "exclusiveMinimum": 0,
    "maximum": ROTATION_LIMIT_S,
    "default": ROTATION_WAIT_S,
}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    said = {"type": "object", "additionalProperties": False, "properties": properties}
    return said | ({"required": list(required)} if required else {})


_SET = _object(
    "value",
    value=_VALUE,
    scope={**_SCOPE, "default": PROJECT},
    version={
        "type": ["integer", "null"],
        "default": None,
        "description": "Keep it only in place of this version's value; 0: of none.",
    },
)
_GENERATE = _object(
    form={"enum": list(FORMS), "default": FORMS[0]},
    size={"type": "integer", "minimum": LEAST_BYTES, "maximum": MOST_BYTES, "default": 32},
)
_ROTATE = _object(
    value={**_VALUE, "type": ["string", "null"], "default": None},
    generate={
        "anyOf": [_GENERATE, {"type": "null"}],
        "default": None,
        "description": "Without it and a value, the one that is kept is handed out again.",
    },
    scope=_SCOPE,
    timeout_s=_SECONDS,
)
_SCOPED = _object(scope=_SCOPE)
_VAULT = _object("mode", mode={"enum": list(VAULT_MODES)})


def secret_paths() -> dict[str, Any]:
    """Return the paths below `/v1/secrets`."""
    name = parameter("name", {"type": "string"})
    place = f"{API}/secrets"
    one = f"{place}/{{name}}"
    return {
        place: {"get": asks("The vault, and what is in it or asked for.", SecretsState)},
        f"{place}/vault": {
            "post": asks("Use the keyring, or this session alone.", VaultFacts, body=_VAULT)
        },
        one: {
            "parameters": [name],
            "put": asks("Keep a secret, and hand it out.", Rotation, body=_SET),
            "delete": {
                "parameters": [parameter("scope", _SCOPE, where="query")],
                **asks("Forget a secret.", SecretEntry),
            },
        },
        f"{one}/rotate": {
            "parameters": [name],
            "post": asks("Hand a secret's new value to who has it.", Rotation, body=_ROTATE),
        },
        f"{one}/restore": {
            "parameters": [name],
            "post": asks("Bring back the value before.", Rotation, body=_SCOPED),
        },
        f"{one}/reveal": {
            "parameters": [name],
            "post": asks("The value.", Revealed, body=_SCOPED),
        },
    }
