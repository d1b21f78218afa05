"""Which clusters are refused, what a worker takes of a node, and what travels to it."""

from __future__ import annotations

import base64
import pickle
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from indexer.reindexing.ray_cluster import (
    ClusterError,
    Share,
    check_address,
    check_open,
    share_of,
)
from indexer.reindexing.ray_worker import machine, shop_of, travelling
from simsvc.record.backend import RecordNotOpenedError
from simsvc.settings import Settings
from tests.contract.support import sqlite_in

KEY = SecretStr(base64.b64encode(b"k" * 32).decode())
TOKEN = {"RAY_AUTH_MODE": "token"}


@pytest.mark.parametrize(
    "address",
    ["local", "auto", "127.0.0.1:6379", "localhost:6379", "ray://127.0.0.1:10001", "[::1]:6379"],
)
def test_what_only_this_machine_reaches_needs_no_token(address: str) -> None:
    check_address(address, {})


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_that_nobody_listens_at_is_told_at_once(form: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = form.format(listening.getsockname()[1])
        with pytest.raises(ClusterError, match="nothing listens at"):
            check_open(address)
        listening.listen()
        check_open(address)
    with pytest.raises(ClusterError, match="nothing listens at"):
        check_open("127.0.0.1:99999")
    check_open("local")


@pytest.mark.parametrize(
    "address",
    ["192.0.2.7:6379", "ray://192.0.2.7:10001", "0.0.0.0:6379", "no-such-host.invalid:6379", "x"],
)
@pytest.mark.parametrize("mode", [{}, {"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": ""}])
def test_what_others_reach_needs_a_token(address: str, mode: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match="RAY_AUTH_MODE=token"):
        check_address(address, mode)
    with pytest.raises(ClusterError, match="RAY_AUTH_MODE=token"):
        check_address("auto", mode | {"RAY_ADDRESS": address})
    check_address(address, TOKEN)
    check_address("auto", TOKEN | {"RAY_ADDRESS": address})


def node(cpus: int, gpus: int = 0, alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": float(cpus)} | ({"GPU": float(gpus)} if gpus else {})
    return {"Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("nodes", "workers", "share"),
    [
        ([node(8)], 1, Share(8, 0)),
        ([node(8)], 3, Share(2, 0)),
        ([node(8), node(4)], 2, Share(4, 0)),
        ([node(8), node(4)], 3, Share(4, 0)),
        ([node(0), node(1), node(1)], 9, Share(1, 0)),
        ([node(16, alive=False), node(2)], 1, Share(2, 0)),
        ([node(16), node(8, gpus=2)], 2, Share(4, 1)),
        ([node(16), node(8, gpus=2)], 5, Share(4, 1)),
    ],
)
def test_workers_share_the_nodes(nodes: list[dict[str, Any]], workers: int, share: Share) -> None:
    assert share_of(nodes, workers) == share


@pytest.mark.parametrize("nodes", [[], [node(0)], [node(4, alive=False)], [node(0, gpus=1)]])
def test_a_cluster_without_room_is_refused(nodes: list[dict[str, Any]]) -> None:
    with pytest.raises(ClusterError, match="no node"):
        share_of(nodes, 1)


def test_settings_travel_with_the_secrets_that_workers_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql+psycopg://u:secret-word@h/d"
    settings = Settings(
        data_dir=Path("data"), record_url=SecretStr(url), text_storage="encrypted",
        text_keys={"t": KEY}, text_key_id="t", pseudonym_keys={"p": KEY}, pseudonym_key_id="p",
    )  # fmt: skip
    here = Path.cwd()
    sent = pickle.dumps(travelling(settings))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMSVC_DATA_DIR", "another")
    got = pickle.loads(sent)  # noqa: S301 - what was dumped above
    assert got.record_url.get_secret_value() == url
    assert got.text_keys["t"].get_secret_value() == KEY.get_secret_value()
    assert got.data_dir == here / "data"
    assert got.pseudonym_keys == {}
    assert "secret-word" not in repr(got)
    assert KEY.get_secret_value() not in repr(got)


def test_a_file_that_is_named_from_this_folder_is_found_from_others() -> None:
    sent = travelling(Settings(record_url=SecretStr("sqlite:///data/record.db")))
    assert sent.record_url.get_secret_value() == f"sqlite:///{Path('data/record.db').resolve()}"


def test_a_worker_makes_no_record_where_there_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "here"
    with pytest.raises(RecordNotOpenedError, match="is not there"):
        shop_of(Settings(data_dir=folder), "job", machine())
    assert not folder.parent.exists()


def test_a_worker_refuses_a_record_of_another_schema(tmp_path: Path) -> None:
    sqlite_in(tmp_path).open().close()
    with sqlite3.connect(tmp_path / "record.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    with pytest.raises(RecordNotOpenedError, match="schema older"):
        shop_of(Settings(data_dir=tmp_path), "job", machine())
    with sqlite3.connect(tmp_path / "record.db") as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("older",)]


def test_a_worker_refuses_a_record_that_does_not_have_the_job(tmp_path: Path) -> None:
    sqlite_in(tmp_path).open().close()
    with pytest.raises(RecordNotOpenedError, match="no such job"):
        shop_of(Settings(data_dir=tmp_path), "job", machine())


def test_a_file_is_not_written_from_two_machines(tmp_path: Path) -> None:
    sqlite_in(tmp_path).open().close()
    with pytest.raises(RecordNotOpenedError, match="PostgreSQL"):
        shop_of(Settings(data_dir=tmp_path), "job", "another machine")
