"""Connecting to a Ray cluster, and refusing one that anybody could reach."""

from __future__ import annotations

import importlib
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from simsvc.domain.errors import SimsvcError
from simsvc.threads import cores

LOCAL = "local"
_AUTO = "auto"
_ADDRESS = "RAY_ADDRESS"
_MODE = "RAY_AUTH_MODE"
_TOKEN = "token"  # noqa: S105
_MEMORY = 128 * 1024 * 1024
_PROBE, _OPENS = 60.0, 10.0
_HOW = (
    "start all of its nodes with RAY_AUTH_MODE=token and the token of `ray get-auth-token "
    "--generate` (in ~/.ray/auth_token or RAY_AUTH_TOKEN), and set the same here"
)


class ClusterError(SimsvcError):
    """The cluster cannot be used."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker takes of a node."""

    cpus: int
    gpus: int


@contextmanager
def connected(address: str, workers: int) -> Iterator[ModuleType]:
    """Connect to a cluster, or start one on this machine and end it with the run.

    ClusterError where that cannot be, or where others could reach the cluster.
    """
    # Read when Ray is loaded.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = _loaded()
    check_address(address, os.environ)
    # Ray prints what it has to say of dying nodes where a command's result goes.
    with redirect_stdout(sys.stderr):
        _connect(ray, address, workers)
        try:
            if address != LOCAL:
                _check_nodes(ray, address)
            yield ray
        finally:
            ray.shutdown()


def check_address(address: str, environ: Mapping[str, str]) -> None:
    """Refuse an address beyond this machine's loopback where tokens are not asked for."""
    if address == _AUTO:
        # What Ray finds by itself runs here; its nodes are looked at once they are known.
        address = environ.get(_ADDRESS, LOCAL)
    if address != LOCAL and not _is_loopback(address) and not _asks(environ.get(_MODE)):
        raise ClusterError(
            f"{address} is not on this machine's loopback, and Ray runs the code of whoever "
            f"reaches it: {_HOW}"
        )


def share_of(nodes: Sequence[Mapping[str, Any]], workers: int) -> Share:
    """Return the most CPUs a worker that let all workers run, with a GPU each where there are any.

    ClusterError where not even one could. Where not all could, one CPU each: the others wait.
    """
    have = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = int(any(int(r.get("GPU", 0)) for r in have))

    def fitting(cpus: int) -> int:
        counts = [int(r.get("CPU", 0)) // cpus for r in have]
        if gpus:
            counts = [min(n, int(r.get("GPU", 0))) for n, r in zip(counts, have, strict=True)]
        return sum(counts)

    if not fitting(1):
        raise ClusterError("no node of the cluster has a CPU for a worker")
    cpus = 1
    while fitting(cpus + 1) >= min(workers, fitting(1)):
        cpus += 1
    return Share(cpus, gpus)


def _loaded() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ClusterError("ray is not installed: pip install 'simsvc[ray]'") from error


def _connect(ray: ModuleType, address: str, workers: int) -> None:
    check_open(address)
    own = {"num_cpus": max(cores(), workers), "object_store_memory": _MEMORY}
    try:
        ray.init(
            address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            **(own if address == LOCAL else {}),
        )  # fmt: skip
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        # What Ray says over many lines begins with what is wrong.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterError(
            f"Ray at {address} cannot be reached, or wants another token: {reason[0]}"
        ) from error


def check_open(address: str) -> None:
    """Raise ClusterError where nobody listens: Ray tries for minutes, and does not say where."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _OPENS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"nothing listens at {address}: {error}") from error


def _check_nodes(ray: ModuleType, address: str) -> None:
    """Refuse a cluster that others reach and that does not ask for a token.

    It is not enough that this process has one: an open cluster takes it and asks nobody.
    """
    elsewhere = {n["NodeManagerAddress"] for n in ray.nodes() if not _is_here(n)}
    if not elsewhere and (address == _AUTO or _is_loopback(address)):
        return
    asked = ray.remote(num_cpus=0)(_mode_there).remote()
    try:
        mode = ray.get(asked, timeout=_PROBE)
    except ray.exceptions.RayError as error:
        raise ClusterError("no node of the cluster says whether it asks for a token") from error
    if not _asks(mode) or not _asks(os.environ.get(_MODE)):
        raise ClusterError(
            f"the cluster asks for no token, and Ray runs the code of whoever reaches it: {_HOW}"
        )


def _mode_there() -> str | None:
    return os.environ.get(_MODE)


def _asks(mode: str | None) -> bool:
    return (mode or "").lower() == _TOKEN


def _is_here(node: Mapping[str, Any]) -> bool:
    """Say whether a node has an address of this machine: nobody can listen on another's."""
    host = node["NodeManagerAddress"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _is_loopback(address: str) -> bool:
    host = address.rpartition("://")[2].rpartition(":")[0].strip("[]")
    try:
        found = socket.getaddrinfo(host, None) if host else []
    except OSError:
        return False
    hosts = [str(entry[4][0]).partition("%")[0] for entry in found]
    return bool(hosts) and all(ipaddress.ip_address(h).is_loopback for h in hosts)
