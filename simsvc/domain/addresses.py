"""Addresses to listen on."""

from __future__ import annotations

import ipaddress

_SOCKETS = ("unix:", "unix-abstract:")
_LAST_PORT = 65_535


def with_port(address: str) -> str:
    """Return an address to listen on as it is; ValueError if it is not host:port or unix:path."""
    if not address.startswith(_SOCKETS):
        _, colon, port = address.rpartition(":")
        if not (colon and port.isascii() and port.isdecimal() and int(port) <= _LAST_PORT):
            raise ValueError(f"{address!r} is not host:port with a port of 0 to {_LAST_PORT}")
    return address


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    if address.startswith(_SOCKETS):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
