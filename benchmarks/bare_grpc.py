"""A grpc.aio server that answers account checks with nothing: what the transport alone takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import uvloop

from simsvc.rpc.policy import CAMPAIGNS
from simsvc.v1 import campaigns_pb2

_Request = campaigns_pb2.CheckAccountsRequest
_Response = campaigns_pb2.CheckAccountsResponse


async def _nothing(request: _Request, context: Any) -> _Response:
    return _Response()


@contextmanager
def bare_server() -> Iterator[str]:
    """Run it in a process of its own; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_grpc"], stdout=subprocess.PIPE, text=True
    )
    if process.stdout is None:
        raise RuntimeError("the server's address cannot be read")
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


async def _serve() -> None:
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        _nothing, _Request.FromString, _Response.SerializeToString
    )
    handler = grpc.method_handlers_generic_handler(CAMPAIGNS, {"CheckAccounts": method})
    server.add_generic_rpc_handlers((handler,))
    print(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    # As simsvc does.
    uvloop.run(_serve())
