"""What products of 8-bit numbers are given, evened out between channels.

Some channels of a layer norm are many times as large as others, and the largest of a group sets the
step that all of it is rounded by. Each channel is divided by a factor and its weights are
multiplied by it, so that the product is what it was and the channels are nearer to each other:
SmoothQuant (Xiao et al. 2023, arXiv 2211.10438, equation 4), with other than weights' products
given what they were given before. Channels are measured on samples. They say only where steps are
fine: a number beyond what a sample held is not cut off, since OpenVINO rounds by what comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simsvc.embed.quantised import weights_of
from simsvc.embed.quiet import ops, ov

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
# How much of the difficulty goes to the weights. .6 and .7 are as near to float32 with the bundled
# model, .5 and .4 are not.
_MIGRATION = 0.65


def smooth(model: Any, samples: Sequence[Sequence[Ints]]) -> bool:
    """Even out the layer norms whose output is multiplied with weights, in place.

    Each sample holds an array for each input of the model. Returns whether there was any.
    """
    norms = _norms(model)
    if not norms:
        return False
    for norm, tops in zip(norms, _tops(model, norms, samples), strict=True):
        _even(norm, tops)
    model.validate_nodes_and_infer_types()
    return True


@dataclass(frozen=True, slots=True)
class _Norm:
    """A layer norm's last two steps (times `slope`, plus `shift`) and who takes what it makes."""

    slope: Any
    shift: Any
    products: Sequence[Any]
    others: Sequence[Any]


def _norms(model: Any) -> list[_Norm]:
    found = []
    for shift in model.get_ordered_ops():
        if shift.get_type_name() != "Add":
            continue
        slope = shift.input_value(0).get_node()
        normal = slope.get_type_name() == "Multiply" and slope.input_value(0).get_node()
        if not normal or normal.get_type_name() != "MVN":
            continue
        users = list(shift.output(0).get_target_inputs())
        products = [u.get_node() for u in users if weights_of(u.get_node()) is not None]
        others = [u for u in users if weights_of(u.get_node()) is None]
        if products and _constant(slope) and _constant(shift):
            found.append(_Norm(slope, shift, products, others))
    return found


def _constant(step: Any) -> bool:
    source = step.input_value(1).get_node()
    return bool(source.get_type_name() == "Constant" and source.get_element_type() == ov.Type.f32)


def _tops(
    model: Any, norms: Sequence[_Norm], samples: Sequence[Sequence[Ints]]
) -> npt.NDArray[np.float32]:
    """Return the largest number (n, channels) that n layer norms make in each channel."""
    watched = model.clone()
    nodes = {node.get_friendly_name(): node for node in watched.get_ops()}
    added = watched.add_outputs([nodes[n.shift.get_friendly_name()].output(0) for n in norms])
    compiled = ov.Core().compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    first = len(compiled.outputs) - len(added)
    tops: list[Floats] = []
    for sample in samples:
        made = compiled(list(sample))
        states = [made[first + i] for i in range(len(added))]
        tops.append(np.stack([np.abs(s).reshape(-1, s.shape[-1]).max(axis=0) for s in states]))
    largest: Floats = np.max(tops, axis=0)
    return largest


def _even(norm: _Norm, tops: Floats) -> None:
    weights = [weights_of(product) for product in norm.products]
    matrices = [w for w in weights if w is not None]
    heaviest = np.max([np.abs(w).max(axis=0) for w in matrices], axis=0)
    used = (tops > 0) & (heaviest > 0)
    factors = np.ones(len(tops), np.float32)
    factors[used] = tops[used] ** _MIGRATION / heaviest[used] ** (1 - _MIGRATION)
    for step in (norm.slope, norm.shift):
        before = step.input_value(1).get_node().get_data()
        _replace(step.input(1), before / factors)
    for product, matrix in zip(norm.products, matrices, strict=True):
        _replace(product.input(1), matrix * factors)
    if norm.others:
        restored = ops.multiply(norm.shift.output(0), ops.constant(factors))
        for user in norm.others:
            user.replace_source_output(restored.output(0))


def _replace(place: Any, values: Floats) -> None:
    place.replace_source_output(ops.constant(values.astype(np.float32)).output(0))
