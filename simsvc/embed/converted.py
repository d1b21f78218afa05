"""A model converted for OpenVINO, in a folder. Reading one needs no PyTorch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import structlog

from simsvc.embed.weights import ModelSource, verify

# Part of the name of a conversion: raise it with any change to what `conversion` writes.
FORMAT = 5
_log = structlog.get_logger()
FACTS, TOKENIZER, REFERENCE = "facts.json", "tokenizer.json", "reference.npy"
NETWORK, QUANTISED = "model.xml", "model-int8.xml"


class ConversionError(Exception):
    """The model could not be converted."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a converted model.

    `packed`: prompts may lie end to end in one row, told apart by `segments`; the output is then
    every token's state, pooled by `pooling`. Otherwise a row is one prompt, and the output its
    vector. `prefix` and `suffix` are the special tokens around a text. `group` is how many weights
    of 8 bits share a scale in the quantised network, 0 where there is none.
    """

    name: str
    sha256: str
    dimension: int
    window: int
    packed: bool
    pooling: Literal["mean", "cls"]
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    padding: int
    unknown: int | None
    group: int

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {k: tuple(values[k]) for k in ("prefix", "suffix")})


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted model's folder and facts."""

    folder: Path
    facts: Facts

    def reference(self) -> npt.NDArray[np.float32]:
        """Return the unit vectors (n, d) of the fixed texts, by PyTorch in float32."""
        loaded: npt.NDArray[np.float32] = np.load(self.folder / REFERENCE, allow_pickle=False)
        return loaded


def converted_model(source: ModelSource, sha256: str, cache: Path) -> Converted:
    """Return the conversion of a model with these weights, made in a process of its own if need be.

    So the process that serves never holds PyTorch in memory. Raises ConversionError.
    """
    folder = cache / _fingerprint(sha256)
    if not (folder / FACTS).is_file():
        _convert(source, folder)
    found = Converted(folder, Facts.from_json((folder / FACTS).read_text()))
    verify(source, found.facts.sha256)
    return found


def _fingerprint(sha256: str) -> str:
    return f"{sha256[:16]}-openvino-{version('openvino')}-{FORMAT}"


def _convert(source: ModelSource, folder: Path) -> None:
    """Convert into a folder beside, and move it into place: nobody sees half a model."""
    _log.info("model_converting", model=source.name, into=folder.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    command = [sys.executable, "-m", "simsvc.embed.conversion", source.location, source.name]
    try:
        done = subprocess.run(  # noqa: S603 - our own module.
            [*command, str(partial)], capture_output=True, text=True, check=False, env=os.environ
        )
        if done.returncode:
            raise ConversionError(f"{source.name}: {done.stderr.strip().splitlines()[-1:]}")
        if not folder.exists():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
