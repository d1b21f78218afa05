"""Tables that fit a terminal: an id can always be copied whole, what is told can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

# A wrapped column is not made narrower than its longest word, up to this.
_WORD = 22
# A column of one cell would lose a letter that takes two, as Chinese ones do.
_LETTER, _LETTERS = 2, 10
# What a border and the spaces at its sides take: those of a column, and the last border.
_BORDER, _EDGE = 3, 1


@dataclass(frozen=True, slots=True)
class Size:
    """How narrow a column can be read, how wide it gets, and whether its lines may break."""

    least: int
    most: int
    wrapped: bool = False


class Listing:
    """Rows that become a table of the width there is.

    Only `wrapped` columns break lines; all others, so those of ids, are as wide as their longest
    cell. Where that is too wide, columns of `spare` are left out, the first first, and named below
    the table. Where it still is, lines break anywhere, as nothing may be cut off.
    """

    def __init__(
        self,
        title: Text,
        columns: Sequence[str],
        wrapped: Sequence[str],
        spare: Sequence[str],
        header: bool,
    ) -> None:
        self._title = title
        self._columns = columns
        self._wrapped = wrapped
        self._spare = spare
        self._header = header
        self._rows: list[Sequence[Text]] = []

    def add_row(self, cells: Sequence[Text]) -> None:
        """Add a row, a cell for each column."""
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, and a line about what did not fit."""
        kept, left_out = list(range(len(self._columns))), []
        least = [self._least(place) for place in kept]
        for name in self._spare:
            if sum(least[place] for place in kept) <= _room(options.max_width, len(kept)):
                break
            kept.remove(self._columns.index(name))
            left_out.append(name)
        sizes = [Size(least[at], self._most(at), self._columns[at] in self._wrapped) for at in kept]
        yield self._table(kept, shared_out(sizes, _room(options.max_width, len(kept))))
        if left_out:
            yield Text(f"Too narrow for: {', '.join(reversed(left_out))} (see --json)", style="dim")

    def _table(self, kept: Sequence[int], widths: Sequence[int]) -> Table:
        table = Table(title=self._title, title_justify="left", show_header=self._header)
        for place, width in zip(kept, widths, strict=True):
            table.add_column(self._columns[place], width=width, overflow="fold")
        for row in self._rows:
            table.add_row(*(row[place] for place in kept))
        return table

    def _least(self, place: int) -> int:
        """Return the width below which a column cannot be read."""
        name = self._columns[place]
        words = max(map(cell_len, name.split()), default=1) if self._header else 1
        cells = self._cells(place)
        if name not in self._wrapped:
            return max([words, *map(cell_len, cells)])
        longest = max((cell_len(word) for cell in cells for word in cell.split()), default=1)
        return max(words, min(longest, _WORD))

    def _most(self, place: int) -> int:
        """Return the width with which no line of a column breaks."""
        name = cell_len(self._columns[place]) if self._header else 1
        return max([name, *map(cell_len, self._cells(place))])

    def _cells(self, place: int) -> Iterator[str]:
        return (row[place].plain for row in self._rows)


def shared_out(sizes: Sequence[Size], room: int) -> list[int]:
    """Return widths from `least` to `most` that fill the room; smaller ones if that is too small.

    The narrowest column grows first. The widest shrinks first, one of those that are wrapped while
    any of them has some letters left.
    """
    widths = [size.least for size in sizes]
    places = range(len(widths))
    while sum(widths) > room and max(widths) > _LETTER:
        soft = [at for at in places if sizes[at].wrapped and widths[at] > _LETTERS]
        widths[max(soft or places, key=widths.__getitem__)] -= 1
    while sum(widths) < room:
        growing = [at for at in places if widths[at] < sizes[at].most]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
    return widths


def _room(width: int, columns: int) -> int:
    """Return what borders leave to the cells of so many columns."""
    return width - _BORDER * columns - _EDGE
