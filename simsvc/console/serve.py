"""The console's process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvicorn

from simsvc.client import Connection
from simsvc.console.app import make_app
from simsvc.domain.addresses import is_loopback
from simsvc.telemetry.logs import configure_logs

# Streams of events do not end by themselves.
_PATIENCE_SECONDS = 2
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """Where the server is and where the console listens. Certificates and keys of the way to the
    server are PEM; those of the console are files. `beside`: it ends when its input does."""

    address: str
    listen: str
    ca: bytes | None = field(default=None, repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_format: str = "json"
    beside: bool = False


def serve(options: ConsoleOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    OSError if nobody can listen there or read the files, ValueError if they cannot be used.
    """
    configure_logs("info", options.log_format)
    connection = Connection(
        options.address,
        root_certificates=options.ca,
        client_certificate=options.client_certificate,
        client_key=options.client_key,
    )
    connection.check()
    local, tls = is_loopback(options.listen), options.tls_certificate is not None
    config = uvicorn.Config(
        make_app(connection, tls=tls, local=local),
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_PATIENCE_SECONDS,
    )
    with _listening(options.listen) as listener:
        host, port = listener.getsockname()[:2]
        scheme = "https" if tls else "http"
        _log.info("console_serving", url=f"{scheme}://{host}:{port}", server=options.address)
        if options.beside:
            threading.Thread(target=_end_with_input, daemon=True).start()
        asyncio.run(uvicorn.Server(config).serve([listener]))


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise ValueError(f"{address} is not of the form host:port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    # asyncio does it for sockets that it makes itself; without, each answer waits 40 ms for an
    # acknowledgement between its head and its body.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
