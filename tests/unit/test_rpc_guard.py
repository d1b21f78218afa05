"""What a caller is told of a fault of the server's own."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest
from structlog.testing import capture_logs

from simsvc.core.access import Access
from simsvc.rpc.guard import Guard, Readiness
from simsvc.telemetry.metrics import Metrics
from simsvc.v1 import info_pb2, info_pb2_grpc

SECRET = "a prompt that nobody may read"


class Faulty(info_pb2_grpc.InfoServiceServicer):
    async def GetServerInfo(self, request: Any, context: Any) -> Any:
        raise RuntimeError(SECRET)


async def test_a_fault_is_internal_and_its_message_goes_nowhere() -> None:
    readiness, metrics = Readiness(), Metrics()
    readiness.reason = ""
    server = grpc.aio.server(interceptors=[Guard(Access({}), readiness, metrics)])
    info_pb2_grpc.add_InfoServiceServicer_to_server(Faulty(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = info_pb2_grpc.InfoServiceStub(channel)
        with capture_logs() as logs, pytest.raises(grpc.aio.AioRpcError) as failed:
            await stub.GetServerInfo(info_pb2.GetServerInfoRequest())
    await server.stop(0)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert SECRET not in str(failed.value) + str(logs)
    [told] = [line for line in logs if line["event"] == "call_failed"]
    assert told["error"] == "RuntimeError"
    assert told["place"].partition(":")[0] == __file__
