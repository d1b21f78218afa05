"""A server that cannot start says why in one line, and exits with 2."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from simsvc.client import Client, Connection, ObservedPrompt
from tests.certificates import Authority
from tests.process import ServerProcess


def failure(data: Path, settings: dict[str, str]) -> str:
    with ServerProcess(data, settings) as server:
        assert server.process.wait(timeout=60) == 2
        server.wait_for_end()
        [line] = [x for x in server.raw_log.splitlines() if x.startswith("error: ")]
        assert "Traceback" not in server.raw_log
        return line


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"SIMSVC_RECALL": "7"}, "recall: Input should be less than or equal to 1"),
        ({"SIMSVC_CONFIG": "absent.toml"}, "SIMSVC_CONFIG names absent.toml, which is no file"),
        ({"SIMSVC_MODEL": "no such model"}, "neither the bundled model nor a folder"),
        ({"SIMSVC_MODEL_SHA256": "0" * 64}, "the weights of all-MiniLM-L6-v2 have SHA-256"),
        ({"SIMSVC_TEXT_STORAGE": "encrypted"}, "text_key_id must name one of text_keys"),
    ],
)
def test_settings(tmp_path: Path, settings: dict[str, str], reason: str) -> None:
    assert reason in failure(tmp_path, settings)


def test_a_misspelt_variable_is_named_on_the_way(tmp_path: Path) -> None:
    settings = {"SIMSVC_RETENTON": "86400", "SIMSVC_PORT": "x", "SIMSVC_MODEL": "no such model"}
    with ServerProcess(tmp_path, settings) as server:
        line = server.wait_for("setting_misspelt")
        assert (line["variable"], line["meant"]) == ("SIMSVC_RETENTON", "SIMSVC_RETENTION")
        assert server.process.wait(timeout=60) == 2
        server.wait_for_end()
        assert server.raw_log.count("setting_misspelt") == 1


def test_certificates(tmp_path: Path) -> None:
    authority = Authority()
    good, other = (authority.issue(tmp_path, name) for name in ("server", "other"))
    files = ("SIMSVC_TLS_CERTIFICATE", "SIMSVC_TLS_KEY", "SIMSVC_TLS_CLIENT_CA")

    def told(*paths: Path) -> str:
        return failure(tmp_path / "data", dict(zip(files, map(str, paths), strict=False)))

    absent = tmp_path / "absent.pem"
    assert told(good[0]) == "error: tls_certificate and tls_key go together"
    assert f"tls_certificate: cannot read {absent}: No such file" in told(absent, good[1])
    assert f"tls_key: cannot read {absent}: No such file" in told(good[0], absent)
    assert f"tls_client_ca: cannot read {absent}: No such file" in told(*good, absent)
    assert "tls_certificate and tls_key are no PEM certificate and its key" in told(
        good[0], other[1]
    )
    assert "tls_client_ca is no PEM certificate" in told(*good, good[1])


@pytest.mark.parametrize("setting", ["SIMSVC_LISTEN", "SIMSVC_METRICS_LISTEN"])
def test_a_taken_port(tmp_path: Path, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in failure(tmp_path, {setting: address})


def test_a_record_of_another_generation(tmp_path: Path) -> None:

    with ServerProcess(tmp_path) as server:
        with Client(Connection(server.address())) as client:
            client.observe(ObservedPrompt("r", "a", [("user", "hello there")]))
        assert server.terminate() == 0
    assert "the record was made with" in failure(tmp_path, {"SIMSVC_MAX_WINDOWS": "3"})
