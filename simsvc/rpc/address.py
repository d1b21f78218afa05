"""Where a server may listen."""

from __future__ import annotations

from simsvc.domain.addresses import is_loopback


class AddressTakenError(Exception):
    """Nobody can listen on this address: it is taken, or not this machine's."""


class UnsafeAddressError(Exception):
    """The server would be open to a network without TLS and tokens."""


def check_address(address: str, *, tls: bool, tokens: bool) -> None:
    """Refuse to listen beyond this machine without TLS and tokens."""
    if not is_loopback(address) and not (tls and tokens):
        missing = " and ".join(
            name for name, there in (("TLS", tls), ("tokens", tokens)) if not there
        )
        raise UnsafeAddressError(f"{address} is not a loopback address: set up {missing} first")
