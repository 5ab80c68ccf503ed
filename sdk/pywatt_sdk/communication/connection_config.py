"""How to connect: where to, how securely, and what to do when it fails (specification §3.5, §3.6).

>>> ConnectionConfig("127.0.0.1", 9901).with_reconnect_policy(ReconnectPolicy.none()).socket_addr()
Address(host='127.0.0.1', port=9901)
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pywatt_sdk._protocol import Address
from pywatt_sdk.core.error import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ConnectionConfig", "IpcConnectionConfig", "ReconnectPolicy", "TlsConfig"]

_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How often and how fast a lost connection is tried again.

    The pauses between attempts begin at `initial_s` and grow by `multiplier` up to `max_s`;
    `max_attempts` None never gives up, 0 never tries.
    """

    initial_s: float = 0.1
    multiplier: float = 2.0
    max_s: float = 30.0
    max_attempts: int | None = None

    @classmethod
    def none(cls) -> ReconnectPolicy:
        """Never try again."""
        return cls(max_attempts=0)

    @classmethod
    def fixed(cls, interval_s: float, max_attempts: int | None = None) -> ReconnectPolicy:
        """Try again at a fixed pace, in seconds."""
        return cls(interval_s, 1.0, interval_s, max_attempts)

    @classmethod
    def exponential(
        cls,
        initial_s: float = 0.1,
        max_s: float = 30.0,
        multiplier: float = 2.0,
        max_attempts: int | None = None,
    ) -> ReconnectPolicy:
        """Try again soon, then more and more slowly."""
        return cls(initial_s, multiplier, max_s, max_attempts)

    def pauses_s(self) -> Iterator[float]:
        """Give the pause before each further attempt, in seconds."""
        pause_s, attempt = self.initial_s, 0
        while self.max_attempts is None or attempt < self.max_attempts:
            yield min(pause_s, self.max_s)
            pause_s = min(pause_s * self.multiplier, self.max_s)
            attempt += 1


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How a TCP connection is protected; TLS 1.2 at least.

    Attributes:
        ca_cert_path: the certificates to trust (PEM); those of the system if None.
        client_cert_path: our own certificate (PEM), where the server asks for one.
        client_key_path: its key (PEM), if it is not in the same file.
        verify_server: whether the server has to prove who it is.
        server_name: the name to expect in its certificate; the host's if None.
    """

    ca_cert_path: str | Path | None = None
    client_cert_path: str | Path | None = None
    client_key_path: str | Path | None = None
    verify_server: bool = True
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """Make what a connection is opened with.

        Raises:
            ConfigError: if a file cannot be read, or holds no certificate or key.
        """
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca_cert_path)
            if self.client_cert_path is not None:
                context.load_cert_chain(self.client_cert_path, self.client_key_path)
        except (OSError, ssl.SSLError) as fault:
            paths = [self.ca_cert_path, self.client_cert_path, self.client_key_path]
            names = ", ".join(str(path) for path in paths if path is not None)
            raise ConfigError(f"the certificates in {names} cannot be used", fault) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify_server:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """Where and how a TCP connection is made.

    Attributes:
        host: an IP address or a name.
        port: the port.
        timeout_s: how long connecting may take, further attempts included, in seconds.
        tls_config: how it is protected; None sends everything in the clear.
        reconnect_policy: what to do when it is lost.
        insecure_peer: whether another machine is spoken to without proof of who it is.
    """

    host: str = "localhost"
    port: int = 9000
    timeout_s: float = _TIMEOUT_S
    tls_config: TlsConfig | None = None
    reconnect_policy: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    insecure_peer: bool = False

    def with_timeout(self, timeout_s: float) -> ConnectionConfig:
        """Give the same with another limit on connecting, in seconds."""
        return replace(self, timeout_s=timeout_s)

    def with_tls_config(self, tls_config: TlsConfig) -> ConnectionConfig:
        """Give the same, protected."""
        return replace(self, tls_config=tls_config)

    def with_reconnect_policy(self, policy: ReconnectPolicy) -> ConnectionConfig:
        """Give the same with another way to deal with losses."""
        return replace(self, reconnect_policy=policy)

    def socket_addr(self) -> Address:
        """Give host and port together.

        Raises:
            ConfigError: if the host is empty, or the port out of range.
        """
        if not self.host or not 0 < self.port < 0x10000:
            raise ConfigError(f"nothing can be reached at host {self.host!r}, port {self.port}")
        return Address(self.host, self.port)

    def check(self) -> None:
        """See that nothing is said in the clear, or to a stranger, beyond this machine.

        Raises:
            ConfigError: if it would be.
        """
        is_proven = self.tls_config is not None and self.tls_config.verify_server
        if is_proven or self.insecure_peer or is_loopback(self.socket_addr().host):
            return
        raise ConfigError(
            f"{self.host} is another machine and would not have to prove who it is; set tls_config "
            "with verify_server, or insecure_peer=True if the network is yours alone"
        )


@dataclass(frozen=True, slots=True)
class IpcConnectionConfig:
    """Where and how a Unix-domain socket is connected to.

    Attributes:
        socket_path: the socket; it has to belong to the same user, or to root.
        timeout_s: how long connecting may take, further attempts included, in seconds.
        reconnect_policy: what to do when it is lost.
    """

    socket_path: str | Path
    timeout_s: float = _TIMEOUT_S
    reconnect_policy: ReconnectPolicy = field(default_factory=ReconnectPolicy)

    def with_timeout(self, timeout_s: float) -> IpcConnectionConfig:
        """Give the same with another limit on connecting, in seconds."""
        return replace(self, timeout_s=timeout_s)

    def with_reconnect_policy(self, policy: ReconnectPolicy) -> IpcConnectionConfig:
        """Give the same with another way to deal with losses."""
        return replace(self, reconnect_policy=policy)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
