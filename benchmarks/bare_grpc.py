"""A grpc.aio server that answers account checks with nothing: what the transport alone takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import uvloop

from simsvc.rpc.policy import CAMPAIGNS
from simsvc.v1 import campaigns_pb2

_Request = campaigns_pb2.CheckAccountsRequest
_Response = campaigns_pb2.CheckAccountsResponse
# A coroutine that answers, and the class of its requests.
Call = tuple[Any, Any]


async def _nothing(request: _Request, context: Any) -> _Response:
    return _Response()


@contextmanager
def process(module: str, *arguments: str) -> Iterator[str]:
    """Run a module that prints its address and serves; yield the address."""
    command = [sys.executable, "-m", module, *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if server.stdout is None:
        raise RuntimeError("the server's address cannot be read")
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


@contextmanager
def bare_server() -> Iterator[str]:
    """Run it in a process of its own; yield its address."""
    with process("benchmarks.bare_grpc") as address:
        yield address


def handlers(service: str, calls: Mapping[str, Call]) -> grpc.GenericRpcHandler:
    """Return the handlers of a service's unary calls."""
    return grpc.method_handlers_generic_handler(
        service,
        {
            name: grpc.unary_unary_rpc_method_handler(
                answer, request.FromString, lambda response: response.SerializeToString()
            )
            for name, (answer, request) in calls.items()
        },
    )


async def listen(calls: grpc.GenericRpcHandler) -> None:
    """Print an address, and serve there until terminated."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((calls,))
    print(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    # As simsvc does.
    uvloop.run(listen(handlers(CAMPAIGNS, {"CheckAccounts": (_nothing, _Request)})))
