"""Weights rounded to 8 bits: near what they were, and only where that can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino")

from simsvc.embed.quantised import NARROW, WIDE, halve_attention, quantise
from simsvc.embed.quiet import ops, ov

Floats = npt.NDArray[np.float32]
GROUP = NARROW[0]


def product(weights: Floats) -> Any:
    """Return a model that multiplies rows with weights (outputs, inputs)."""
    rows = ops.parameter([-1, weights.shape[1]], np.float32)
    made = ops.matmul(rows, ops.constant(weights), transpose_a=False, transpose_b=True)
    return ov.Model([made], [rows])


def attention() -> Any:
    """Return a model that attends: queries, keys and values (1, 2, n, 32)."""
    inputs = [ops.parameter([1, 2, -1, 32], np.float32) for _ in range(3)]
    made = ops.scaled_dot_product_attention(*inputs)
    return ov.Model([made], inputs)


def computed(model: Any, *inputs: Floats) -> Floats:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = ov.Core().compile_model(model, "CPU", exact)
    result: Floats = compiled(list(inputs))[0]
    return result


def test_weights_are_off_by_half_a_step_at_most() -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((6, 3 * GROUP)).astype(np.float32)
    weights[2, GROUP : 2 * GROUP] = 0
    weights[3, 5] = 90
    model = product(weights)
    assert quantise(model, NARROW) == GROUP
    made = computed(model, np.eye(3 * GROUP, dtype=np.float32)).T
    steps = np.abs(weights.reshape(6, 3, GROUP)).max(axis=2) / 127
    off = np.abs(made - weights).reshape(6, 3, GROUP)
    assert (off <= steps[:, :, None] / 2 + 1e-5).all()
    # The number that sticks out costs its own group alone.
    assert off[3, 0].max() > 0.1
    assert off[3, 1:].max() < 0.02
    assert off.max() > 0


@pytest.mark.parametrize("inputs", [GROUP + 16, 8])
def test_a_model_with_rows_that_are_no_multiple_of_a_group_stays(inputs: int) -> None:
    weights = np.random.default_rng(1).standard_normal((4, inputs)).astype(np.float32)
    model = product(weights)
    assert not quantise(model, WIDE)
    np.testing.assert_array_equal(computed(model, np.eye(inputs, dtype=np.float32)).T, weights)


@pytest.mark.parametrize(("inputs", "group"), [(384, 384), (1024, 512), (1536, 512), (640, 128)])
def test_the_widest_group_that_divides_all_rows_is_taken(inputs: int, group: int) -> None:
    weights = np.random.default_rng(3).standard_normal((4, inputs)).astype(np.float32)
    assert quantise(product(weights), WIDE) == group


def test_a_model_without_weights_is_not_rounded() -> None:
    assert not quantise(attention(), WIDE)


def test_attention_in_half_is_nearly_the_same() -> None:
    rng = np.random.default_rng(2)
    inputs = [rng.standard_normal((1, 2, 40, 32)).astype(np.float32) for _ in range(3)]
    model = attention()
    whole = computed(model, *inputs)
    halve_attention(model)
    [attends] = [n for n in model.get_ops() if n.get_type_name() == "ScaledDotProductAttention"]
    assert attends.get_output_element_type(0) == ov.Type.bf16
    assert model.outputs[0].get_element_type() == ov.Type.f32
    np.testing.assert_allclose(computed(model, *inputs), whole, atol=0.02)
