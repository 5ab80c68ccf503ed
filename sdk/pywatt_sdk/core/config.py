"""Settings of a module: `AppConfig` for its state, `Config` for its environment."""

from __future__ import annotations

import os
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pywatt_sdk.core.error import ConfigError

__all__ = ["AppConfig", "Config"]

_ENVIRONMENT = {
    "PYWATT_LOG_LEVEL": "log_level",
    "PYWATT_LOG_FORMAT": "log_format",
    "PYWATT_MODULE_ID": "module_id",
    "PYWATT_ORCHESTRATOR_API": "orchestrator_api",
    "PYWATT_IPC_TIMEOUT_SECONDS": "ipc_timeout_seconds",
    "PYWATT_MAX_RETRIES": "max_retries",
    "PYWATT_ENABLE_METRICS": "enable_metrics",
    "PYWATT_ENABLE_HEALTH_CHECK": "enable_health_check",
}


class AppConfig(BaseModel):
    """What `@pywatt_module(config=…)` takes, and `AppState.config` gives.

    `ipc_timeout_ms` is how long a reply of the orchestrator is waited for. The tables
    (`tcp_config` and so on) are what the decorator's parameters of the same names take. Further
    fields are kept as they are.
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    message_format_primary: str = "Json"
    message_format_secondary: str = "MessagePack"
    ipc_timeout_ms: int = Field(default=30_000, gt=0)
    ipc_only: bool = False
    enable_advanced_features: bool = True
    enable_service_discovery: bool = True
    enable_module_registration: bool = True
    tcp_config: Any = None
    ipc_config: Any = None
    database_config: Any = None
    cache_config: Any = None
    jwt_config: Any = None
    secret_config: Any = None
    routing_config: Any = None
    failover_config: Any = None


class Config(BaseModel):
    """Settings that a program reads from its environment or from a table of its own.

    Raises:
        ConfigError: from `from_env` and `from_dict`, if a value cannot be used.
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    log_level: str = "INFO"
    log_format: Literal["json", "text"] = "json"
    module_id: str | None = None
    orchestrator_api: str | None = None
    ipc_timeout_seconds: float = Field(default=30, gt=0)
    max_retries: int = Field(default=3, ge=0)
    enable_metrics: bool = False
    enable_health_check: bool = True

    @field_validator("orchestrator_api")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("an orchestrator's API begins with http:// or https://")
        return value

    @field_validator("log_level")
    @classmethod
    def _in_capitals(cls, value: str) -> str:
        return value.upper()

    @classmethod
    def from_env(cls) -> Self:
        """Read PYWATT_LOG_LEVEL, PYWATT_MODULE_ID and so on; what is not set has its default."""
        given = {field: os.environ.get(name, "") for name, field in _ENVIRONMENT.items()}
        return cls.from_dict({field: text for field, text in given.items() if text.strip()})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read a table."""
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "a value"
            raise ConfigError.invalid_config(f"{field}: {first['msg']}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return all settings, further ones too."""
        return self.model_dump()

    def get(self, key: str, default: Any = None) -> Any:
        """Return one setting, or `default` where there is none of that name."""
        return getattr(self, key, default)

    def set(self, key: str, value: Any) -> None:
        """Change one setting, or add one; raises ConfigError if the value cannot be used."""
        try:
            setattr(self, key, value)
        except ValidationError as error:
            message = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise ConfigError.invalid_config(f"{key}: {message}") from None
