"""Channels evened out: the same numbers come out, and rounding costs less."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino")

from simsvc.embed.choice import fastest
from simsvc.embed.quantised import WIDE, quantise
from simsvc.embed.quiet import ops, ov
from simsvc.embed.smoothing import smooth
from simsvc.processor import flags

Floats = npt.NDArray[np.float32]
WIDTH, TOKENS, WORDS = 128, 40, 500
LOUD, SILENT = 7, 9


def model_of(slope: Floats, *, constant_shift: bool = True) -> Any:
    """Return embeddings, a layer norm, two products of it, and itself added to their sum."""
    rng = np.random.default_rng(0)
    ids = ops.parameter([1, -1], np.int64)
    embeddings = ops.constant(rng.standard_normal((WORDS, WIDTH)).astype(np.float32))
    states = ops.gather(embeddings, ids, ops.constant(np.int64(0)))
    normal = ops.mvn(
        states,
        ops.constant(np.array([2])),
        normalize_variance=True,
        eps=1e-6,
        eps_mode="INSIDE_SQRT",
    )
    shift = 0.1 * rng.standard_normal((1, 1, WIDTH)).astype(np.float32)
    shift[..., SILENT] = 0
    moved = ops.constant(shift) if constant_shift else ops.multiply(states, ops.constant(shift))
    norm = ops.add(ops.multiply(normal, ops.constant(slope.reshape(1, 1, -1))), moved)
    products = [
        ops.matmul(
            norm,
            ops.constant(rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 11),
            transpose_a=False,
            transpose_b=True,
        )
        for _ in range(2)
    ]
    return ov.Model([ops.add(ops.add(*products), norm)], [ids])


def loud() -> Floats:
    slope = np.ones(WIDTH, np.float32)
    slope[LOUD], slope[SILENT] = 60, 0
    return slope


def sample(seed: int) -> list[npt.NDArray[np.int64]]:
    return [np.random.default_rng(seed).integers(0, WORDS, (1, TOKENS))]


def computed(model: Any, inputs: list[npt.NDArray[np.int64]], group: int = 0) -> Floats:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": group}
    result: Floats = ov.Core().compile_model(model, "CPU", exact)(inputs)[0]
    return result


def test_what_comes_out_stays_the_same() -> None:
    model = model_of(loud())
    before = computed(model, sample(2))
    assert smooth(model, [sample(1)])
    np.testing.assert_allclose(computed(model, sample(2)), before, rtol=1e-4, atol=1e-4)
    assert len(model.outputs) == 1


@pytest.mark.skipif(fastest(flags()) != "int8", reason="rounds as it computes only with VNNI")
def test_rounded_products_are_nearer_to_the_exact_ones() -> None:
    plain, evened = model_of(loud()), model_of(loud())
    exact = computed(plain, sample(2))
    smooth(evened, [sample(1)])
    off = []
    for model in (plain, evened):
        group = quantise(model, WIDE)
        off.append(np.abs(computed(model, sample(2), group) - exact).mean())
    assert off[1] < 0.6 * off[0]


def test_a_model_without_such_a_norm_stays() -> None:
    model = model_of(loud(), constant_shift=False)
    before = computed(model, sample(2))
    assert not smooth(model, [sample(1)])
    np.testing.assert_array_equal(computed(model, sample(2)), before)
