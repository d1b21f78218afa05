from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from simsvc.client import AsyncClient, BufferOptions, Client, Connection, SimsvcRpcError
from simsvc.client.channel import channel_options, service_config
from tests.certificates import Authority
from tests.unit.test_client_support import serving


async def test_mutual_tls(tmp_path: Path) -> None:
    authority = Authority()
    ca = authority.write(tmp_path).read_bytes()
    certificate, key = (path.read_bytes() for path in authority.issue(tmp_path, "both"))
    credentials = grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=ca, require_client_auth=True
    )
    with serving(credentials) as script:
        connection = Connection(
            script.address,
            token="secret",
            root_certificates=ca,
            client_certificate=certificate,
            client_key=key,
        )
        async with AsyncClient(connection) as aio:
            assert (await aio.server_info()).version == "1.2.3"
        with Client(connection) as client:
            assert client.server_info().version == "1.2.3"
        assert {m["authorization"] for _, _, m in script.calls} == {"Bearer secret"}
        unknown = Connection(script.address, root_certificates=ca)
        with Client(unknown) as client, pytest.raises(SimsvcRpcError):
            client.server_info(timeout=0.5)


def test_what_turns_tls_on() -> None:
    assert not Connection("a:1", token="t").secure
    assert Connection("a:1", tls=True).secure
    assert Connection("a:1", root_certificates=b"x").secure
    assert Connection("a:1", client_certificate=b"x", client_key=b"y").secure


def test_connections_that_cannot_work() -> None:
    with pytest.raises(ValueError, match="go together"):
        Connection("a:1", client_key=b"x")
    for token in ("a\n", "é"):
        with pytest.raises(ValueError, match="header") as caught:
            Connection("a:1", token=token)
        assert token not in str(caught.value)


def test_certificates_that_cannot_work(tmp_path: Path) -> None:
    authority = Authority()
    ca = authority.write(tmp_path).read_bytes()
    (certificate, key), (other, its_key) = (
        [path.read_bytes() for path in authority.issue(tmp_path, name)] for name in ("one", "two")
    )
    locked = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    chain = other + ca
    for values, said in (
        ((key, None, None), "authorities"),
        ((ca, key, key), "client certificate is no PEM"),
        ((None, certificate, certificate), "client key is no PEM"),
        ((None, certificate, locked), "without a password"),
        ((None, certificate, its_key), "do not belong together"),
        ((None, chain, key), "do not belong together"),
    ):
        with pytest.raises(ValueError, match=said), Client(Connection("a:1", None, *values)):
            pass
    Connection("a:1", None, ca, chain, its_key).check()


def test_secrets_are_not_shown() -> None:
    shown = repr(Connection("a:1", "tok", client_certificate=b"cert", client_key=b"key"))
    assert shown == "Connection(address='a:1', tls=False)"


def test_a_server_that_is_back_is_looked_for_soon() -> None:
    longest = int(dict(channel_options())["grpc.max_reconnect_backoff_ms"])
    assert longest <= 1000 * BufferOptions().backoff_max


def test_service_config_covers_all_services() -> None:
    config = json.loads(service_config())
    with_retries, batches, streams = config["methodConfig"]
    whole = {name["service"] for name in with_retries["name"] if "method" not in name}
    assert whole == {
        "google.longrunning.Operations",
        *(f"simsvc.v1.{s}Service" for s in ("Ingest", "Search", "Campaign", "Info")),
    }
    single = [name for name in with_retries["name"] if "method" in name]
    assert single == [{"service": "simsvc.v1.ReindexService", "method": "ListGenerations"}]
    assert with_retries["retryPolicy"]["maxAttempts"] == 4
    # Whoever sends batches retries overload in a way of his own.
    assert [name["method"] for name in batches["name"]] == ["BatchObservePrompts"]
    assert batches["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert {name["method"] for name in streams["name"]} == {"StreamPrompts", "WatchCampaigns"}
    assert "retryPolicy" not in streams
    assert dict(channel_options())["grpc.service_config"] == service_config()
