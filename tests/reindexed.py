"""What the acceptance tests of a reindex share: a record, traffic, and an operator."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.v1 import (
    info_pb2,
    info_pb2_grpc,
    reindex_pb2,
    reindex_pb2_grpc,
    search_pb2_grpc,
)
from simsvc.v1 import search_pb2 as search
from tests.models import small_model
from tests.process import ServerProcess

PROMPTS = 20_000
BATCH = 500
WORDS = (
    "ledger", "invoice", "moon", "river", "code", "python", "sort", "list", "poem", "story", "cat",
    "train", "ticket", "paris", "london", "data", "chart", "plot", "explain", "write", "summarise",
    "table", "recipe", "soup", "garden", "violin", "bridge", "harbour",
)  # fmt: skip


def made_up(number: int) -> ObservedPrompt:
    rng = random.Random(number)
    words = " ".join(rng.choices(WORDS, k=rng.randint(3, 12)))
    frame = "Answer in one short sentence and do not repeat the question please: "
    text = (frame if number % 3 == 0 else "") + words
    return ObservedPrompt(f"r{number}", f"account {number % 300}", [("user", text)])


class World:
    """A folder with the record of a server that has stopped, and two models."""

    def __init__(self, root: Path, prompts: int = PROMPTS) -> None:
        self.data = root / "data"
        self.models = (
            small_model(root / "first", 96, seed=1),
            small_model(root / "second", 64, seed=2),
        )
        self.settings = {
            "SIMSVC_MODEL": str(self.models[0]),
            "SIMSVC_SEGMENT_PROMPTS": "4096",
            "SIMSVC_REINDEX_WORKERS": "1",
        }
        with ServerProcess(self.data, self.settings) as server:
            with Client(Connection(server.address())) as client:
                for start in range(0, prompts, BATCH):
                    numbers = range(start, min(start + BATCH, prompts))
                    client.observe_batch([made_up(n) for n in numbers])
            assert server.terminate() == 0

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.data, folder)
        return folder

    def environment(self, data: Path) -> dict[str, str]:
        return {**os.environ, **self.settings, "SIMSVC_DATA_DIR": str(data)}

    def indexer(self, data: Path, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "indexer.cli", *arguments, "--json"]
        done = subprocess.run(
            command, env=self.environment(data), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told


class Traffic(threading.Thread):
    """Goes on ingesting and searching, and notes every call that fails."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._ended = threading.Event()
        self.sent = PROMPTS
        self.searches = 0
        self.failed: list[Exception] = []

    def run(self) -> None:
        with Client(Connection(self._address)) as client, channel(self._address) as wire:
            stub = search_pb2_grpc.SearchServiceStub(wire)
            while not self._ended.wait(0.1):
                try:
                    client.observe_batch([made_up(self.sent + i) for i in range(8)])
                    self.sent += 8
                    found = stub.SearchPrompts(search.SearchPromptsRequest(text="python code poem"))
                    assert found.groups
                    self.searches += 1
                except (grpc.RpcError, AssertionError, OSError) as error:
                    self.failed.append(error)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address)


class Operator:
    """Starts operations and follows them to their ends."""

    def __init__(self, address: str) -> None:
        self._address = address
        wire = channel(address)
        self.reindex = reindex_pb2_grpc.ReindexServiceStub(wire)
        self.operations = operations_pb2_grpc.OperationsStub(wire)
        self.searching = search_pb2_grpc.SearchServiceStub(wire)
        self.info = info_pb2_grpc.InfoServiceStub(wire)
        self.told: list[reindex_pb2.OperationMetadata] = []

    def observe(self, numbers: range) -> None:
        with Client(Connection(self._address)) as client:
            client.observe_batch([made_up(n) for n in numbers])

    def planned(self, model: Path) -> reindex_pb2.GenerationInfo:
        request = reindex_pb2.StartReindexRequest(model=str(model), validate_only=True)
        return generation_of(self.reindex.StartReindex(request))

    def reindexed(self, model: Path) -> reindex_pb2.GenerationInfo:
        request = reindex_pb2.StartReindexRequest(model=str(model))
        return self._end_of(self.reindex.StartReindex(request))

    def activated(self, generation_id: str) -> reindex_pb2.GenerationInfo:
        request = reindex_pb2.ActivateGenerationRequest(generation_id=generation_id)
        return self._end_of(self.reindex.ActivateGeneration(request))

    def rolled_back(self) -> reindex_pb2.GenerationInfo:
        request = reindex_pb2.RollbackGenerationRequest()
        return self._end_of(self.reindex.RollbackGeneration(request))

    def generations(self) -> list[reindex_pb2.GenerationInfo]:
        request = reindex_pb2.ListGenerationsRequest()
        return list(self.reindex.ListGenerations(request).generations)

    def server(self) -> info_pb2.GetServerInfoResponse:
        return self.info.GetServerInfo(info_pb2.GetServerInfoRequest())

    def _end_of(self, operation: operations_pb2.Operation) -> reindex_pb2.GenerationInfo:
        self.told = []
        while True:
            told = reindex_pb2.OperationMetadata()
            assert operation.metadata.Unpack(told)
            self.told.append(told)
            if operation.done:
                return generation_of(operation)
            wait = operations_pb2.WaitOperationRequest(name=operation.name)
            wait.timeout.FromMilliseconds(300)
            operation = self.operations.WaitOperation(wait)


def generation_of(operation: operations_pb2.Operation) -> reindex_pb2.GenerationInfo:
    made = reindex_pb2.GenerationInfo()
    assert operation.response.Unpack(made), operation.error
    return made


def reason_of(error: grpc.RpcError) -> str:
    trailers = dict(error.trailing_metadata())  # type: ignore[attr-defined]
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[-1].Unpack(info)
    return info.reason
