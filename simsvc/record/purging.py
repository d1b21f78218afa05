"""Deleting old prompts, with all that other tables hold by their seqs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Table, delete, exists, select

from simsvc.record import tables


def oldest(connection: Connection, before: int, most: int) -> Sequence[int]:
    """Return the seqs of up to `most` prompts observed before a time (µs), the oldest first."""
    p = tables.prompts.c
    old = select(p.seq).where(p.observed_at < before).order_by(p.observed_at).limit(most)
    return connection.execute(old).scalars().all()


def old_changes(connection: Connection, before: int, most: int) -> Sequence[int]:
    """Return the positions of up to `most` changes of campaigns before a time (µs).

    The last change of a campaign is none of them, however old: who reads all changes misses none.
    """
    e, later = tables.campaign_events.c, tables.campaign_events.alias("later").c
    same = (later.campaign_id == e.campaign_id, later.position > e.position)
    old = select(e.position).where(e.at < before, exists(select(later.position).where(*same)))
    return connection.execute(old.order_by(e.at).limit(most)).scalars().all()


def delete_prompts(connection: Connection, seqs: Sequence[int]) -> None:
    """Delete prompts, and what every generation has made of them."""
    for table in (tables.vectors, tables.families):
        # By whole keys: by seq alone, each row of the table would be read.
        of = table.c.generation_id.in_(list(_generations(connection, table)))
        connection.execute(delete(table).where(of, table.c.seq.in_(seqs)))
    connection.execute(delete(tables.prompts).where(tables.prompts.c.seq.in_(seqs)))


def _generations(connection: Connection, table: Table) -> Iterator[str]:
    """Yield the generations that a table has rows of, one look into its key for each.

    Not those of `generations`: one whose deletion broke off has rows left, and no entry there.
    """
    name = table.c.generation_id
    query = select(name).order_by(name).limit(1)
    found = connection.execute(query).scalar()
    while found is not None:
        yield found
        found = connection.execute(query.where(name > found)).scalar()
