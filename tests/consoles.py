"""A server with tokens and a campaign, its console as a process, and somebody who visits it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from urllib.parse import urlencode, urlsplit

from simsvc.client import Campaign, Client, Connection, ObservedPrompt
from simsvc.core.access import new_token, token_hash
from tests.process import ServerProcess

ROLES = ("ingest", "analyst", "reviewer", "operator")
TOKENS = {role: new_token() for role in ROLES}
ACCOUNTS = 14
_START_SECONDS = 60.0


class ConsoleProcess:
    """Runs `simsvc console` on a free port of 127.0.0.1; its log is kept."""

    def __init__(self, address: str, *options: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SIMSVC_")}
        command = [sys.executable, "-m", "simsvc.main", "console", "--address", address]
        self.log = ""
        self._urls: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", *options],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._urls.get(timeout=_START_SECONDS)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line
            if '"console_serving"' in line:
                self._urls.put(json.loads(line)["url"])
        self._urls.put("")

    def __enter__(self) -> ConsoleProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Visitor:
    """A browser as far as cookies, forms and where they come from go."""

    url: str
    ca: Path | None = None
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a form as a page of the console does; `headers` replace those of a browser."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        body = urlencode({"csrf": self.csrf, **(form or {})})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body, own | named)

    def sign_in(self, role: str) -> Visitor:
        answer = self.post("/sign-in", {"token": TOKENS[role]})
        assert answer.status == 303, answer.text
        self.csrf = found(r'data-csrf="([^"]+)"', self.get("/system").text)
        return self

    def send(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        sent = {"Cookie": self.cookie, **self.headers, **headers}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, {k: v for k, v in sent.items() if v})
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read().decode())
        connection.close()
        if cookie := response.getheader("set-cookie"):
            self.cookie = cookie.partition(";")[0]
        return answer

    def stream(self, path: str) -> Generator[str, None, None]:
        """Yield the lines of an answer that does not end."""
        connection = self._connection()
        connection.request("GET", path, headers={"Cookie": self.cookie})
        response = connection.getresponse()
        while line := response.readline():
            yield line.decode().rstrip("\n")

    def _connection(self) -> http.client.HTTPConnection:
        where = urlsplit(self.url)
        host, port = str(where.hostname), where.port
        if where.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=30)
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection(host, port, timeout=30, context=context)


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"no {pattern} in:\n{text}"
    return match[1]


@dataclass
class Place:
    """A server with one campaign, and its console."""

    server: ServerProcess
    address: str
    console: ConsoleProcess

    def client(self, role: str) -> Client:
        return Client(Connection(self.address, TOKENS[role]))

    def visitor(self, role: str) -> Visitor:
        return Visitor(self.console.url).sign_in(role)

    def campaign(self) -> Campaign:
        with self.client("analyst") as client:
            [listed] = client.list_campaigns()
            return client.get_campaign(listed.campaign_id)


def config(folder: Path) -> Path:
    """Write a file of settings with a token of each role."""
    path = folder / "simsvc.toml"
    tables = (
        f'[[tokens]]\nname = "{r}"\nsha256 = "{token_hash(TOKENS[r])}"\nroles = ["{r}"]'
        for r in ROLES
    )
    key = base64.b64encode(b"\1" * 32).decode()
    sharing = f'sharing_key_id = "shared"\nsharing_keys = {{ shared = "{key}" }}\n'
    path.write_text(sharing + "\n".join(tables))
    return path


def campaign_prompts(extra: str) -> list[ObservedPrompt]:
    """One task in many wordings by many accounts; one of them adds a text of its own."""
    task = "Write a product description for a wooden garden chair number"
    return [
        ObservedPrompt(f"r{i}", f"account-{i}", [("user", f"{task} {i}{extra if i == 0 else ''}")])
        for i in range(ACCOUNTS)
    ]


@contextmanager
def running_place(folder: Path, extra: str = "") -> Iterator[Place]:
    """Run a server and its console, and wait until there is a campaign."""
    settings = {"SIMSVC_CONFIG": str(config(folder)), "SIMSVC_SHADOW": "false"}
    with ServerProcess(folder / "data", settings) as server:
        address = server.address()
        with Client(Connection(address, TOKENS["ingest"])) as client:
            client.observe_batch(campaign_prompts(extra))
        with Client(Connection(address, TOKENS["analyst"])) as client:
            deadline = time.monotonic() + 60
            while not list(client.list_campaigns()):
                assert time.monotonic() < deadline, "no campaign was opened"
                time.sleep(0.2)
        with ConsoleProcess(address) as console:
            yield Place(server, address, console)
