"""The console's process: with the server, by itself, over TLS, and without a server."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from simsvc.demo.server import free_port
from tests.certificates import Authority
from tests.consoles import ConsoleProcess, Visitor, config, found
from tests.process import ServerProcess


def is_up(url: str) -> bool:
    try:
        return Visitor(url).get("/sign-in").status == 200
    except ConnectionError:
        return False


def wait(url: str, *, up: bool) -> None:
    deadline = time.monotonic() + 60
    while is_up(url) != up:
        assert time.monotonic() < deadline, f"up is not {up}"
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_it_starts_and_ends_with_its_server(tmp_path: Path, how: str) -> None:
    listen = f"127.0.0.1:{free_port()}"
    settings = {"SIMSVC_CONSOLE_LISTEN": listen, "SIMSVC_CONFIG": str(config(tmp_path))}
    with ServerProcess(tmp_path / "data", settings) as server:
        server.address()
        wait(f"http://{listen}", up=True)
        visitor = Visitor(f"http://{listen}").sign_in("reviewer")
        assert "Searchable prompts" in visitor.get("/system").text
        getattr(server, how)()
        wait(f"http://{listen}", up=False)


def test_a_server_that_is_away_is_told_and_comes_back() -> None:
    with ConsoleProcess(f"127.0.0.1:{free_port()}") as console:
        visitor = Visitor(console.url)
        assert "cannot be reached" in visitor.get("/sign-in").text
        answer = visitor.post("/sign-in", {"token": "sim_any"})
        assert answer.status == 503
        assert "set-cookie" not in answer.headers


def test_an_open_server_asks_for_no_token(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, ConsoleProcess(server.address()) as console:
        visitor = Visitor(console.url)
        assert "anonymous" in visitor.get("/sign-in").text
        assert visitor.get("/").status == 303
        assert visitor.post("/sign-in").status == 303
        assert "No campaign matches" in visitor.get("/").text


def test_tls_makes_the_cookie_secure(tmp_path: Path) -> None:
    authority = Authority()
    ca = authority.write(tmp_path)
    certificate, key = authority.issue(tmp_path, "both")
    settings = {
        "SIMSVC_CONFIG": str(config(tmp_path)),
        "SIMSVC_TLS_CERTIFICATE": str(certificate),
        "SIMSVC_TLS_KEY": str(key),
    }
    options = (
        "--ca", str(ca), "--tls-certificate", str(certificate), "--tls-key", str(key),
    )  # fmt: skip
    with (
        ServerProcess(tmp_path / "data", settings) as server,
        ConsoleProcess(server.address(), *options) as console,
    ):
        assert console.url.startswith("https://")
        visitor = Visitor(console.url, ca).sign_in("analyst")
        assert visitor.cookie.startswith("__Host-")
        answer = visitor.post("/sign-out")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]


def test_beside_a_server_with_mutual_tls(tmp_path: Path) -> None:
    authority = Authority()
    ca = str(authority.write(tmp_path))
    certificate, key = map(str, authority.issue(tmp_path, "server"))
    shown, its_key = map(str, authority.issue(tmp_path, "console"))
    listen = f"127.0.0.1:{free_port()}"
    settings = {
        "SIMSVC_CONFIG": str(config(tmp_path)),
        "SIMSVC_TLS_CERTIFICATE": certificate,
        "SIMSVC_TLS_KEY": key,
        "SIMSVC_TLS_CLIENT_CA": ca,
        "SIMSVC_CONSOLE_LISTEN": listen,
        "SIMSVC_CONSOLE_CA": ca,
        "SIMSVC_CONSOLE_CLIENT_CERTIFICATE": shown,
        "SIMSVC_CONSOLE_CLIENT_KEY": its_key,
    }
    with ServerProcess(tmp_path / "data", settings) as server:
        address = server.address()
        wait(f"http://{listen}", up=True)
        visitor = Visitor(f"http://{listen}").sign_in("reviewer")
        assert "Searchable prompts" in visitor.get("/system").text
        # Without a certificate of its own, the server does not talk to it.
        with ConsoleProcess(address, "--ca", ca) as stranger:
            assert "cannot be reached" in Visitor(stranger.url).get("/sign-in").text


def test_a_console_that_others_reach_lets_nobody_in_without_a_token(tmp_path: Path) -> None:
    authority = Authority()
    ca = authority.write(tmp_path)
    certificate, key = authority.issue(tmp_path, "both")
    options = (
        "--listen",
        "0.0.0.0:0",
        "--tls-certificate",
        str(certificate),
        "--tls-key",
        str(key),
    )
    with (
        ServerProcess(tmp_path / "data") as server,
        ConsoleProcess(server.address(), *options) as console,
    ):
        visitor = Visitor(console.url.replace("0.0.0.0", "127.0.0.1"), ca)  # noqa: S104
        assert "asks nobody for a token" in visitor.get("/sign-in").text
        for token in ("", "sim_any"):
            answer = visitor.post("/sign-in", {"token": token})
            assert answer.status == 403
            assert "set-cookie" not in answer.headers
        assert visitor.get("/").status == 303


REFUSED = {
    "not a loopback address": ["--listen", "0.0.0.0:0"],
    "go together": ["--tls-certificate", "x.pem"],
    "host:port": ["--listen", "localhost:http"],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_it_does_not_listen_where_it_is_not_safe(reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simsvc.main", "console", *REFUSED[reason]],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert found(rf"({reason})", done.stderr)


def test_a_server_refuses_settings_of_an_open_console(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"SIMSVC_CONSOLE_LISTEN": "0.0.0.0:8551"}) as server:
        assert server.process.wait(timeout=60) == 2
        server.wait_for_end()
        assert "console_tls_certificate" in server.raw_log
