"""Real prompts through a running server: rate, memory, false campaigns, and look-ups."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import psutil
import typer

from benchmarks.datasets import RealPrompt, Share, read_shares
from benchmarks.load import send_all
from benchmarks.machine import machine
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import SOON
from simsvc.demo.server import running_server

_SHARES = [
    Share("sharegpt_v3", 4500, by_group=True),
    Share("miracl_mrtydi", 1500),
    Share("quora", 1000),
    Share("zh_queries", 800),
    Share("autoj_user_queries", 800),
    Share("msmarco_queries", 800),
    Share("instructionwild", 600),
]
_QUERIES = [
    "write a python function that reverses a linked list",
    "How can I lose weight quickly?",
    "什么是人工智能",
    "ما هي عاصمة فرنسا؟",
    "เมืองหลวงของประเทศไทยคืออะไร",
    "Wann wurde die Berliner Mauer gebaut?",
]
_EXCERPT = 100


def main(
    data: Annotated[Path, typer.Option(help="Folder with the prompt sets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send 10,000 real, innocent prompts to a server of its own and look some up."""
    real = read_shares(data, _SHARES, seed=3)
    prompts = [
        ObservedPrompt(f"real-{i}", p.account, [("user", p.text)]) for i, p in enumerate(real)
    ]
    folder = Path(tempfile.mkdtemp(prefix="simsvc-real-"))
    try:
        with (
            running_server(folder / "data", **SOON) as address,
            Client(Connection(address)) as client,
        ):
            rate = send_all(client, prompts, batch=64, callers=4)
            result = _result(client, real, rate)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result, ensure_ascii=False) if as_json else _table(result))


def _result(client: Client, real: list[RealPrompt], rate: float) -> dict[str, object]:
    time.sleep(5)
    campaigns = list(client.list_campaigns())
    return {
        "machine": machine(),
        "prompts": len(real),
        "accounts": len({p.account for p in real}),
        "sets": Counter(p.account.rpartition("-")[0] for p in real),
        "per_second": round(rate, 1),
        "server_rss_mib": _server_rss(),
        "false_campaigns": len(campaigns),
        "accounts_in_them": sum(c.account_count for c in campaigns),
        "false_summaries": [c.summary for c in campaigns],
        "lookups": {query: _look_up(client, query) for query in _QUERIES},
    }


def _server_rss() -> int:
    [server] = psutil.Process().children()
    return int(server.memory_info().rss // 2**20)


def _look_up(client: Client, query: str) -> list[str]:
    found = client.search(text=query, page_size=3, min_similarity=0.3, prompts_per_account=1)
    return [
        f"{group.best_similarity:.3f} {group.matches[0].prompt.messages[-1].content[:_EXCERPT]}"
        for group in found.groups
    ]


def _table(result: dict[str, object]) -> str:
    return json.dumps(result, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    typer.run(main)
