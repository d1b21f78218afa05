"""A setting that is misspelt is not passed over in silence."""

from __future__ import annotations

import pytest
import typer

from simsvc.main import cli
from simsvc.misspelt import OTHERS, misspelt
from simsvc.settings import Settings

PREFIX = "SIMSVC_"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SIMSVC_LISTN", "SIMSVC_LISTEN"),
        ("SIMSVC_DATADIR", "SIMSVC_DATA_DIR"),
        ("SIMSVC_RETENTON", "SIMSVC_RETENTION"),
        ("SIMSVC_TEXT_KEY__2026", "SIMSVC_TEXT_KEYS__2026"),
    ],
)
def test_what_is_almost_a_setting_is_named_with_the_setting(variable: str, meant: str) -> None:
    assert misspelt([variable], PREFIX, Settings.model_fields) == {variable: meant}


@pytest.mark.parametrize(
    "variable",
    [
        "SIMSVC_LISTEN",
        "SIMSVC_TEXT_KEYS__2026",
        "LISTEN",
        # What Kubernetes sets for a service named simsvc.
        "SIMSVC_SERVICE_HOST",
        "SIMSVC_SERVICE_PORT",
        "SIMSVC_SERVICE_PORT_GRPC",
        "SIMSVC_PORT",
        "SIMSVC_PORT_50551_TCP",
        "SIMSVC_PORT_50551_TCP_ADDR",
        "SIMSVC_PORT_50551_TCP_PROTO",
        # Options of the commands.
        "SIMSVC_ADDRESS",
        "SIMSVC_TOKEN",
        "SIMSVC_CA",
        "SIMSVC_CERT",
        "SIMSVC_KEY",
        "SIMSVC_TLS",
        "SIMSVC_CONFIG",
    ],
)
def test_everything_else_is_let_be(variable: str) -> None:
    assert misspelt([variable], PREFIX, Settings.model_fields) == {}


def test_every_option_with_a_variable_is_known() -> None:
    variables: set[str] = set()
    groups = [typer.main.get_command(cli)]
    while groups:
        command = groups.pop()
        groups += getattr(command, "commands", {}).values()
        variables |= {str(one.envvar) for one in command.params if getattr(one, "envvar", None)}
    assert len(variables) > 5
    known = {f"{PREFIX}{name.upper()}" for name in OTHERS | Settings.model_fields.keys()}
    assert variables <= known
