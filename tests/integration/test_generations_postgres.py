"""A cut-over whose commit gets no answer: what serves is what the record says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from google.longrunning import operations_pb2

from simsvc.domain.generation import GenerationState, IndexParameters
from simsvc.ports.generation import rebuilt_id
from simsvc.record.catalogue import SqlCatalogue
from simsvc.record.engine import open_engine
from simsvc.v1 import reindex_pb2
from tests.postgres_link import Link
from tests.process import ServerProcess
from tests.reindexed import Operator

PROMPTS = 20


@pytest.fixture
def link(postgres_url: str) -> Iterator[Link]:
    made = Link(postgres_url)
    yield made
    made.close()


def add_rebuilt(url: str) -> str:
    """Note another index over the vectors that serve, as if it had been built."""
    engine = open_engine(url, 10.0)
    catalogue = SqlCatalogue(engine)
    serving = catalogue.serving()
    assert serving is not None
    index = IndexParameters(recall=0.5)
    name = rebuilt_id(serving.vectors_of, index)
    shadow = GenerationState.SHADOW
    catalogue.add_generation(replace(serving, generation_id=name, index=index, state=shadow))
    engine.dispose()
    return name


def lose_the_flip(link: Link) -> None:
    """Lose the answer to the commit of the next flip, and no other."""
    seen: list[bytes] = []

    def loses(data: bytes) -> bool:
        if not seen and b"UPDATE generations" in data and b"served_until" in data:
            seen.append(data)
        elif len(seen) == 1 and b"COMMIT" in data:
            seen.append(data)
            return True
        return False

    link.loses = loses


def test_a_flip_whose_answer_was_lost_ends_the_server(
    tmp_path: Path, postgres_url: str, link: Link
) -> None:
    settings = {"SIMSVC_RECORD_URL": link.url, "SIMSVC_REINDEX_WORKERS": "0"}
    with ServerProcess(tmp_path, settings) as server:
        operator = Operator(server.address())
        operator.observe(range(PROMPTS))
        [former] = operator.generations()
        shadow = add_rebuilt(postgres_url)
        lose_the_flip(link)
        request = reindex_pb2.ActivateGenerationRequest(generation_id=shadow)
        begun = operator.reindex.ActivateGeneration(request)
        # No prompt comes: the server finds out by itself.
        try:
            assert server.process.wait(timeout=60) != 0
        except subprocess.TimeoutExpired:
            assert operator.server().generation.generation_id != former.generation_id
        server.wait_for_end()
        assert "the record took a commit whose answer was lost" in server.raw_log
    with ServerProcess(tmp_path, settings) as server:
        operator = Operator(server.address())
        assert operator.server().generation.generation_id == shadow
        assert operator.server().index.prompts == PROMPTS
        get = operations_pb2.GetOperationRequest(name=begun.name)
        ended = operator.operations.GetOperation(get)
        assert (ended.done, ended.HasField("error")) == (True, False)
        assert server.terminate() == 0
