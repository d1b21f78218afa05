"""Prompts in languages other than English, by hand-written templates."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from simsvc.demo.languages_latin import FRENCH, GERMAN, PORTUGUESE, SPANISH
from simsvc.demo.languages_other import ARABIC, CHINESE, HINDI, JAPANESE
from simsvc.demo.phrases import sentence_case, words

_CITIES = words("Berlin; Lyon; Quito; Porto; Osaka; Chengdu; Cairo; Pune; Genève; Bogotá; Oslo")


@dataclass(frozen=True, slots=True)
class Language:
    """A language: things, angles on them ("{}"), shapes of request ("{s}") and remarks."""

    code: str
    things: tuple[str, ...]
    angles: tuple[str, ...]
    shapes: tuple[str, ...]
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, code: str, texts: tuple[str, str, str, str]) -> Language:
        """Read the parts from texts with semicolons."""
        things, angles, shapes, remarks = (words(text) for text in texts)
        return cls(code, things, angles, shapes, remarks)

    def speaker(self, rng: random.Random) -> Language:
        """Return the part of the language that one person uses."""
        return replace(
            self,
            things=tuple(rng.sample(self.things, 8)),
            shapes=tuple(rng.sample(self.shapes, 6)),
            remarks=tuple(rng.sample(self.remarks, 5)),
        )

    def compose(self, rng: random.Random) -> str:
        """Return a prompt."""
        thing = rng.choice(self.things)
        focus = rng.choice(self.angles).format(thing)
        text = sentence_case(rng.choice(self.shapes).format(s=focus, t=thing))
        if rng.random() < 0.55:
            remark = rng.choice(self.remarks).format(n=rng.randint(2, 90), c=rng.choice(_CITIES))
            text = f"{text} {remark}" if rng.random() < 0.7 else f"{remark} {text}"
        return text


LANGUAGES = tuple(
    Language.of(code, texts)
    for code, texts in (
        ("de", GERMAN),
        ("fr", FRENCH),
        ("es", SPANISH),
        ("pt", PORTUGUESE),
        ("zh", CHINESE),
        ("ja", JAPANESE),
        ("ar", ARABIC),
        ("hi", HINDI),
    )
)
