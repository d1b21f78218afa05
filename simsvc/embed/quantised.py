"""Products of 8-bit numbers, which processors with VNNI multiply faster than bf16.

Weights are rounded once, in groups of numbers with a scale each. OpenVINO rounds what they are
multiplied with as it computes, every token's numbers in groups of the same size, each by its own
largest: no token depends on another, and a number that sticks out costs the precision of its group
alone. Attention, which has no weights, is not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from simsvc.embed.quiet import ops, ov

# The wider, the faster (384 is a twentieth faster than 128, 64 a twelfth slower, 32 as slow as
# bf16), and the coarser: the wide ones are for channels near each other, see `smoothing`.
WIDE, NARROW = (512, 384, 256, 128), (128,)
_TOP = 127
_ZERO = 128


def quantise(model: Any, groups: Sequence[int]) -> int:
    """Round the weights of a model's products to 8 bits, in place; return the group taken.

    It is the first that divides the rows of all weights. Nothing is done, and 0 returned, where
    there is none, or there are no weights: with products in float32 among them a model may be
    slower than in bf16.
    """
    products = [(node, weights_of(node)) for node in model.get_ordered_ops()]
    found = [(node, weights) for node, weights in products if weights is not None]
    fitting = (g for g in groups if not any(weights.shape[1] % g for _, weights in found))
    group = next(fitting, 0) if found else 0
    if group:
        for node, weights in found:
            node.input(1).replace_source_output(_rounded(weights, group).output(0))
        model.validate_nodes_and_infer_types()
    return group


def halve_attention(model: Any) -> None:
    """Compute attention in bf16, in place, and the rest as before: where a processor has bf16."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "ScaledDotProductAttention":
            continue
        for value in node.inputs():
            source = value.get_source_output()
            if source.get_element_type() == ov.Type.f32:
                value.replace_source_output(ops.convert(source, "bf16").output(0))
        users = list(node.output(0).get_target_inputs())
        whole = ops.convert(node.output(0), "f32")
        for user in users:
            user.replace_source_output(whole.output(0))
    model.validate_nodes_and_infer_types()


def weights_of(node: Any) -> npt.NDArray[np.float32] | None:
    """Return the weights (outputs, inputs) of a product; None of other operations."""
    if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
        return None
    source = node.input_value(1).get_node()
    if source.get_type_name() != "Constant" or source.get_element_type() != ov.Type.f32:
        return None
    weights: npt.NDArray[np.float32] = source.get_data()
    return weights if weights.ndim == 2 else None


def _rounded(weights: npt.NDArray[np.float32], group: int) -> Any:
    """Return the operations that make weights again: what OpenVINO knows for rounded ones."""
    groups = weights.reshape(len(weights), -1, group)
    tops = np.abs(groups).max(axis=-1, keepdims=True)
    scales = np.where(tops > 0, tops / _TOP, 1).astype(np.float32)
    numbers = (np.rint(groups / scales) + _ZERO).astype(np.uint8)
    zeros = np.full(scales.shape, _ZERO, np.uint8)
    centred = ops.subtract(_as_float(numbers), _as_float(zeros))
    made = ops.multiply(centred, ops.constant(scales))
    return ops.reshape(made, ops.constant(np.array(weights.shape, np.int64)), special_zero=False)


def _as_float(numbers: npt.NDArray[np.uint8]) -> Any:
    return ops.convert(ops.constant(numbers), "f32")
