"""Which engine computes, and in which numbers, by the processor, the settings and the model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from structlog.testing import capture_logs

from simsvc.embed import choice, fidelity
from simsvc.embed.choice import EngineMissingError, fastest, floating, make
from simsvc.embed.converted import FACTS, FORMAT, QUANTISED, ConversionError
from simsvc.embed.engine import Format
from simsvc.embed.weights import BUNDLED_SHA256, model_source
from tests.engines import cached, rule


def test_openvino_is_for_float32_models_only(tmp_path: Path) -> None:
    wanted = replace(rule("openvino", tmp_path), dtype="bfloat16")
    with pytest.raises(EngineMissingError, match="model_dtype"):
        make(model_source("all-MiniLM-L6-v2", ""), wanted)


@pytest.mark.parametrize(
    ("there", "expected", "unrounded"),
    [
        ("avx2 avx512_bf16 avx512_vnni amx_bf16", "bf16", "bf16"),
        ("avx2 avx512_bf16 avx512_vnni", "int8", "bf16"),
        ("avx2 avx512_vnni", "int8", "f32"),
        ("avx2 avx_vnni", "int8", "f32"),
        ("avx2 avx512_bf16", "bf16", "bf16"),
        ("avx2", "f32", "f32"),
    ],
)
def test_numbers_follow_the_processor(there: str, expected: Format, unrounded: Format) -> None:
    assert (fastest(set(there.split())), floating(set(there.split()))) == (expected, unrounded)


@pytest.mark.parametrize("numbers", ["int8", "bf16"])
def test_numbers_that_the_processor_lacks_are_refused(
    numbers: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "flags", lambda: {"avx2"})
    wanted = replace(rule("openvino", cached()), numbers=numbers)
    with pytest.raises(EngineMissingError, match=numbers):
        make(model_source("all-MiniLM-L6-v2", ""), wanted)


def test_numbers_for_openvino_are_refused_by_another_engine() -> None:
    with pytest.raises(EngineMissingError, match="openvino_numbers"):
        make(model_source("all-MiniLM-L6-v2", ""), replace(rule("torch", cached()), numbers="f32"))


def test_a_model_that_does_not_bear_rounding_is_computed_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = model_source("all-MiniLM-L6-v2", "")
    monkeypatch.setattr(choice, "flags", lambda: {"avx512_vnni"})
    monkeypatch.setattr(fidelity, "LEAST_MEAN", 0.9999)
    with capture_logs() as logs:
        engine = make(source, rule("openvino", cached()))
    assert engine.name == "openvino f32 packed"
    # It may be converted first, which is logged too.
    assert [e["instead"] for e in logs if e["event"] == "model_not_rounded"] == ["f32"]
    with pytest.raises(fidelity.UnfaithfulEngineError, match="int8"):
        make(source, replace(rule("openvino", cached()), numbers="int8"))


def test_a_gpu_that_is_not_there_is_refused_or_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineMissingError, match="CUDA"):
        make(model_source("all-MiniLM-L6-v2", ""), rule("cuda", tmp_path))
    monkeypatch.setattr(choice, "_NVIDIA", tmp_path)
    engine = make(model_source("all-MiniLM-L6-v2", ""), rule("auto", cached()))
    assert engine.name.startswith("openvino")


def test_a_model_whose_products_cannot_be_rounded_is_computed_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = model_source("all-MiniLM-L6-v2", "")
    make(source, rule("openvino", cached()))
    [converted] = cached().glob(f"{BUNDLED_SHA256[:16]}-openvino-*-{FORMAT}")
    folder = shutil.copytree(converted, tmp_path / converted.name)
    facts = json.loads((folder / FACTS).read_text())
    # The rows of its weights are 384 and 1536 long.
    assert facts["group"] == 384
    (folder / FACTS).write_text(json.dumps(facts | {"group": 0}))
    (folder / QUANTISED).unlink()
    monkeypatch.setattr(choice, "flags", lambda: {"avx512_vnni"})
    assert make(source, rule("openvino", tmp_path)).name == "openvino f32 packed"
    with pytest.raises(EngineMissingError, match="int8"):
        make(source, replace(rule("openvino", tmp_path), numbers="int8"))


def test_numbers_that_are_asked_for_are_not_passed_over_for_pytorch(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"no weights")
    wanted = replace(rule("auto", tmp_path / "cache"), numbers="f32")
    with pytest.raises(ConversionError, match="broken"):
        make(model_source(str(broken), ""), wanted)
