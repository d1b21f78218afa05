"""The settings of the console that a server starts beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings

from simsvc.domain.addresses import is_loopback, with_port


def _if_any(address: str) -> str:
    return with_port(address) if address else address


# Where to listen; `AnyAddress` may be empty.
Address = Annotated[str, AfterValidator(with_port)]
AnyAddress = Annotated[str, AfterValidator(_if_any)]


class ConsoleSettings(BaseSettings):
    """Where the console listens, and how it reaches the server."""

    console_listen: AnyAddress = Field(
        "",
        description="Address of the web console that runs beside the server (extra `console`); "
        'empty: none. "127.0.0.1:8551" is usual.',
    )
    console_tls_certificate: Path | None = Field(
        None,
        description="PEM chain of the console; beyond loopback it needs one and the server tokens.",
    )
    console_tls_key: Path | None = Field(None, description="PEM private key of that.")
    console_address: str = Field(
        "", description="Address by which the console reaches the server; empty: that of `listen`."
    )
    console_ca: Path | None = Field(
        None, description="PEM authorities by which the console knows a server with TLS."
    )
    console_client_certificate: Path | None = Field(
        None, description="PEM chain that the console shows a server with mutual TLS."
    )
    console_client_key: Path | None = Field(None, description="PEM private key of that.")

    @model_validator(mode="after")
    def _safe_console(self) -> ConsoleSettings:
        tls = self.console_tls_certificate is not None
        if tls != (self.console_tls_key is not None):
            raise ValueError("console_tls_certificate and console_tls_key go together")
        if (self.console_client_certificate is None) != (self.console_client_key is None):
            raise ValueError("console_client_certificate and console_client_key go together")
        if self.console_listen and not is_loopback(self.console_listen) and not tls:
            raise ValueError(
                "console_listen is not a loopback address: set up console_tls_certificate and "
                "console_tls_key first"
            )
        return self
