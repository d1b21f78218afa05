"""One generation looked at as a whole, and looked at again before anything is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from indexer.verifying.faults import CHECKED, Checked
from indexer.verifying.snapshots import IndexChecked, check_snapshot
from indexer.verifying.vectors import check_vectors
from simsvc.core.clock import SystemClock
from simsvc.domain.generation import GenerationState, JobKind, JobState
from simsvc.domain.prompt import MICROSECONDS
from simsvc.index.snapshot import MANIFEST
from simsvc.ports.generation import Generation
from simsvc.record.catalogue import SqlCatalogue
from simsvc.record.checks import RecordChecks
from simsvc.record.jobs import SqlJobs
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings

# A snapshot may be replaced during every look, where they come fast and the index is large.
_LOOKS = 5
# A server lets go of a generation some seconds after another one took over.
_LETS_GO = 60 * MICROSECONDS


class Checker:
    """Checks generations of a record. It changes nothing."""

    def __init__(
        self,
        settings: Settings,
        catalogue: SqlCatalogue,
        jobs: SqlJobs,
        record_of: Callable[[Generation], SqlRecord],
    ) -> None:
        self.catalogue = catalogue
        self._settings = settings
        self._jobs = jobs
        self._record_of = record_of

    def generations(self) -> list[Generation]:
        """Return those that are to be whole: they answer, are ready to, or did."""
        return [g for g in self.catalogue.generations() if g.state in CHECKED]

    def check(self, generation: Generation) -> Checked:
        """Check a generation. Faults are those that a second look has found too.

        UnavailableError or OSError where the record or a file cannot be read.
        """
        found = self._look(generation)
        for _ in range(_LOOKS):
            if not found.faults:
                break
            now = self.catalogue.generation(generation.generation_id)
            if now is None or now.state not in CHECKED:
                return Checked(generation, found.prompts, None, (), ("deleted meanwhile",))
            before = self._stamp(now)
            found = self._look(now)
            if self._stamp(now) == before:
                break
        return found

    def index(self, generation: Generation) -> IndexChecked:
        """Check a generation's index alone, once."""
        now = SystemClock().now()
        bucket = int(self._settings.segment_span * MICROSECONDS)
        cutoff = (now - int(self._settings.retention * MICROSECONDS)) // bucket * bucket
        return check_snapshot(
            self.checks(generation),
            generation,
            self.folder(generation),
            cutoff,
            in_use=self.in_use(generation),
        )

    def checks(self, generation: Generation) -> RecordChecks:
        """Return the checks of the record as a generation sees it."""
        return RecordChecks(self._record_of(generation))

    def folder(self, generation: Generation) -> Path:
        """Return where a generation's index lies."""
        return self._settings.data_dir / "index" / generation.generation_id

    def in_use(self, generation: Generation) -> bool:
        """Return whether a server has loaded a generation, and may write to its index."""
        if not self.checks(generation).has_server():
            return False
        if generation.state is GenerationState.SERVING:
            return True
        loading = any(
            job.kind is JobKind.ACTIVATE and job.generation_id == generation.generation_id
            for job in self._jobs.jobs(JobState.RUNNING)
        )
        return loading or SystemClock().now() - generation.served_until < _LETS_GO

    def _look(self, generation: Generation) -> Checked:
        checks = self.checks(generation)
        faults = check_vectors(checks, generation)
        index = self.index(generation)
        return Checked(
            generation,
            checks.prompts(),
            index.checkpoint,
            (*faults, *index.faults),
            tuple(index.notes),
        )

    def _stamp(self, generation: Generation) -> tuple[object, ...]:
        """Return what is another one if the generation was changed under a look."""
        now = self.catalogue.generation(generation.generation_id)
        try:
            manifest = (self.folder(generation) / MANIFEST).read_bytes()
        except FileNotFoundError:
            manifest = b""
        return (now.state if now else None, now.placed if now else 0, manifest)
