"""The web console as a process beside the server, so that neither holds up the other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping

import structlog

from simsvc.settings import Settings

_STOP_SECONDS = 10.0
_SETTING = "SIMSVC_"
_log = structlog.get_logger()


class ConsoleProcess:
    """Runs `simsvc console` for a server. It ends with the server, also if that is killed."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._command = [sys.executable, "-m", "simsvc.main", *console_options(settings, address)]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start it. That it cannot serve, it says in the log that both write to."""
        # A group of its own: a Ctrl+C is for the server, which ends it. And an input that ends
        # with the server, however that ends.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True, env=console_environment(os.environ),
        )  # fmt: skip
        threading.Thread(target=self._note_end, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        """End it, if it was started."""
        self._stopping = True
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _note_end(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if not self._stopping:
            _log.error("console_ended", code=code)


def console_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a server's environment without its settings: they hold keys and webhooks' secrets.

    A process that talks to browsers shall not have them, and takes no option from there: all that
    it needs is on its command line.
    """
    return {k: v for k, v in environment.items() if not k.upper().startswith(_SETTING)}


def console_options(settings: Settings, address: str) -> list[str]:
    """Return the command line of a console for the server at an address."""
    host, _, port = address.rpartition(":")
    here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - to replace it
    options = {
        "--address": settings.console_address or (f"{here}:{port}" if port else address),
        "--listen": settings.console_listen,
        "--ca": settings.console_ca,
        "--client-certificate": settings.console_client_certificate,
        "--client-key": settings.console_client_key,
        "--tls-certificate": settings.console_tls_certificate,
        "--tls-key": settings.console_tls_key,
        "--log-format": settings.log_format,
    }
    given = [(name, str(value)) for name, value in options.items() if value]
    return ["console", "--beside", *(word for pair in given for word in pair)]
