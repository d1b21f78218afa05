"""How services get into the server, and which gRPC that takes."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import grpc.aio
from packaging.requirements import Requirement

from simsvc.rpc.server import Servicers

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "simsvc" / "v1"


class Anything:
    """A servicer of any kind: each of its methods is there."""

    def __getattr__(self, name: str) -> object:
        return lambda request, context: None


class Recorder:
    """A server that notes which services it was given, and which methods were registered."""

    def __init__(self) -> None:
        self.services: list[str] = []
        self.registered: list[str] = []

    def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
        self.services += [handler.service_name() for handler in handlers]

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        self.registered.append(service)


def test_no_method_is_registered_with_the_core() -> None:
    # From grpcio 1.84 on, each that is makes every call slower.
    server = Recorder()
    servicers = Servicers(*(cast(Any, Anything()) for _ in fields(Servicers)))
    servicers.add_to(cast(grpc.aio.Server, server))
    assert len(server.services) == len(fields(Servicers))
    assert server.registered == []


def test_floors_are_what_generated_code_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    stub = (GENERATED / "info_pb2_grpc.py").read_text()
    [grpcio] = re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", stub)
    [protobuf] = re.findall(
        r"# Protobuf Python Version: ([\d.]+)", (GENERATED / "info_pb2.py").read_text()
    )
    assert str(floors["grpcio"]) == f">={grpcio}"
    assert str(floors["protobuf"]) == f">={protobuf}"
