"""Settings, keys, stored texts, n-grams, metrics, inert output."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from pydantic import ValidationError

from simsvc.cli.show import inert
from simsvc.domain.prompt import Message, Role
from simsvc.domain.pseudonyms import Keyring, parse_pseudonym, pseudonym
from simsvc.embed.lexical import blended, known_share, model_weight, ngram_vector
from simsvc.keys import keyring, token_key
from simsvc.record.text import EncryptedText, NoText, PlainText, StoredText
from simsvc.settings import CONFIG_FILE, Settings
from simsvc.telemetry.metrics import READINGS, Metrics

KEY = base64.b64encode(b"k" * 32).decode()
MESSAGES = (Message(Role.SYSTEM, "be brief"), Message(Role.USER, "secret \u2028 😀"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls_key": "k.pem"},
        {"tls_client_ca": "ca.pem"},
        {"pseudonym_keys": {"a": KEY}},
        {"pseudonym_keys": {"a": "c2hvcnQ="}, "pseudonym_key_id": "a"},
        {"text_storage": "encrypted"},
        {"limit_batch_prompts": 100, "in_flight_prompts": 10},
        {"tokens": [{"name": "x", "sha256": "short", "roles": ["ingest"]}]},
        {"tokens": [{"name": "x", "sha256": "0" * 64, "roles": []}]},
        {"no_such_setting": 1},
    ],
)
def test_bad_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "simsvc.toml"
    file.write_text('drain = 7.0\nrecall = 0.5\n[pseudonym_keys]\n"k" = "' + KEY + '"')
    monkeypatch.setenv(CONFIG_FILE, str(file))
    monkeypatch.setenv("SIMSVC_RECALL", "0.9")
    monkeypatch.setenv("SIMSVC_PSEUDONYM_KEY_ID", "k")
    settings = Settings()
    assert (settings.drain, settings.recall) == (7.0, 0.9)
    assert KEY not in repr(settings)
    file.write_text("no_such_setting = 1")
    with pytest.raises(ValidationError):
        Settings()


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    first, again = keyring(settings), keyring(settings)
    assert first.text_hash("payload", "x") == again.text_hash("payload", "x")
    assert token_key(settings) == token_key(settings)
    [file] = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    given_key = Settings(data_dir=tmp_path, pseudonym_keys={"a": KEY}, pseudonym_key_id="a")
    assert keyring(given_key).text_hash("payload", "x") != first.text_hash("payload", "x")
    assert token_key(given_key) != token_key(settings)


def test_hashes_are_keyed_and_kept_apart() -> None:
    ring = Keyring({"old": b"o" * 32, "new": b"n" * 32}, "new")
    active, old = ring.all_hashes("account", "a")
    assert (active.key_id, old.key_id) == ("new", "old")
    assert Keyring({"old": b"o" * 32}, "old").all_hashes("account", "a") == [old]
    assert ring.all_hashes("organization", "a")[0].value != active.value
    assert ring.text_hash("payload", "") == b""
    name = pseudonym("acct", active.value)
    assert parse_pseudonym("acct", name) == active.value
    assert parse_pseudonym("org", name) is None
    assert parse_pseudonym("acct", f"{name}0") is None
    for keys, active_id in (({"a": b"k" * 32}, "b"), ({"a": b"short"}, "a")):
        with pytest.raises(ValueError, match="key"):
            Keyring(keys, active_id)


def test_stored_texts() -> None:
    keys = {"a": b"a" * 32, "b": b"b" * 32}
    sealed = EncryptedText(keys, "b").encode(7, MESSAGES)
    assert sealed.data is not None
    assert b"secret" not in sealed.data
    plain = PlainText({}).encode(7, MESSAGES)
    for codec in (EncryptedText(keys, "a"), PlainText(keys), NoText(keys)):
        assert codec.decode(7, sealed) == (MESSAGES, "shown")
        assert codec.decode(7, plain) == (MESSAGES, "shown")
        assert codec.decode(8, sealed) == (None, "key_missing")
    assert PlainText({}).decode(7, sealed) == (None, "key_missing")
    assert NoText({}).encode(7, MESSAGES) == StoredText(None, None)
    assert PlainText({}).decode(7, StoredText(None, None)) == (None, "not_stored")


@settings(derandomize=True, deadline=None)
@given(st.text(min_size=1, max_size=50), st.floats(0, 1))
def test_blends_have_unit_length(text: str, known: float) -> None:
    model = np.zeros(64, np.float32)
    model[3] = 1.0
    vector = blended(model, text, known)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)
    assert 0.0 <= model_weight(known) <= 1.0
    if model_weight(known) == 1.0:
        assert vector is model


def test_known_tokens() -> None:
    assert known_share("plain words", [(0, 5), (6, 11)], [1, 0], 0) == 1.0
    assert known_share("é", [(0, 1)], [5], 0) == 0.0
    assert known_share("café au", [(0, 4), (5, 7)], [5, 6], 0) == 1.0
    assert known_share("café ☃", [(0, 4), (5, 6)], [5, 0], 0) == 0.5
    first, second = ngram_vector("ఒకటి రెండు", 64), ngram_vector("ఒకటి రెండు", 64)
    np.testing.assert_array_equal(first, second)


def test_metrics_have_their_names() -> None:
    metrics = Metrics()
    sources = {name: (lambda: 3.0) for name in READINGS}
    with pytest.raises(ValueError, match="differ"):
        metrics.read_from({k: v for k, v in sources.items() if k != "index_lag_prompts"})
    metrics.read_from(sources)
    calls = metrics.calls.of("simsvc.v1.X/Y")
    for _ in range(2):
        calls.started += 1
        calls.end("OK", 0.0007, 10, 2000)
    metrics.calls.of("simsvc.v1.X/Y").end("NOT_FOUND", 0.0008, 10, 1 << 30)
    page = generate_latest(metrics.registry).decode()
    for name in (
        'grpc_server_call_started_total{grpc_method="simsvc.v1.X/Y"} 2.0',
        'duration_seconds_bucket{grpc_method="simsvc.v1.X/Y",grpc_status="OK",le="0.0008"} 2.0',
        'duration_seconds_bucket{grpc_method="simsvc.v1.X/Y",grpc_status="OK",le="0.0006"} 0.0',
        'duration_seconds_count{grpc_method="simsvc.v1.X/Y",grpc_status="NOT_FOUND"} 1.0',
        # What a bucket is named after is in it.
        'duration_seconds_bucket{grpc_method="simsvc.v1.X/Y",grpc_status="NOT_FOUND",'
        'le="0.0008"} 1.0',
        'size_bytes_bucket{grpc_method="simsvc.v1.X/Y",grpc_status="NOT_FOUND",'
        'le="6.7108864e+07"} 0.0',
        'size_bytes_bucket{grpc_method="simsvc.v1.X/Y",grpc_status="NOT_FOUND",le="+Inf"} 1.0',
        'rcvd_total_compressed_message_size_bytes_sum{grpc_method="simsvc.v1.X/Y",'
        'grpc_status="OK"} 20.0',
        'sent_total_compressed_message_size_bytes_sum{grpc_method="simsvc.v1.X/Y",'
        'grpc_status="OK"} 4000.0',
        "# TYPE grpc_server_call_duration_seconds histogram",
        "# TYPE grpc_server_call_sent_total_compressed_message_size_bytes histogram",
        "# TYPE grpc_server_call_rcvd_total_compressed_message_size_bytes histogram",
        "simsvc_prompts_observed_total 3.0",
        "simsvc_index_lag_prompts 3.0",
    ):
        assert name in page


def test_terminal_output_is_inert() -> None:
    shown = inert("a\x1b[31mred\x07\nb\u202ec [bold]x[/bold] " + "y" * 500, 60)
    assert not any(c in shown.plain for c in "\x1b\x07\n\u202e")
    assert "[bold]x[/bold]" in shown.plain
    assert len(shown.plain) == 60
