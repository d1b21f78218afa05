"""The real server with its record in PostgreSQL."""

from __future__ import annotations

import base64
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from simsvc.client import Client, Connection, ObservedPrompt, Outcome
from simsvc.rpc.policy import SERVICES
from simsvc.v1 import ingest_pb2, ingest_pb2_grpc
from tests.contract.support import bytes_of
from tests.contract.test_record_secrecy import found_in
from tests.integration.test_operations import NOT_SERVING, SERVING, prompt, wait_for_health
from tests.postgres import own_server
from tests.process import ServerProcess
from tests.until import until

SECRET, ACCOUNT, ORGANIZATION = "the quick zebra signs a treaty", "raw-account-47", "raw-org-11"


def settings(url: str, **more: str) -> dict[str, str]:
    return {"SIMSVC_RECORD_URL": url, **{f"SIMSVC_{k}": v for k, v in more.items()}}


def prompts(first: int, count: int) -> list[ObservedPrompt]:
    return [
        ObservedPrompt(f"r{i}", f"account {i % 5}", [("user", f"question number {i} of many")])
        for i in range(first, first + count)
    ]


def outcomes(client: Client, sent: list[ObservedPrompt]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for one, result in zip(sent, client.observe_batch(sent), strict=True):
        assert isinstance(result, Outcome), result
        found[one.request_id] = result
    return found


def test_a_killed_server_has_lost_nothing(tmp_path: Path, postgres_url: str) -> None:
    sent = prompts(0, 60)
    with ServerProcess(tmp_path, settings(postgres_url)) as server:
        with Client(Connection(server.address())) as client:
            before = outcomes(client, sent)
            before |= {p.request_id: client.observe(p) for p in prompts(60, 10)}
        server.kill()
    assert not list(tmp_path.glob("record.db*"))
    with ServerProcess(tmp_path, settings(postgres_url)) as server:
        with Client(Connection(server.address())) as client:
            assert client.server_info().index.prompts == len(before)
            assert outcomes(client, sent) == {p.request_id: before[p.request_id] for p in sent}
            for one in sent[::20]:
                prompt_id = before[one.request_id].prompt_id
                assert client.get_prompt(prompt_id).messages[-1].content == one.messages[-1][1]
                found = client.search(prompt_id=prompt_id, min_similarity=0.999)
                assert prompt_id in {m.prompt.prompt_id for g in found.groups for m in g.matches}
        assert server.logged("recovered")["replayed"] == len(before)
        assert server.terminate() == 0
    with ServerProcess(tmp_path, settings(postgres_url)) as server:
        server.address()
        assert server.logged("recovered")["replayed"] == 0


def test_a_second_server_on_one_record_is_refused(tmp_path: Path, postgres_url: str) -> None:
    with ServerProcess(tmp_path / "a", settings(postgres_url)) as first:
        address = first.address()
        with ServerProcess(tmp_path / "b", settings(postgres_url, RECORD_BUSY="0.5")) as second:
            assert second.process.wait(timeout=120) == 2
            second.wait_for_end()
        assert "error: another server writes to the database" in second.raw_log
        assert "Traceback" not in second.raw_log
        with Client(Connection(address)) as client:
            assert outcomes(client, prompts(0, 3))


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    url = "postgresql+psycopg://somebody:secret@127.0.0.1:9/none"
    with ServerProcess(tmp_path, settings(url)) as server:
        assert server.process.wait(timeout=120) == 2
        server.wait_for_end()
    assert "error: the record cannot be opened" in server.raw_log
    assert "secret" not in server.raw_log
    assert "Traceback" not in server.raw_log


@pytest.mark.parametrize("storage", ["encrypted", "off", "plain"])
def test_texts_and_raw_ids_lie_in_the_tables_only_if_they_are_to(
    tmp_path: Path, postgres_url: str, storage: str
) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    how = {"TEXT_STORAGE": storage, "TEXT_KEYS__t1": key, "TEXT_KEY_ID": "t1"}
    raw = storage == "plain"
    how["KEEP_RAW_IDS"] = str(raw).lower()
    with ServerProcess(tmp_path, settings(postgres_url, **how)) as server:
        with Client(Connection(server.address())) as client:
            client.observe(ObservedPrompt("r", ACCOUNT, [("user", SECRET)], ORGANIZATION))
            client.search(text=SECRET, account_id=ACCOUNT)
        assert server.terminate() == 0
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        found = found_in(bytes_of(connection), (SECRET, ACCOUNT, ORGANIZATION))
    engine.dispose()
    assert found == ([SECRET, ACCOUNT, ORGANIZATION] if raw else [])


def test_health_follows_the_database(tmp_path: Path) -> None:
    """A database that crashes and comes back: unavailable meanwhile, and nothing is lost."""
    with own_server() as database:
        url = database.url.render_as_string(hide_password=False)
        with ServerProcess(tmp_path, settings(url, RECORD_BUSY="1")) as server:
            address = server.address()
            with grpc.insecure_channel(address) as channel:
                stub = ingest_pb2_grpc.IngestServiceStub(channel)
                observe(stub, 1)
                # Nobody calls: it is found out nevertheless.
                database.stop("immediate")
                assert wait_for_health(channel, SERVICES[0], NOT_SERVING)
                database.start()
                assert wait_for_health(channel, SERVICES[0], SERVING)
                database.stop("immediate")
                # Ingest reads before it writes: the one and the other are unavailable.
                for _ in range(3):
                    with pytest.raises(grpc.RpcError) as caught:
                        observe(stub, 2)
                    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                    assert database.url.query["host"] not in str(caught.value.details())
                assert wait_for_health(channel, SERVICES[0], NOT_SERVING)
                database.start()
                assert wait_for_health(channel, SERVICES[0], SERVING)
                observe(stub, 2)
            with Client(Connection(address)) as client:
                until(lambda: client.server_info().index.prompts == 2)
            assert server.terminate() == 0


def observe(stub: ingest_pb2_grpc.IngestServiceStub, number: int) -> None:
    stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt(number)))
