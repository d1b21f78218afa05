"""`python -m benchmarks --data DIR`: every speed benchmark in turn, into docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->\n"
# Title, module, whether it takes prompt sets, and the picture that it draws.
_ALL = (
    ("Embedder", "benchmarks.embed", True, "throughput-by-batch.svg"),
    ("Index", "benchmarks.index", True, "index-by-size.svg"),
    ("End to end", "benchmarks.ingest", False, ""),
    ("For minutes", "benchmarks.sustained", False, ""),
    ("Look-ups", "benchmarks.search", False, "look-ups-by-size.svg"),
    ("Detection at scale", "benchmarks.detect_scale", False, ""),
    ("Console", "benchmarks.console", False, ""),
    ("Reindexing", "benchmarks.reindex", False, ""),
    ("Starting", "benchmarks.startup", False, ""),
)


def main(
    data: Annotated[Path, typer.Option(help="Folder with the prompt sets.")],
    quick: Annotated[bool, typer.Option(help="A fraction of each, to see that it runs.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only these titles.")] = None,
) -> None:
    """Run the benchmarks and replace their tables in docs/performance.md."""
    page = _PAGE.read_text()
    for title, module, on_data, picture in _ALL:
        if only and title not in only:
            continue
        command = [sys.executable, "-W", "ignore", "-m", module]
        command += ["--data", str(data)] if on_data else []
        command += ["--quick"] if quick else []
        command += ["--plot", str(_PAGE.parent / "img" / picture)] if picture and not quick else []
        typer.echo(f"{title} …", err=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        shown = f"python -m {module}{' --data DIR' if on_data else ''}{' --quick' if quick else ''}"
        page = _replaced(page, title, f"`{shown}`\n\n{done.stdout.strip()}\n{_image(picture)}")
        _PAGE.write_text(page)


def _image(name: str) -> str:
    title = name.removesuffix(".svg").replace("-", " ").capitalize()
    return f"\n![{title}](img/{name})\n" if name else ""


def _replaced(page: str, title: str, text: str) -> str:
    """Return the page with the figures below a heading replaced."""
    start = page.index(f"## {title}\n")
    begin = page.index(_BEGIN, start) + len(_BEGIN)
    return page[:begin] + "\n" + text + "\n" + page[page.index(_END, begin) :]


if __name__ == "__main__":
    typer.run(main)
