"""Segments in files: written once, never changed, checked when read."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.index.ann import Ann
from simsvc.index.block import Block
from simsvc.index.hot import HotSegment
from simsvc.index.inverted import Half, InvertedFile
from simsvc.index.sealed import SealedSegment
from simsvc.ports.index import Rows, Vectors

ROWS, VECTORS = "rows.npy", "vectors.npy"
ANN, DIRECTIONS = "ann.faiss", "directions.npy"


def write_sealed(
    folder: Path, ordinal: int, rows: Rows, vectors: Vectors | Half, ann: Ann | None
) -> SealedSegment:
    """Write a sealed segment into a folder, and return it with its vectors memory-mapped."""

    def fill(temporary: Path) -> None:
        _write_block(temporary, rows, vectors)
        if ann is not None:
            _write_inverted(temporary, ann.file)

    _write_folder(folder, fill)
    return _sealed(folder, ordinal, rows.copy(), ann)


def read_sealed(folder: Path, ordinal: int, visits: tuple[int, ...]) -> SealedSegment:
    """Read a sealed segment; `visits` (see `Ann`) is empty if it has no inverted file."""
    ann = Ann(_read_inverted(folder), visits) if visits else None
    return _sealed(folder, ordinal, np.load(folder / ROWS), ann)


def _sealed(folder: Path, ordinal: int, rows: Rows, ann: Ann | None) -> SealedSegment:
    half = np.load(folder / VECTORS, mmap_mode="r")
    times, seqs = rows["observed_at"], np.ascontiguousarray(rows["seq"])
    first, last = int(times.min()), int(times.max())
    return SealedSegment(ordinal, rows, seqs, half, ann, folder, first, last, len(rows))


def write_hot(folder: Path, block: Block) -> None:
    """Write the rows that a hot segment had at one moment."""
    _write_folder(folder, lambda temporary: _write_block(temporary, block.rows, block.vectors))


def read_hot(folder: Path, bucket: int, ordinal: int, dimension: int) -> HotSegment:
    """Read a hot segment, ready to grow."""
    hot = HotSegment(bucket, ordinal, dimension)
    hot.append(np.load(folder / ROWS), np.load(folder / VECTORS).astype(np.float32))
    return hot


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder."""
    sums = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves either the old or the new one, whole."""
    temporary = path.with_name(path.name + ".tmp")
    _write_file(temporary, lambda file: file.write(data))
    temporary.replace(path)
    _sync(path.parent)


def _write_inverted(folder: Path, file: InvertedFile) -> None:
    _write_file(folder / ANN, lambda to: _write_index(file.index, to))
    if file.directions is not None:
        _save(folder / DIRECTIONS, file.directions)


def _write_index(index: Any, file: _Plain) -> None:
    # An error of `write` comes out as it is.
    faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def _read_inverted(folder: Path) -> InvertedFile:
    path = folder / DIRECTIONS
    directions = np.load(path) if path.exists() else None
    return InvertedFile(faiss.read_index(str(folder / ANN)), directions)


def _write_block(folder: Path, rows: Rows, vectors: Vectors | Half) -> None:
    _save(folder / ROWS, rows)
    _save(folder / VECTORS, vectors.astype(np.float16, copy=False))


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    _write_file(path, lambda file: np.save(file, array))


class _Plain:
    """A file that has nothing but `write`.

    To a real one, and to a path, NumPy and FAISS write with a buffer of their own, and where its
    last bytes do not fit they say nothing of it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def _write_file(path: Path, fill: Callable[[_Plain], object]) -> None:
    """Write a file durably; OSError if not all of it is there."""
    with path.open("wb") as file:
        fill(_Plain(file))
        file.flush()
        os.fsync(file.fileno())


def _write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    temporary = folder.with_name(folder.name + ".tmp")
    _remove(temporary, folder)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        _sync(temporary)
        temporary.rename(folder)
        _sync(folder.parent)
    except BaseException:
        # No manifest would ever name it, and where the disk is full it keeps it full.
        _remove(temporary, folder)
        raise


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
