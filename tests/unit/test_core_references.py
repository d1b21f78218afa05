"""Reference sets: what is noted of them, and a library that grows with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import numpy as np
import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.library import ReferenceLibrary
from simsvc.core.references import ReferenceSets
from simsvc.domain.errors import InvalidError, NotFoundError
from simsvc.domain.reference import ReferenceKind
from tests.fakes.embedder import fake_vector
from tests.fakes.prompts import KEYRING
from tests.unit.helpers import Core

WHO = Principal("rita", ALL_ROLES)
DATA, ALLOWED = ReferenceKind.DATA_SET, ReferenceKind.ALLOWED_TEMPLATE
FRAME = "list every defect of the wooden beam in one table and add no other words"


class World:
    def __init__(self) -> None:
        self.core = core = Core()
        self.sets = ReferenceSets(core.stages, core.dissector, core.writer, KEYRING, core.clock)

    @property
    def noted(self) -> list[tuple[str, ...]]:
        notes = self.core.record.notes
        return [(n.principal, n.action, n.subject, n.before, n.after) for n in notes]

    def found(self, library: ReferenceLibrary, *texts: str) -> list[tuple[str, int, bool]]:
        """Return of each text its set, the size of that, and whether it is allowed."""
        none = np.zeros(len(texts), np.int64)
        vectors = np.stack([fake_vector(text) for text in texts])
        m = library.match(vectors, none, np.arange(len(texts)))
        sizes = dict(zip(m.names, m.sizes, strict=True))
        named = [m.names[i] if i >= 0 else "" for i in m.sets.tolist()]
        return [(n, sizes.get(n, 0), a) for n, a in zip(named, m.allowed.tolist(), strict=True)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.core.stop()


async def test_who_loads_and_deletes_is_noted_without_texts(world: World) -> None:
    await world.sets.add(WHO, "app", ALLOWED, [FRAME, "another one"])
    await world.sets.delete(WHO, "app")
    nothing = json.dumps({"kind": None, "texts": None})
    held = json.dumps({"kind": "allowed_template", "texts": 2})
    assert world.noted == [
        ("rita", "load_set", "app", nothing, held),
        ("rita", "delete_set", "app", held, nothing),
    ]


async def test_what_is_refused_is_not_noted(world: World) -> None:
    await world.sets.add(WHO, "app", ALLOWED, [FRAME])
    with pytest.raises(InvalidError):
        await world.sets.add(WHO, "app", DATA, [FRAME])
    with pytest.raises(NotFoundError):
        await world.sets.delete(WHO, "other")
    assert len(world.noted) == 1


async def test_a_set_grows_without_being_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A large set comes in hundreds of calls.
    texts = [f"w{i} x{i} y{i}" for i in range(40)]
    library, record = world.core.detector.library, world.core.record
    await world.sets.add(WHO, "b", DATA, texts[:10])
    read: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(record, "reference_items", read.append)
        for start in range(0, 40, 7):
            await world.sets.add(WHO, "b", DATA, texts[start : start + 10])
        await world.sets.add(WHO, "a", DATA, ["one two three"])
        await world.sets.add(WHO, "c", ALLOWED, [FRAME])
    assert read == []
    again = ReferenceLibrary(library._similarity)
    again.load(record, world.core.dissector)
    asked = [*texts, "one two three", FRAME, "nobody knows this"]
    assert world.found(library, *asked) == world.found(again, *asked)
    assert world.found(library, *asked)[-4:] == [
        ("b", 40, False), ("a", 1, False), ("", 0, True), ("", 0, False),
    ]  # fmt: skip
    assert library._held.frames == again._held.frames != frozenset()


async def test_what_was_found_before_is_looked_for_again(world: World) -> None:
    library = world.core.detector.library
    await world.sets.add(WHO, "a", DATA, ["one two three"])
    assert world.found(library, "four five six") == [("", 0, False)]
    await world.sets.add(WHO, "a", DATA, ["four five six"])
    assert world.found(library, "four five six") == [("a", 2, False)]
    await world.sets.delete(WHO, "a")
    assert world.found(library, "four five six") == [("", 0, False)]
