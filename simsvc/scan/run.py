"""One scan, from a file to a report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from simsvc.assembly import (
    make_campaign_book,
    make_detector,
    make_engine,
    make_family_assigner,
    make_index,
)
from simsvc.core.views import Dissector
from simsvc.domain.calibration import Calibration
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import Prompt
from simsvc.domain.pseudonyms import Keyring
from simsvc.embed.engine import Engine
from simsvc.embed.store import EmbeddingStore
from simsvc.ports.generation import generation_id
from simsvc.scan.events import BadLine
from simsvc.scan.pipeline import Parts, detect, take_in
from simsvc.scan.report import report_of
from simsvc.settings import Settings

# Nothing that is hashed leaves the process.
_KEYRING = Keyring({"scan": b"\1" * 32}, "scan")
Progress = Callable[[str, int, int], None]


def scan(
    events: Iterable[Prompt | BadLine],
    settings: Settings,
    cache_dir: Path,
    progress: Progress,
    calibration: Calibration | None = None,
) -> dict[str, Any]:
    """Find the campaigns in events; `progress` is told the phase, and how much of it is done."""
    intake = take_in(events, Dissector(_KEYRING, FrameRule()))
    engine = cache(lambda: _engine(settings))
    info = engine().info
    store = EmbeddingStore(cache_dir, generation_id(info))
    try:
        embeddings = store.embed(
            (a.payload for a in intake.arrivals), engine,
            lambda done, of: progress("Embedding", done, of),
        )  # fmt: skip
    finally:
        store.close()
    with (
        tempfile.TemporaryDirectory(prefix="simsvc-scan-") as folder,
        ThreadPoolExecutor(1) as pool,
    ):
        index = make_index(replace_data_dir(settings, Path(folder)), info, pool)
        used = calibration or Calibration()
        detector = make_detector(settings, index, used.thresholds)
        book = make_campaign_book(settings, info)
        parts = Parts(index, detector, book)
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            progress("Detecting", done, len(intake.arrivals))

        detect(intake.arrivals, embeddings, parts, make_family_assigner(settings, index), step)
        index.finish_sealing()
    return report_of(intake, book, used)


def replace_data_dir(settings: Settings, folder: Path) -> Settings:
    """Return settings that keep their files elsewhere."""
    return settings.model_copy(update={"data_dir": folder})


def _engine(settings: Settings) -> Engine:
    engine = make_engine(settings)
    engine.use_this_thread()
    return engine
