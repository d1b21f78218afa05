"""A window of the record through the detector, beside everything that serves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simsvc.assembly import make_campaign_book, make_detector, make_index
from simsvc.core.lifecycle import sightings_of
from simsvc.core.views import Dissector
from simsvc.domain.calibration import Calibration
from simsvc.domain.campaign import Campaign, CampaignState
from simsvc.domain.frames import FrameRule
from simsvc.keys import keyring
from simsvc.record.reading import RecordReader, Window
from simsvc.scan.pipeline import Parts, Ticker
from simsvc.settings import Settings

_BATCH = 64
# Of traffic time. A tick without news costs little.
_TICK_MICROSECONDS = 6 * 3_600_000_000


def detect_again(
    record: RecordReader, window: Window, settings: Settings, progress: Callable[[int], None]
) -> list[Campaign]:
    """Return the campaigns that the settings find in a window, the surest and largest first.

    Vectors, families and traces are those recorded; nothing is embedded or written. `progress` is
    told how many more prompts are replayed.
    """
    with tempfile.TemporaryDirectory(prefix="simsvc-detect-") as folder, ThreadPoolExecutor(1) as t:
        index = make_index(settings.model_copy(update={"data_dir": Path(folder)}), record.model, t)
        calibration = record.calibration() or Calibration()
        detector = make_detector(settings, index, calibration.thresholds)
        parts = Parts(index, detector, make_campaign_book(settings, record.model))
        if record.reference_sets():
            detector.library.load(record, _dissector(record, window, settings))
        ticker = Ticker(parts, _TICK_MICROSECONDS)
        for batch in record.replay_window(window, _BATCH):
            index.add(batch.rows, batch.vectors)
            detector.observe(list(sightings_of(batch)))
            progress(len(batch.rows))
            ticker.after(len(batch.rows))
        if window.prompts:
            ticker.last()
        index.finish_sealing()
    found = [c for c in parts.book.all() if c.state is not CampaignState.MERGED]
    return sorted(found, key=lambda c: (-c.confidence, -c.extent.accounts, c.campaign_id))


def _dissector(record: RecordReader, window: Window, settings: Settings) -> Dissector:
    """Return one that knows the frames of the window: allowed templates go by their names."""
    dissector = Dissector(keyring(settings), FrameRule())
    for batch in record.replay(0, window.last_seq, 4096, with_vectors=False):
        dissector.restore([(seen.trace, seen.actor) for seen in sightings_of(batch)])
    return dissector
