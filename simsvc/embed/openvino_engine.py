"""The model in OpenVINO: in the numbers that the processor multiplies fastest, prompts packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from simsvc.domain.windows import normalised
from simsvc.embed import fidelity
from simsvc.embed.converted import NETWORK, QUANTISED, TOKENIZER, Converted
from simsvc.embed.cutting import Cutter, tokens_of
from simsvc.embed.engine import Cut, Encoded, Format, Window
from simsvc.embed.lexical import LEXICAL
from simsvc.embed.packing import pack, pack_rows
from simsvc.embed.quantised import halve_attention
from simsvc.embed.quiet import ov
from simsvc.niceness import COMPUTE, yield_to_others
from simsvc.ports.embedder import ModelInfo

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]
_Take = Callable[[_Floats, list[int]], None]
# Short rows keep attention cheap, and each size is a compiled model of its own, of 40 MB and more:
# weights of 8 bits leave room for one more. What is longer goes into rows of a whole window.
_ROW = 256
_SHORT = 128
# A single row is cut to its length, rounded up: a shape that is new has to be compiled.
_STEP = 16
_PADDING = -1
# Passes begun for each core: one computes, and those that ended wait for one before them.
_BEGUN = 3


@dataclass(frozen=True, slots=True)
class Numbers:
    """What products are computed in. "int8" is for weights; attention is then in bf16 or not."""

    format: Format
    attention_bf16: bool = False


class OpenVinoEngine:
    """A converted model. Vectors agree with float32's, or it does not start.

    A few prompts go through both cores at once, for the least latency; more through one stream a
    core, for the most throughput.
    """

    def __init__(
        self, converted: Converted, max_windows: int, numbers: Numbers, threads: int, budget: int
    ) -> None:
        facts = converted.facts
        tokenizer = Tokenizer.from_file(str(converted.folder / TOKENIZER))
        tokenise, _ = tokens_of(tokenizer)
        self._cutter = Cutter(tokenise, facts.unknown, facts.window, max_windows)
        self._facts = facts
        self._numbers = numbers
        self._budget = budget
        self._idle: dict[int, SimpleQueue[Any]] = {}
        self._last: Future[None] | None = None
        self._error: BaseException | None = None
        self._special = len(facts.prefix) + len(facts.suffix)
        longest = facts.window + self._special
        short = {_SHORT, _ROW} if numbers.format == "int8" else {_ROW}
        self._rows = tuple(sorted({min(row, longest) for row in short} | {longest}))
        # What fits into one row is computed at once.
        self._at_once = min(_ROW, longest)
        # What OpenVINO's threads have computed is taken up by one that is not as nice as they are:
        # one that held the interpreter's lock while others had the cores would stop all of Python.
        self._taking = ThreadPoolExecutor(1, "embedded")
        # OpenVINO's threads are started here, and are as nice as who starts them.
        with ThreadPoolExecutor(1, initializer=yield_to_others, initargs=(COMPUTE,)) as nice:
            nice.submit(self._compile, converted.folder, threads).result()
        self._info = ModelInfo(
            model=facts.name,
            sha256=facts.sha256,
            dimension=facts.dimension,
            window_tokens=facts.window,
            max_windows=max_windows,
            # What its vectors may be compared with: see `fidelity`.
            dtype="float32",
            lexical=LEXICAL,
        )
        self.agreement = fidelity.check(self, converted.reference())

    @property
    def info(self) -> ModelInfo:
        """See `Engine.info`."""
        return self._info

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return f"openvino {self._numbers.format}{' packed' if self._facts.packed else ''}"

    def use_this_thread(self) -> None:
        """See `Engine.use_this_thread`. OpenVINO has threads of its own."""

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """See `Engine.cut`."""
        return self._cutter.cut(texts)

    def encode(self, windows: Sequence[Window]) -> Encoded:
        """See `Engine.encode`."""
        made: list[Encoded] = []
        self.start(windows, made.append)
        self.finish()
        return made[0]

    def start(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        """See `Engine.start`."""
        self._raise_what_failed()
        if not windows:
            done(Encoded(np.empty((0, self._facts.dimension), np.float32), 0, 0))
            return
        tokens = [[*self._facts.prefix, *w.ids, *self._facts.suffix] for w in windows]
        work = self._packed(tokens) if self._facts.packed else self._padded(tokens)
        self._run(work, done)

    def finish(self) -> None:
        """See `Engine.finish`."""
        self._wait()
        self._raise_what_failed()

    def _compile(self, folder: Path, threads: int) -> None:
        core = ov.Core()
        model, common = self._network(core, folder)
        common["INFERENCE_NUM_THREADS"] = threads
        quick = {"PERFORMANCE_HINT": "LATENCY", **common}
        # One stream a core.
        full = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": threads, **common}
        self._quick = core.compile_model(model, "CPU", quick).create_infer_request()
        if not self._facts.packed:
            self._idle[0] = _passes(core.compile_model(model, "CPU", full), _BEGUN * threads)
            return
        for row in self._rows:
            model.reshape({place: [1, row] for place in range(len(model.inputs))})
            self._idle[row] = _passes(core.compile_model(model, "CPU", full), _BEGUN * threads)

    def _network(self, core: Any, folder: Path) -> tuple[Any, dict[str, Any]]:
        """Return the network, and how it is to be computed."""
        if self._numbers.format != "int8":
            whole = core.read_model(folder / NETWORK)
            return whole, {"INFERENCE_PRECISION_HINT": self._numbers.format}
        model = core.read_model(folder / QUANTISED)
        if self._numbers.attention_bf16:
            halve_attention(model)
        # OpenVINO rounds what comes in single precision, and nothing else.
        rounding = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": self._facts.group}
        return model, {"INFERENCE_PRECISION_HINT": "f32", **rounding}

    def _packed(self, tokens: Sequence[Sequence[int]]) -> _Work:
        """Lay prompts end to end in rows."""
        lengths = [len(t) for t in tokens]
        total = sum(lengths)
        # In a row of its own length.
        rows = (
            pack_rows(lengths, self._rows)
            if total > self._at_once
            else [(-(-total // _STEP) * _STEP, list(range(len(tokens))))]
        )
        jobs = [
            _Job(size if len(rows) > 1 else 0, _inputs([tokens[i] for i in r], size), r)
            for size, r in rows
        ]
        return _Work(jobs, lengths, sum(size for size, _ in rows))

    def _pool(self, states: _Floats, lengths: Sequence[int]) -> _Floats:
        """Return the vectors (m, d) of m prompts that lie end to end in the states (n, d)."""
        counts = np.asarray(lengths, np.int64)
        starts = np.cumsum(counts) - counts
        if self._facts.pooling == "cls":
            firsts: _Floats = states[starts].copy()
            return firsts
        sums = np.add.reduceat(states[: counts.sum()], starts, axis=0)
        means: _Floats = (sums / counts[:, None]).astype(np.float32)
        return means

    def _padded(self, tokens: Sequence[Sequence[int]]) -> _Work:
        """Lay prompts of a model that cannot be packed: sorted by length, one a row."""
        lengths = [len(t) for t in tokens]
        jobs = []
        computed = 0
        for batch in pack(lengths, self._budget):
            width = max(lengths[i] for i in batch)
            ids = np.full((len(batch), width), self._facts.padding, np.int64)
            mask = np.zeros((len(batch), width), np.int64)
            for place, i in enumerate(batch):
                ids[place, : lengths[i]] = tokens[i]
                mask[place, : lengths[i]] = 1
            jobs.append(_Job(0, (ids, mask), batch))
            computed += ids.size
        return _Work(jobs, lengths, computed)

    def _run(self, work: _Work, done: Callable[[Encoded], None]) -> None:
        """Compute passes, and hand over what they came to after the last of them."""
        vectors = np.empty((len(work.lengths), self._facts.dimension), np.float32)
        ended = count(1)

        def take(states: _Floats, places: list[int]) -> None:
            lengths = [work.lengths[i] for i in places]
            vectors[places] = self._pool(states[0], lengths) if self._facts.packed else states
            if next(ended) == len(work.jobs):
                done(Encoded(normalised(vectors), len(work.jobs), work.computed))

        if len(work.jobs) == 1 and work.jobs[0].row == 0:
            # It would take the cores from those that came before.
            self._wait()
            _fill(self._quick, work.jobs[0].inputs)
            self._quick.infer()
            take(self._quick.get_output_tensor(0).data, work.jobs[0].places)
            return
        for job in work.jobs:
            request = self._idle[job.row].get()
            _fill(request, job.inputs)
            request.start_async()
            self._last = self._taking.submit(self._take, request, job, take)

    def _wait(self) -> None:
        """Wait until what was started is taken up, which is one after the other."""
        if self._last is not None:
            self._last.result()

    def _take(self, request: Any, job: _Job, take: _Take) -> None:
        """Wait for a pass, and take what it came to."""
        try:
            request.wait()
            take(request.get_output_tensor(0).data, job.places)
        except BaseException as error:  # noqa: BLE001 - the model's thread raises it
            self._error = error
        finally:
            self._idle[job.row].put(request)

    def _raise_what_failed(self) -> None:
        if self._error is not None:
            raise self._error


@dataclass(frozen=True, slots=True)
class _Job:
    """A pass: the row that it goes into (0: any shape), inputs, and the places of its prompts."""

    row: int
    inputs: tuple[_Ints, ...]
    places: list[int]


@dataclass(frozen=True, slots=True)
class _Work:
    """The passes that some prompts take, the prompts' tokens, and all tokens in the passes."""

    jobs: Sequence[_Job]
    lengths: Sequence[int]
    computed: int


def _passes(compiled: Any, requests: int) -> SimpleQueue[Any]:
    """Return what passes may be computed in, as many at once."""
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(requests):
        idle.put(compiled.create_infer_request())
    return idle


def _fill(request: Any, inputs: Sequence[_Ints]) -> None:
    """Write inputs where a pass reads them; to hand them over takes twice as long."""
    for place, values in enumerate(inputs):
        tensor = request.get_input_tensor(place)
        if tuple(tensor.shape) != values.shape:
            tensor.shape = values.shape
        tensor.data[:] = values


def _inputs(tokens: Sequence[Sequence[int]], width: int) -> tuple[_Ints, _Ints, _Ints]:
    """Return ids, numbers of the prompts and places within them, each (1, width)."""
    ids = np.zeros((1, width), np.int64)
    segments = np.full((1, width), _PADDING, np.int64)
    positions = np.zeros((1, width), np.int64)
    start = 0
    for number, one in enumerate(tokens):
        end = start + len(one)
        ids[0, start:end] = one
        segments[0, start:end] = number
        positions[0, start:end] = np.arange(len(one))
        start = end
    return ids, segments, positions
