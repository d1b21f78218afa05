"""Which engine computes: the fastest that this machine has, or the one that is asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from simsvc.embed.converted import ConversionError, converted_model
from simsvc.embed.engine import Engine, Format
from simsvc.embed.fidelity import UnfaithfulEngineError
from simsvc.embed.weights import (
    ModelNotFoundError,
    ModelSource,
    WrongWeightsError,
    local_folder,
    verify,
    weights_sha256,
)
from simsvc.processor import flags

Wanted = Literal["auto", "openvino", "torch", "cuda"]
_AMX, _BF16, _VNNI = {"amx_bf16"}, {"amx_bf16", "avx512_bf16"}, {"avx512_vnni", "avx_vnni"}
_log = structlog.get_logger()
_NVIDIA = Path("/dev/nvidiactl")


@dataclass(frozen=True, slots=True)
class EngineRule:
    """What is asked for. `cache` is where converted models are kept; `budget` in padded tokens.

    `dtype` other than float32 is for PyTorch alone, and a generation of its own. `numbers` is for
    OpenVINO.
    """

    wanted: Wanted
    dtype: str
    max_windows: int
    threads: int
    budget: int
    cache: Path
    numbers: Literal["auto"] | Format = "auto"


class EngineMissingError(Exception):
    """The engine that is asked for is not installed."""


# What stands in the way of a model, whatever the engine.
LOAD_ERRORS = (
    ConversionError, EngineMissingError, ModelNotFoundError, OSError, UnfaithfulEngineError,
    ValueError, WrongWeightsError,
)  # fmt: skip


def make(source: ModelSource, rule: EngineRule) -> Engine:
    """Return the engine for a model.

    Where "auto" meets a model that cannot be converted, it says so in the log and takes PyTorch;
    where one does not bear numbers of 8 bits, it says so and takes OpenVINO's floating point.
    Raises EngineMissingError, ModelNotFoundError, WrongWeightsError, UnfaithfulEngineError, and
    ConversionError where OpenVINO is asked for.
    """
    chosen = _chosen(rule)
    if rule.numbers != "auto" and chosen != "openvino":
        raise EngineMissingError(f"openvino_numbers is for the engine openvino, not {chosen}")
    if chosen == "cuda":
        return _cuda(source, rule)
    if chosen == "torch":
        return _torch(source, rule)
    try:
        return _openvino(source, rule)
    except ConversionError as error:
        if rule.wanted == "openvino" or rule.numbers != "auto":
            raise
        _log.warning("model_not_converted", instead="torch", reason=str(error))
        return _torch(source, rule)


# What is not used is not loaded: PyTorch alone takes as much memory as all the rest.
def _torch(source: ModelSource, rule: EngineRule) -> Engine:
    from simsvc.embed.torch_engine import TorchEngine  # noqa: PLC0415

    return TorchEngine(source, rule.max_windows, rule.dtype, rule.threads, rule.budget)


def _cuda(source: ModelSource, rule: EngineRule) -> Engine:
    import torch  # noqa: PLC0415

    from simsvc.embed.torch_engine import Processor, TorchEngine  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise EngineMissingError("PyTorch finds no CUDA device")
    half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return TorchEngine(
        source, rule.max_windows, "float32", rule.threads, rule.budget,
        Processor("cuda", half),
    )  # fmt: skip


def _openvino(source: ModelSource, rule: EngineRule) -> Engine:
    from simsvc.embed.openvino_engine import Numbers, OpenVinoEngine  # noqa: PLC0415

    sha256 = weights_sha256(local_folder(source))
    verify(source, sha256)
    converted = converted_model(source, sha256, rule.cache)
    # A model whose products cannot be rounded is computed as if there were no VNNI.
    there = flags() if converted.facts.group else flags() - _VNNI

    def engine(format_: Format) -> Engine:
        numbers = Numbers(format_, attention_bf16=bool(_BF16 & there))
        return OpenVinoEngine(converted, rule.max_windows, numbers, rule.threads, rule.budget)

    if rule.numbers != "auto":
        return engine(_possible(rule.numbers, there))
    try:
        return engine(fastest(there))
    except UnfaithfulEngineError as error:
        if fastest(there) != "int8":
            raise
        _log.warning("model_not_rounded", instead=floating(there), reason=str(error))
        return engine(floating(there))


def fastest(there: Set[str]) -> Format:
    """Return the number format that a processor with these features computes a model in fastest.

    OpenVINO's rounding as it computes makes no use of AMX, which multiplies bf16 in tiles.
    """
    return "int8" if _VNNI & there and not _AMX & there else floating(there)


def floating(there: Set[str]) -> Format:
    """Return the fastest format that rounds no weights to 8 bits."""
    return "bf16" if _BF16 & there else "f32"


def _possible(wanted: Format, there: Set[str]) -> Format:
    needed = {"int8": _VNNI, "bf16": _BF16}.get(wanted)
    if needed is not None and not needed & there:
        raise EngineMissingError(f"{wanted} is not for this processor ({sorted(needed)}) or model")
    return wanted


def _chosen(rule: EngineRule) -> str:
    installed = importlib.util.find_spec("openvino") is not None
    if rule.wanted == "openvino" and not installed:
        raise EngineMissingError("openvino is not installed: pip install 'simsvc[openvino]'")
    if rule.wanted == "openvino" and rule.dtype != "float32":
        raise EngineMissingError("model_dtype is for the engine torch")
    if rule.wanted == "cuda" and rule.dtype != "float32":
        raise EngineMissingError("model_dtype is for the engine torch")
    if rule.wanted != "auto":
        return rule.wanted
    if rule.dtype != "float32":
        return "torch"
    if _cuda_there():
        return "cuda"
    return "openvino" if installed else "torch"


def _cuda_there() -> bool:
    if not _NVIDIA.exists():
        return False  # Without loading PyTorch to ask it.
    import torch  # noqa: PLC0415

    return torch.cuda.is_available()
