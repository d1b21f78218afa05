"""Texts embedded a second, by engine and batch size, beside sentence-transformers.

sentence-transformers cuts a text after 256 tokens, so what is compared with it embeds one window of
each text, which is the same. What the service embeds, all windows of a text, is a way of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import psutil
import typer

from benchmarks.curves import draw
from benchmarks.datasets import Share, read_shares
from benchmarks.machine import machine
from benchmarks.tables import facts, on, table
from simsvc.demo.traffic import generated_texts
from simsvc.domain.chunks import chunks
from simsvc.embed.choice import fastest, floating
from simsvc.embed.engine import Format
from simsvc.processor import flags

# A mix of what people ask: median about 25 tokens, and a long tail.
SHARES = [
    Share("sharegpt_v3", 1800, by_group=True),
    Share("autoj_user_queries", 700),
    Share("instructionwild", 400),
    Share("quora", 600),
    Share("msmarco_queries", 596),
]
SMALL, BULK = 32, 512
_SIZES = (1, 4, 16, 64, 256)
# The first texts, for the curve: enough to tell.
_CURVE = 256
_SIDE = 2048
# Weights of MiniLM's products, each used once a token: 6 layers of 4 x 384² and 2 x 384 x 1536.
_WEIGHTS = 6 * (4 * 384**2 + 2 * 384 * 1536)
_SPECIAL = 2
_REPEATS = 3
# Embeds texts part by part.
Encode = Callable[[Sequence[Sequence[str]]], npt.NDArray[np.float32]]


def _naive(dtype: str, batch: int) -> Encode:
    """`SentenceTransformer.encode` as anybody would call it."""
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from simsvc.embed.weights import BUNDLED, model_source  # noqa: PLC0415

    model = SentenceTransformer(model_source(BUNDLED, "").location, device="cpu")
    model = model.to(getattr(torch, dtype))

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        made = model.encode(list(texts), batch_size=batch, convert_to_tensor=True)
        vectors: npt.NDArray[np.float32] = made.float().cpu().numpy()
        return vectors

    return lambda parts: np.concatenate([encode(part) for part in parts])


def _ours(
    engine: Literal["torch", "openvino"],
    numbers: Literal["auto"] | Format,
    *,
    whole: bool = False,
) -> Encode:
    """Embed one window of each text, or all that the service would."""
    # Not `assembly`, which loads the detector too: its memory is not the embedder's.
    from simsvc.embed.choice import EngineRule, make  # noqa: PLC0415
    from simsvc.embed.passes import embed_parts  # noqa: PLC0415
    from simsvc.embed.weights import BUNDLED, model_source  # noqa: PLC0415
    from simsvc.settings import Settings  # noqa: PLC0415

    settings = Settings()
    cache = settings.model_cache.expanduser()
    cores = len(os.sched_getaffinity(0))
    windows, budget = settings.max_windows if whole else 1, settings.batch_tokens
    rule = EngineRule(engine, "float32", windows, cores, budget, cache, numbers)
    made = make(model_source(BUNDLED, ""), rule)
    made.use_this_thread()
    return lambda parts: np.stack([e.vector for e in embed_parts(made, parts)])


WAYS: dict[str, Callable[[], Encode]] = {
    "sentence-transformers float32": lambda: _naive("float32", SMALL),
    "sentence-transformers bfloat16": lambda: _naive("bfloat16", SMALL),
    "simsvc torch float32": lambda: _ours("torch", "auto"),
    f"simsvc openvino {floating(flags())}": lambda: _ours("openvino", floating(flags())),
}
if fastest(flags()) == "int8":
    WAYS["simsvc openvino int8"] = lambda: _ours("openvino", "int8")
WHOLE = f"simsvc openvino {fastest(flags())}, whole prompts"
WAYS[WHOLE] = lambda: _ours("openvino", fastest(flags()), whole=True)
NAIVE = "sentence-transformers float32"


def main(
    data: Annotated[Path | None, typer.Option(help="Folder with the prompt sets.")] = None,
    quick: Annotated[bool, typer.Option(help="An eighth of the texts.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    way: Annotated[str, typer.Option(hidden=True)] = "",
    texts_from: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure each way in a process of its own. Without --data: made-up texts."""
    if way and texts_from:
        _measure(way, json.loads(texts_from.read_text()), texts_from.with_suffix(".npy"))
        return
    texts = [p.text for p in read_shares(data, SHARES, 1)] if data else generated_texts(4096, 1)
    texts = texts[: len(texts) // 8] if quick else texts
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts))
        references: dict[str, npt.NDArray[np.float32]] = {}
        for name in WAYS:
            row, vectors = _in_a_process(name, path)
            rows.append(row | {"cosine": "", "least": ""})
            if name != WHOLE:
                # Of its own kind in float32: unknown scripts are not in the naive way.
                cosines = (vectors * references.setdefault(name.split()[0], vectors)).sum(axis=1)
                rows[-1] |= {"cosine": _round(cosines.mean()), "least": _round(cosines.min())}
    _compare(rows)
    curves = {row["way"]: list(zip(_SIZES, row.pop("curve"), strict=True)) for row in rows}
    result = {
        "machine": machine(), "texts": len(texts), "ways": rows, "curves": curves,
        "limit": _limit(texts, rows),
    }  # fmt: skip
    if plot:
        draw(curves, plot, "texts at once", "texts a second", log=True)
    print(json.dumps(result) if as_json else _table(result))


def _in_a_process(way: str, path: Path) -> tuple[dict[str, Any], npt.NDArray[np.float32]]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.embed", "--way", way]
    done = subprocess.run(
        [*command, "--texts-from", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{way}: {done.stderr}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row, np.load(path.with_suffix(".npy"))


def _measure(way: str, texts: list[str], out: Path) -> None:
    encode = WAYS[way]()
    encode([texts[:SMALL]])
    # These take a while: one run tells enough.
    repeats = _REPEATS if way.startswith("simsvc openvino") else 1
    row: dict[str, Any] = {"way": way}
    vectors = np.zeros((0, 0), np.float32)
    for name, size in (("batch 32", SMALL), ("bulk 512", BULK)):
        rates = []
        for _ in range(repeats):
            started = time.perf_counter()
            vectors = encode(list(chunks(texts, size)))
            rates.append(len(texts) / (time.perf_counter() - started))
        row[name] = round(median(rates), 1)
        row[f"{name} spread"] = round((max(rates) - min(rates)) / median(rates), 3)
    row["curve"] = [_rate(encode, texts[:_CURVE], size) for size in _SIZES]
    singles = texts[:200]
    seconds = []
    for text in singles:
        started = time.perf_counter()
        encode([[text]])
        seconds.append(time.perf_counter() - started)
    row["one text, ms"] = round(1000 * median(seconds), 2)
    row["RSS MiB"] = round(psutil.Process().memory_info().rss / 2**20)
    np.save(out, vectors)
    print(json.dumps(row))


def _limit(texts: Sequence[str], rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Compare what the model's matrix products need with what the processor can do."""
    from simsvc.assembly import make_engine  # noqa: PLC0415
    from simsvc.settings import Settings  # noqa: PLC0415

    engine = make_engine(Settings())
    cuts = engine.cut(texts)
    first = sum(min(cut.tokens, engine.info.window_tokens) + _SPECIAL for cut in cuts)
    tokens = first / len(texts)
    whole = sum(w.tokens + _SPECIAL for cut in cuts for w in cut.windows) / len(texts)
    need = 2 * _WEIGHTS * tokens / 1e9
    limit = {
        "tokens_a_text": round(tokens, 1),
        "tokens_a_whole_prompt": round(whole, 1),
        "gflop_a_text": round(need, 2),
    }
    for kind, peak in _peaks().items():
        ways = [row["bulk 512"] for row in rows if row["way"].endswith(f"openvino {kind}")]
        limit[f"{kind}_peak_gflop_per_s"] = round(peak)
        if ways:
            limit[f"best_{kind}_gflop_per_s"] = round(max(ways) * need)
            limit[f"share_of_{kind}_peak"] = round(max(ways) * need / peak, 2)
    return limit


def _peaks() -> dict[str, float]:
    """Return the most GFLOP/s that PyTorch makes of one large product, by number format."""
    import torch  # noqa: PLC0415

    small = torch.randint(-100, 100, (_SIDE, _SIDE), dtype=torch.int8)
    kinds: dict[str, Callable[[], object]] = {}
    for kind, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        kinds[kind] = partial(torch.matmul, *torch.rand(2, _SIDE, _SIDE).to(dtype))
    kinds["int8"] = lambda: torch._int_mm(small, small)
    return {kind: 2 * _SIDE**3 / _least_seconds(multiply) / 1e9 for kind, multiply in kinds.items()}


def _least_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _rate(encode: Encode, texts: list[str], size: int) -> float:
    """Return texts a second in arrival order, `size` at a time."""
    started = time.perf_counter()
    encode(list(chunks(texts, size)))
    return round(len(texts) / (time.perf_counter() - started), 1)


def _compare(rows: list[dict[str, Any]]) -> None:
    [naive] = [row["batch 32"] for row in rows if row["way"] == NAIVE]
    for row in rows:
        row["× naive, batch 32"] = round(row["batch 32"] / naive, 2)
        row["× naive, bulk"] = round(row["bulk 512"] / naive, 2)


def _round(value: float) -> float:
    return round(float(value), 5)


def _table(result: dict[str, Any]) -> str:
    said = f"{result['texts']} texts. {on(result['machine'])}"
    return f"{said}\n\n{table(result['ways'])}\n\n{facts(result['limit'])}"


if __name__ == "__main__":
    typer.run(main)
