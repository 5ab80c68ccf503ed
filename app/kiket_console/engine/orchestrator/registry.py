"""The services that modules offer each other (pywatt wire specification §8.1). In memory.

A provider is its start's: it goes when that ends. A start that registers what an older start of
the same module has registered takes its place, so that a reload leaves no moment without.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kiket_console.module_facts import ModuleService
from kiket_core.secret import redactor
from pywatt_sdk._protocol import ServiceProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk._protocol import RegisterServiceProvider, ServiceType

SERVICES_OF_ONE: Final = 100
"""How many services one start of a module can offer."""
NAME_LIMIT: Final = 200
"""Characters of a service's name, type and version."""
ADDRESS_LIMIT: Final = 2000
METADATA_LIMIT: Final = 16 * 1024
"""Characters of all that is said about one service."""


class NotRegisteredError(Exception):
    """A service is not taken; the text says why, in a sentence."""


class _Entry:
    """A provider and the start that has registered it."""

    __slots__ = ("label", "provider")

    def __init__(self, label: str, provider: ServiceProvider) -> None:
        self.label = label
        self.provider = provider


_Key = tuple[str, str]
"""The module and the service's name."""


class Registry:
    """Take services in and find them; *is_healthy* tells whether a start, by its label, is well."""

    def __init__(self, is_healthy: Callable[[str], bool] = lambda _: True) -> None:
        self._is_healthy = is_healthy
        self._kinds: dict[ServiceType, dict[_Key, _Entry]] = {}
        self._keys: dict[str, set[tuple[ServiceType, _Key]]] = {}
        """What each start has registered."""

    def register(self, module: str, label: str, asked: RegisterServiceProvider) -> str:
        """Take in what the start *label* of *module* offers; return the provider's id.

        Raises `NotRegisteredError` for more, or longer, than the registry takes.
        """
        _check(asked)
        place = (asked.service_type, (module, asked.name))
        keys = self._keys.setdefault(label, set())
        if place not in keys and len(keys) >= SERVICES_OF_ONE:
            raise NotRegisteredError(f"{label} offers {SERVICES_OF_ONE} services already.")
        entries = self._kinds.setdefault(asked.service_type, {})
        before = entries.get(place[1])
        if before is not None:
            self._keys[before.label].discard(place)
        provider = ServiceProvider(
            provider_id=str(uuid.uuid4()) if before is None else before.provider.provider_id,
            module_id=module,
            service_type=asked.service_type,
            name=asked.name,
            version=asked.version,
            address=asked.address,
            metadata=asked.metadata or {},
            is_healthy=True,
        )
        entries[place[1]] = _Entry(label, provider)
        self._keys.setdefault(label, set()).add(place)
        return provider.provider_id

    def discover(
        self, service_type: ServiceType, *, every: bool = False
    ) -> tuple[ServiceProvider, ...]:
        """Return the providers of a type, those registered first in front; none is no error.

        Unless *every* one is asked for: the first that is well.
        """
        found = map(self._now, self._kinds.get(service_type, {}).values())
        if every:
            return tuple(found)
        well = next((provider for provider in found if provider.is_healthy), None)
        return () if well is None else (well,)

    def providers(self) -> tuple[ServiceProvider, ...]:
        """Return every provider, by type."""
        kinds = sorted(self._kinds.items(), key=lambda pair: str(pair[0]))
        return tuple(self._now(entry) for _, entries in kinds for entry in entries.values())

    def services_of(self, label: str) -> tuple[ModuleService, ...]:
        """Return what the start *label* offers, by name."""
        entries = [self._kinds[kind][key] for kind, key in self._keys.get(label, ())]
        offered = [
            ModuleService(
                each.provider.name,
                str(each.provider.service_type),
                redactor.redact(each.provider.address),
            )
            for each in entries
        ]
        return tuple(sorted(offered, key=lambda service: (service.name, service.type)))

    def drop(self, label: str) -> None:
        """Forget what the start *label* offers: it has ended."""
        for kind, key in self._keys.pop(label, ()):
            del self._kinds[kind][key]
            if not self._kinds[kind]:
                del self._kinds[kind]

    def _now(self, entry: _Entry) -> ServiceProvider:
        healthy = self._is_healthy(entry.label)
        known = entry.provider
        if known.is_healthy is not healthy:
            entry.provider = known = replace(known, is_healthy=healthy)
        return known


def _check(asked: RegisterServiceProvider) -> None:
    kind = str(asked.service_type).removeprefix("custom:")
    texts = (("name", asked.name), ("service_type", kind), ("version", asked.version or ""))
    for field, text in texts:
        if len(text) > NAME_LIMIT:
            raise NotRegisteredError(f"{field} is longer than {NAME_LIMIT} characters.")
    if not asked.name or not kind:
        raise NotRegisteredError("A service has a name and a service_type; neither may be empty.")
    if len(asked.address) > ADDRESS_LIMIT:
        raise NotRegisteredError(f"address is longer than {ADDRESS_LIMIT} characters.")
    said = sum(len(name) + len(value) for name, value in (asked.metadata or {}).items())
    if said > METADATA_LIMIT:
        raise NotRegisteredError(f"metadata is longer than {METADATA_LIMIT} characters.")
