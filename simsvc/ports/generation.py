"""The name of a generation: everything that decides whether two vectors may be compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from simsvc.ports.embedder import ModelInfo


def generation_id(model: ModelInfo) -> str:
    """Return a name that is equal for equal models and preprocessing only."""
    # The folder that a model was loaded from does not change its vectors.
    facts = {key: value for key, value in asdict(model).items() if key != "model"}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return f"gen-{digest[:16]}"
