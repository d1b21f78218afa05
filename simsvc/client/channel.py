"""How a server is reached: address, TLS, token, channel options."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources

import grpc
import grpc.aio

from simsvc.client._auth import TokenInterceptor, aio_interceptors

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Connection:
    """An address ("host:port" or "unix:path") and how to prove who calls.

    `token` is a bearer token; it goes over the wire in the clear unless the connection has TLS.
    Certificates and the key are PEM. TLS is on if `tls` is, or if a certificate is given; without
    `root_certificates` gRPC's own are trusted. ValueError for half a client certificate, a token
    that cannot be a header, or a port that there is not.
    """

    address: str
    token: str | None = field(default=None, repr=False)
    root_certificates: bytes | None = field(default=None, repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    tls: bool = False

    def __post_init__(self) -> None:
        _, _, port = self.address.rpartition(":")
        if port.isascii() and port.isdecimal() and int(port) > _LAST_PORT:
            # gRPC would take it modulo 65,536.
            raise ValueError(f"{self.address} has no port of 0 to {_LAST_PORT}")
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("a client certificate and its key go together")
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            raise ValueError("the token holds characters that a header cannot carry")

    @property
    def secure(self) -> bool:
        """Whether the connection has TLS."""
        return self.tls or self.root_certificates is not None or self.client_key is not None

    def check(self) -> None:
        """Raise ValueError for certificates or a key that cannot be used."""
        # Takes a moment to load, for which connections in the clear need not wait.
        from simsvc.client import _pem  # noqa: PLC0415

        if self.root_certificates is not None:
            _pem.check_authorities(self.root_certificates)
        if self.client_certificate is not None and self.client_key is not None:
            _pem.check_pair(self.client_certificate, self.client_key)

    def open(self) -> grpc.Channel:
        """Return a sync channel. It connects with the first call. ValueError as of `check`."""
        if self.secure:
            channel = grpc.secure_channel(self.address, self._credentials(), channel_options())
        else:
            channel = grpc.insecure_channel(self.address, channel_options())
        if self.token:
            return grpc.intercept_channel(channel, TokenInterceptor(self.token))
        return channel

    def open_aio(self) -> grpc.aio.Channel:
        """Return an aio channel. It connects with the first call. ValueError as of `check`."""
        options = channel_options()
        interceptors = aio_interceptors(self.token) if self.token else None
        if not self.secure:
            return grpc.aio.insecure_channel(self.address, options, interceptors=interceptors)
        return grpc.aio.secure_channel(
            self.address, self._credentials(), options, interceptors=interceptors
        )

    def _credentials(self) -> grpc.ChannelCredentials:
        self.check()
        return grpc.ssl_channel_credentials(
            self.root_certificates, self.client_key, self.client_certificate
        )


def service_config() -> str:
    """Return the gRPC service config with the retry policies, as JSON."""
    return resources.files(__package__).joinpath("service_config.json").read_text("utf-8")


def channel_options() -> list[tuple[str, str | int]]:
    """Return the options of a channel."""
    return [
        ("grpc.service_config", service_config()),
        # By default two minutes: a server that is back would not be noticed for as long.
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # The server asks for at least 20 s between pings (simsvc.rpc.server).
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        # gRPC retries no request beyond this size; its default is 256 KiB, less than one batch.
        ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
    ]
