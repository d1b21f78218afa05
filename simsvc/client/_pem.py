"""Certificates and keys looked at before gRPC gets them, which says UNAVAILABLE of bad ones."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# TypeError: a key that asks for a password, which gRPC has no place for.
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


def check_authorities(pem: bytes) -> None:
    """Raise ValueError unless these are certificates."""
    try:
        x509.load_pem_x509_certificates(pem)
    except _UNREADABLE as error:
        raise ValueError("the authorities of the server are no PEM certificates") from error


def check_pair(certificate: bytes, key: bytes) -> None:
    """Raise ValueError unless these are a certificate, maybe with its chain, and its key."""
    try:
        public = x509.load_pem_x509_certificates(certificate)[0].public_key()
    except _UNREADABLE as error:
        raise ValueError("the client certificate is no PEM certificate") from error
    try:
        own = load_pem_private_key(key, None).public_key()
    except _UNREADABLE as error:
        raise ValueError("the client key is no PEM key without a password") from error
    if public != own:
        raise ValueError("the client certificate and the key do not belong together")
