"""Ordinary users: their habits, and the conversations that come of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from simsvc.demo.languages import Language
from simsvc.demo.passages import code, note, pasted, table
from simsvc.demo.phrases import CHATTY, Subject, Topic, fill, sentence_case
from simsvc.demo.shapes import FOLLOW_UPS, REPLIES, SPECIAL, TASKS
from simsvc.demo.topics_home import HOME
from simsvc.demo.topics_technical import TECHNICAL
from simsvc.demo.topics_work import WORK
from simsvc.demo.topics_world import WORLD

Messages = tuple[tuple[str, str], ...]

TOPICS: tuple[Topic, ...] = HOME + TECHNICAL + WORLD + WORK

_CODING = {"Python", "databases", "web front end", "cloud operations", "machine learning"}
_OPENINGS = ("Hi, ", "Hello! ", "Quick question: ", "So, ", "ok next one. ", "Hey there - ")
_CLOSINGS = (" Thanks!", " pls", " Cheers.", " Thank you in advance.", " No waffle.", " :)")
_MOST_TURNS = 5


@dataclass(frozen=True, slots=True)
class App:
    """An invented product whose users reach the API through it, with its system prompt."""

    role: str
    system: str
    topics: tuple[str, ...]


APPS = (
    App(
        "system",
        "You are Pippin, the cheerful kitchen helper of the Larderly app. Never suggest shellfish.",
        ("cooking", "baking"),
    ),
    App(
        "system",
        "You are Tutor Quill. Lead pupils on with questions; never give answers away.",
        ("school mathematics", "physics", "chemistry", "biology", "history"),
    ),
    App(
        "developer",
        "CodeHarbour reviewer. Reply with a diff. Flag anything that touches secrets.",
        ("Python", "databases", "web front end", "cloud operations"),
    ),
    App(
        "system",
        "Trailmate concierge. Answer in under 120 words and name one alternative without a car.",
        ("city trips", "hiking and camping", "cycling and transport"),
    ),
    App(
        "system",
        "You help shop owners who use Tillandsia Books. You are no lawyer and say so when asked.",
        ("small business", "marketing", "law for laypeople"),
    ),
)


@dataclass(frozen=True, slots=True)
class Habits:
    """What one account keeps asking about, and how."""

    topics: tuple[Topic, ...]
    tasks: tuple[str, ...]
    app: App | None = None
    language: Language | None = None

    @classmethod
    def draw(cls, rng: random.Random) -> Habits:
        """Invent an account's habits."""
        app = rng.choice(APPS) if rng.random() < 0.15 else None
        pool = [t for t in TOPICS if app is None or t.name in app.topics]
        chosen = rng.sample(pool, min(len(pool), rng.randint(2, 5)))
        return cls(
            topics=tuple(_own_corner(topic, rng) for topic in chosen),
            tasks=tuple(rng.sample(sorted(TASKS), rng.randint(3, 6))),
            app=app,
        )

    @classmethod
    def draw_foreign(cls, language: Language, rng: random.Random) -> Habits:
        """Invent the habits of an account that writes in another language."""
        return cls((), (), language=language.speaker(rng))

    def conversation(self, rng: random.Random) -> list[Messages]:
        """Return the requests of one conversation: each holds all the messages so far."""
        if self.language is not None:
            return _requests(self.app, _foreign_turns(self.language, rng))
        topic = rng.choice(self.topics)
        subject = Subject.draw(topic, rng)
        turns = [(self._question(topic, subject, rng), _reply(subject, rng))]
        while len(turns) < _MOST_TURNS and rng.random() < 0.25:
            turns.append((_follow_up(subject, rng), _reply(subject, rng)))
        if rng.random() < 0.06:
            turns.insert(0, (rng.choice(CHATTY), "Hello! What can I do for you?"))
        return _requests(self.app, turns)

    def _question(self, topic: Topic, subject: Subject, rng: random.Random) -> str:
        if rng.random() < 0.03:
            return pasted(topic, subject, rng)
        if rng.random() < 0.06:
            return table(topic, subject, rng)
        if topic.name in _CODING and rng.random() < 0.4:
            return code(subject, rng)
        return _voice(self._request(topic, subject, rng), rng)

    def _request(self, topic: Topic, subject: Subject, rng: random.Random) -> str:
        shapes = TASKS[rng.choice(self.tasks)]
        if topic.name in SPECIAL and rng.random() < 0.3:
            shapes = SPECIAL[topic.name]
        return request_text(rng.choice(shapes), subject, rng)


def request_text(shape: str, subject: Subject, rng: random.Random) -> str:
    """Fill a shape of request; one that asks for a note gets one."""
    before, mark, after = shape.partition("{note}")
    text = fill(before, subject, rng)
    if mark:
        text += note(subject, rng) + fill(after, subject, rng)
    return sentence_case(text)


def short_texts(rng: random.Random) -> Iterator[str]:
    """Yield requests of 6 to 20 words without end; the odd one comes twice."""
    shapes = [shape for task in TASKS.values() for shape in task]
    while True:
        subject = Subject.draw(rng.choice(TOPICS), rng)
        text = request_text(rng.choice(shapes), subject, rng)
        if 6 <= len(text.split()) <= 20:
            yield text


def _own_corner(topic: Topic, rng: random.Random) -> Topic:
    """Return a topic narrowed down to what one person cares about."""
    return Topic(topic.name, tuple(rng.sample(topic.things, 9)), topic.angles)


def _follow_up(subject: Subject, rng: random.Random) -> str:
    if rng.random() < 0.25:
        return rng.choice(CHATTY)
    return sentence_case(fill(rng.choice(FOLLOW_UPS), subject, rng))


def _foreign_turns(language: Language, rng: random.Random) -> list[tuple[str, str]]:
    texts = [language.compose(rng) for _ in range(1 + (rng.random() < 0.2))]
    return [(text, f"« {text} » …") for text in texts]


def _reply(subject: Subject, rng: random.Random) -> str:
    return sentence_case(fill(rng.choice(REPLIES), subject, rng))


def _voice(text: str, rng: random.Random) -> str:
    """Write a text as people type."""
    if rng.random() < 0.12:
        text = rng.choice(_OPENINGS) + text
    if rng.random() < 0.12:
        text += rng.choice(_CLOSINGS)
    return text.lower().rstrip(".") if rng.random() < 0.15 else text


def _requests(app: App | None, turns: list[tuple[str, str]]) -> list[Messages]:
    """Return what is sent at each turn: what was said before, and the user's new message."""
    said: list[tuple[str, str]] = [(app.role, app.system)] if app else []
    requests = []
    for question, answer in turns:
        said.append(("user", question))
        requests.append(tuple(said))
        said.append(("assistant", answer))
    return requests
