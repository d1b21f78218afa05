"""Where settings come from, which are refused, and that keys stay secret."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from simsvc.companion import console_options
from simsvc.core.access import Role
from simsvc.domain.validation import Limits
from simsvc.keys import keyring, token_key
from simsvc.main import cli
from simsvc.settings import CONFIG_FILE, Settings

KEY = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()


@pytest.fixture(autouse=True)
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file, empty as yet, in the environment."""
    file = tmp_path / "simsvc.toml"
    file.write_text("")
    monkeypatch.setenv(CONFIG_FILE, str(file))
    return file


def test_the_order_of_sources(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().drain == 30.0
    toml.write_text("drain = 1.0")
    assert Settings().drain == 1.0
    monkeypatch.setenv("SIMSVC_DRAIN", "2")
    assert Settings().drain == 2.0
    assert Settings(drain=3.0).drain == 3.0


def test_tokens_from_the_file_and_the_environment(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text(f'[[tokens]]\nname = "file"\nsha256 = "{"0" * 64}"\nroles = ["analyst"]')
    [token] = Settings().tokens
    assert (token.name, token.roles) == ("file", {Role.ANALYST})
    known = {"name": "env", "sha256": "1" * 64, "roles": ["ingest", "operator"]}
    monkeypatch.setenv("SIMSVC_TOKENS", json.dumps([known]))
    assert [t.name for t in Settings().tokens] == ["env"]


@pytest.mark.parametrize("line", ["drian = 1.0", '[retention]\nx = "y"', 'log_level = "loud"'])
def test_a_wrong_line_of_the_file_is_named(toml: Path, line: str) -> None:
    toml.write_text(line)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert str(caught.value.errors()[0]["loc"][0]) in line


def test_a_file_that_is_not_there(toml: Path) -> None:
    toml.unlink()
    with pytest.raises(FileNotFoundError, match=CONFIG_FILE):
        Settings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls_certificate": "c.pem"},
        {"text_storage": "encrypted", "text_keys": {"a": KEY}, "text_key_id": "b"},
        {"pseudonym_keys": {"a": KEY}, "pseudonym_key_id": "b"},
        {"text_keys": {"a": "not base64!"}},
        {"tokens": [{"name": "x", "sha256": "A" * 64, "roles": ["ingest"]}]},
        {"tokens": [{"name": "x", "sha256": "0" * 64, "roles": ["admin"]}]},
        {"tokens": [{"name": "a\0b", "sha256": "0" * 64, "roles": ["ingest"]}]},
        {"pseudonym_keys": {"a" * 65: KEY}, "pseudonym_key_id": "a" * 65},
        {"text_keys": {"a\0": KEY}},
        {"limit_id_bytes": 257},
        {"retention": 0},
        {"retention": "nan"},
        {"detection_alpha": 1},
        {"search_similarity": 1.5},
        {"detection_min_accounts": 1},
        {"listen": "127.0.0.1:65536"},
        {"listen": "127.0.0.1"},
        {"listen": ""},
        {"metrics_listen": "127.0.0.1:http"},
        {"console_listen": "127.0.0.1:-1"},
    ],
)
def test_bad_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_limits_are_those_of_the_settings() -> None:
    assert Settings().limits == Limits()
    changed = Settings(limit_messages=3, retention=60.0, clock_skew=0, limit_attributes=0).limits
    assert (changed.messages, changed.retention) == (3, 60.0)
    assert (changed.clock_skew, changed.attributes) == (0.0, 0)


def test_keys_are_not_shown() -> None:
    keys = {"pseudonym_keys": {"a": KEY}, "text_keys": {"a": OTHER}}
    settings = Settings(**keys, pseudonym_key_id="a", text_key_id="a")  # type: ignore[arg-type]
    settings.record_url = SecretStr("postgresql://simsvc:password@host/simsvc")
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "password" not in shown
        assert KEY not in shown
        assert OTHER not in shown


def test_a_key_is_not_in_the_error() -> None:
    short = base64.b64encode(b"secret").decode()
    with pytest.raises(ValidationError) as caught:
        Settings(pseudonym_keys={"a": short}, pseudonym_key_id="a")  # type: ignore[dict-item]
    assert short not in str(caught.value)


def test_an_encryption_key_needs_an_id() -> None:
    with pytest.raises(ValidationError):
        Settings(text_storage="encrypted", text_keys={"": KEY})  # type: ignore[dict-item]


UNCAUGHT = "simsvc serve catches ValidationError and FileNotFoundError only: this is a traceback"


@pytest.mark.parametrize(
    ("line", "variable"), [("drain = ", ""), ("", "not json")], ids=["toml", "environment"]
)
def test_settings_that_do_not_parse_are_told_in_one_line(
    line: str, variable: str, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text(line)
    if variable:
        monkeypatch.setenv("SIMSVC_TOKENS", variable)
    result = CliRunner().invoke(cli, ["serve"])
    assert result.exit_code == 2
    assert "error: " in result.output


def test_a_made_key_outlives_the_process(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "b")
    ring, tokens = keyring(settings), token_key(settings)
    file = tmp_path / "a" / "b" / "keys.json"
    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = Settings(data_dir=tmp_path / "a" / "b")
    assert keyring(again).all_hashes("account", "x") == ring.all_hashes("account", "x")
    assert (token_key(again), file.read_bytes()) == (tokens, content)
    elsewhere = Settings(data_dir=tmp_path / "c")
    assert keyring(elsewhere).text_hash("payload", "x") != ring.text_hash("payload", "x")


def test_keys_of_the_settings_win_and_none_is_made(tmp_path: Path) -> None:
    chosen = {"pseudonym_keys": {"a": KEY, "b": OTHER}}
    a, b = (
        Settings(data_dir=tmp_path, **chosen, pseudonym_key_id=active)  # type: ignore[arg-type]
        for active in "ab"
    )
    assert [h.key_id for h in keyring(b).all_hashes("account", "x")] == ["b", "a"]
    assert token_key(a) != token_key(b)
    assert not (tmp_path / "keys.json").exists()
    assert KEY.encode() not in token_key(a)
    assert token_key(a) != b"k" * 32


def test_a_console_has_what_mutual_tls_asks_for(tmp_path: Path) -> None:
    own = {"tls_certificate": tmp_path / "s.pem", "tls_key": tmp_path / "s.key"}
    mutual: dict[str, Any] = own | {"tls_client_ca": tmp_path / "ca.pem"}
    pair: dict[str, Any] = {
        "console_client_certificate": tmp_path / "c.pem",
        "console_client_key": tmp_path / "c.key",
    }
    with pytest.raises(ValidationError, match="needs console_client_certificate"):
        Settings(**mutual, console_listen="127.0.0.1:8551")
    with pytest.raises(ValidationError, match="go together"):
        Settings(console_client_key=tmp_path / "c.key")
    settings = Settings(**mutual, **pair, console_listen="127.0.0.1:8551")
    options = console_options(settings, "127.0.0.1:50551")
    assert options[options.index("--client-key") + 1] == str(tmp_path / "c.key")
    assert Settings(**mutual).console_client_key is None


def test_an_open_server_has_no_console_that_others_reach(tmp_path: Path) -> None:
    console: dict[str, Any] = {
        "console_listen": "0.0.0.0:8551",
        "console_tls_certificate": tmp_path / "c.pem",
        "console_tls_key": tmp_path / "k.pem",
    }
    with pytest.raises(ValidationError, match="set up tokens first"):
        Settings(**console)
    token = {"name": "ana", "sha256": "0" * 64, "roles": ["analyst"]}
    assert Settings(**console, tokens=[token]).console_listen
    assert Settings(console_listen="127.0.0.1:8551").tokens == []
