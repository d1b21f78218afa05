"""TLS, mutual TLS, tokens and roles, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from typer.testing import CliRunner

from simsvc.cli.app import app
from simsvc.core.access import new_token, token_hash
from simsvc.rpc.policy import METHODS
from tests.certificates import Authority
from tests.process import ServerProcess
from tests.shell import Shell

DENIED = grpc.StatusCode.PERMISSION_DENIED
UNKNOWN_CALLER = grpc.StatusCode.UNAUTHENTICATED
TOKENS = {role: new_token() for role in ("ingest", "analyst", "reviewer", "operator")}
MAY = {
    "ObservePrompt": {"ingest"},
    "BatchObservePrompts": {"ingest"},
    "StreamPrompts": {"ingest"},
    "SearchPrompts": {"analyst", "reviewer"},
    "GetPrompt": {"analyst", "reviewer"},
    "GetAccount": {"analyst", "reviewer"},
    "ListCampaigns": {"analyst", "reviewer", "operator"},
    "GetCampaign": {"analyst", "reviewer"},
    "WatchCampaigns": {"analyst", "reviewer"},
    "CheckAccounts": {"ingest", "analyst", "reviewer"},
    "AssignCampaign": {"analyst", "reviewer"},
    "CommentCampaign": {"analyst", "reviewer"},
    "ConfirmCampaign": {"reviewer"},
    "DismissCampaign": {"reviewer"},
    "ReopenCampaign": {"reviewer"},
    "ExcludeAccount": {"reviewer"},
    "MergeCampaigns": {"reviewer"},
    "SplitCampaign": {"reviewer"},
    "UndoReview": {"analyst", "reviewer"},
    "ListReviews": {"analyst", "reviewer"},
    "ListAuditEntries": {"reviewer", "operator"},
    "VerifyAuditLog": {"reviewer", "operator"},
    "GetCampaignTimeline": {"analyst", "reviewer"},
    "GetCampaignMap": {"analyst", "reviewer"},
    "GetCampaignGraph": {"analyst", "reviewer"},
    "GetCampaignFrames": {"analyst", "reviewer"},
    "GetCampaignCoverage": {"analyst", "reviewer"},
    "GetAccountActivity": {"analyst", "reviewer"},
    "ExportCampaign": {"reviewer"},
    "ImportIndicators": {"reviewer"},
    "ListIndicators": {"analyst", "reviewer", "operator"},
    "MatchIndicators": {"analyst", "reviewer"},
    "DeleteIndicator": {"reviewer", "operator"},
    "ListWebhooks": {"operator"},
    "ListDeliveries": {"operator"},
    "RetryDelivery": {"operator"},
    "TestWebhook": {"operator"},
    "LoadReferenceSet": {"reviewer", "operator"},
    "ListReferenceSets": {"analyst", "reviewer", "operator"},
    "DeleteReferenceSet": {"reviewer", "operator"},
    "StartReindex": {"operator"},
    "ListGenerations": {"analyst", "reviewer", "operator"},
    "ActivateGeneration": {"operator"},
    "RollbackGeneration": {"operator"},
    "DeleteGeneration": {"operator"},
    "GetOperation": {"analyst", "reviewer", "operator"},
    "ListOperations": {"analyst", "reviewer", "operator"},
    "WaitOperation": {"analyst", "reviewer", "operator"},
    "CancelOperation": {"operator"},
    "DeleteOperation": {"operator"},
    "GetServerInfo": {"ingest", "analyst", "reviewer", "operator"},
}


@dataclass(frozen=True)
class Secured:
    address: str
    folder: Path

    def channel(self, client: str = "client") -> grpc.Channel:
        files = [
            self.folder / "ca.pem",
            self.folder / f"{client}.key",
            self.folder / f"{client}.pem",
        ]
        root, key, chain = (f.read_bytes() if f.exists() else None for f in files)
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(root, key, chain))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority()
    certificate, key = authority.issue(folder, "server")
    authority.issue(folder, "client")
    Authority().issue(folder, "stranger")
    lines = [
        f'listen = "0.0.0.0:0"\ntls_certificate = "{certificate}"\ntls_key = "{key}"',
        f'tls_client_ca = "{authority.write(folder)}"',
    ]
    for role, token in TOKENS.items():
        lines.append(f'[[tokens]]\nname = "{role}"\nsha256 = "{token_hash(token)}"')
        lines.append(f'roles = ["{role}"]')
    config = folder / "simsvc.toml"
    config.write_text("\n".join(lines))
    with ServerProcess(
        folder / "data", {"SIMSVC_CONFIG": str(config), "SIMSVC_LISTEN": "0.0.0.0:0"}
    ) as server:
        port = server.address().rpartition(":")[2]
        yield Secured(f"127.0.0.1:{port}", folder)
        assert not any(token in server.raw_log for token in TOKENS.values())


def code(
    channel: grpc.Channel, method: str, token: str | None, raw: bytes = b""
) -> grpc.StatusCode:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        if method.endswith("StreamPrompts"):
            list(channel.stream_stream(method)(iter([raw]), metadata=metadata, timeout=20))
        elif method.endswith("WatchCampaigns"):
            list(channel.unary_stream(method)(raw, metadata=metadata, timeout=0.5))
        else:
            channel.unary_unary(method)(raw, metadata=metadata, timeout=20)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("role", sorted(TOKENS))
def test_roles(secured: Secured, method: str, role: str) -> None:
    with secured.channel() as channel:
        found = code(channel, method, TOKENS[role])
    allowed = role in MAY[method.rpartition("/")[2]]
    assert (found is not DENIED) == allowed
    assert found is not UNKNOWN_CALLER


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("token", [None, "sim_wrong", ""])
def test_without_a_known_token(secured: Secured, method: str, token: str | None) -> None:
    with secured.channel() as channel:
        assert code(channel, method, token) is UNKNOWN_CALLER


def test_authorised_before_anything_is_read(secured: Secured) -> None:
    """A caller without the role does not even learn that its bytes are no message."""
    with secured.channel() as channel:
        method = "/simsvc.v1.IngestService/ObservePrompt"
        assert code(channel, method, TOKENS["analyst"], b"\x0a\xff") is DENIED
        assert code(channel, method, TOKENS["ingest"], b"\x0a\xff") is (
            grpc.StatusCode.INVALID_ARGUMENT
        )


def test_health_needs_no_token(secured: Secured) -> None:
    with secured.channel() as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("client", ["stranger", "nobody"])
def test_mutual_tls(secured: Secured, client: str) -> None:
    with secured.channel(client) as channel:
        found = code(channel, "/simsvc.v1.InfoService/GetServerInfo", TOKENS["operator"])
    assert found is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), "hint: the server may want TLS"),
        (("ca",), "hint: the server may want a client's certificate"),
        (("ca", "cert", "key"), "hint: the server may not accept the certificate"),
    ],
)
def test_a_connection_that_is_closed_has_a_hint(
    secured: Secured, names: tuple[str, ...], told: str
) -> None:
    files = {"ca": "ca.pem", "cert": "stranger.pem", "key": "stranger.key"}
    options = [word for n in names for word in (f"--{n}", str(secured.folder / files[n]))]
    for more in ([], ["--json"]):
        done = CliRunner().invoke(app, ["status", "--address", secured.address, *options, *more])
        assert done.exit_code == 3
        assert (told in done.stderr) == (not more)
    assert set(json.loads(done.stderr)) == {"error"}


def test_mutual_tls_from_the_terminal(secured: Secured) -> None:
    paths = [("ca", "ca.pem"), ("cert", "client.pem"), ("key", "client.key")]
    files = [word for option, name in paths for word in (f"--{option}", str(secured.folder / name))]
    shell = Shell(secured.address, TOKENS["operator"])
    assert shell.one("status", *files)["version"]
    variables = {f"SIMSVC_{o.upper()}": str(secured.folder / n) for o, n in paths}
    variables |= {"SIMSVC_ADDRESS": secured.address, "SIMSVC_TOKEN": TOKENS["operator"]}
    assert CliRunner(env=variables).invoke(app, ["status"]).exit_code == 0
    shell.run("status", *files[:2], code=3)
    # The key of another certificate is no server that is away.
    shell.run("status", *files[:4], "--key", str(secured.folder / "server.key"), code=2)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "example.org:1", "10.1.2.3:1"])
def test_refuses_a_public_address_without_tls_and_tokens(tmp_path: Path, address: str) -> None:
    with ServerProcess(tmp_path, {"SIMSVC_LISTEN": address}) as server:
        assert server.process.wait(timeout=60) != 0
        server.wait_for_end()
        assert "TLS and tokens" in server.raw_log
