"""What must not raise an alarm: each a set of accounts that have much in common, innocently."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.worlds.events import DAY, Item, Sent, turns_of
from benchmarks.worlds.organic import Organic
from benchmarks.worlds.sources import Sources

Confounder = Callable[[Sources, Organic], Iterator[Sent]]


def _exercises(sources: Sources) -> list[list[str]]:
    """Return exercises by subject; of another set than any campaign of this half is after."""
    if sources.half == "test":
        return list(sources.grouped("mmlu").values())
    quiz = [t.text for t in sources.lines("zero_shot_cot_sets") if t.group == "commonsenseqa"]
    return [quiz[i : i + 60] for i in range(0, len(quiz), 60)]


def viral_prompt(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """One prompt of the day, copied by many within two days among their own traffic."""
    text = organic.chosen.choice([t for t in sources.texts("awesome_prompts") if len(t) < 1500])
    for i in range(150):
        at = (6 + organic.chosen.expovariate(1.0)) * DAY
        yield Sent(at, f"viral-{i}", Item(text))
        yield from organic.account(f"viral-{i}", organic.volume(12))


def homework_class(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Three classes: each of thirty asks most of the same twenty questions in one week."""
    subjects = [t for t in _exercises(sources) if len(t) >= 40]
    for number, questions in enumerate(organic.chosen.sample(subjects, 3)):
        sheet = questions[:20]
        for i in range(30):
            name = f"homework{number}-{i}"
            asked = organic.chosen.sample(sheet, organic.chosen.randint(11, 17))
            start = (3 + number + organic.chosen.random() * 4) * DAY
            for k, text in enumerate(asked):
                yield Sent(start + k * 240.0, name, Item(text))
            yield from organic.account(name, organic.volume(12))


def popular_app(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Eighty users of an app whose frame is in every request; each has habits of their own."""
    frames = [t for t in sources.texts("app_templates") if 300 < len(t) < 3000]
    frame = organic.chosen.choice(frames)
    for i in range(80):
        name = f"app-{i}"
        for sent in organic.account(name, organic.volume(20)):
            item = Item(sent.item.text, (), frame)
            yield Sent(sent.at, name, item)


def popular_inline_app(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """The same with the frame inside the user's turn."""
    frames = [t for t in sources.texts("app_templates") if 200 < len(t) < 1500]
    frame = organic.chosen.choice(frames)
    for i in range(60):
        name = f"inline-{i}"
        for sent in organic.account(name, organic.volume(20)):
            yield Sent(sent.at, name, Item(f"{frame}\n\n{sent.item.text}"))


def benchmark_runners(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Twelve teams run most of the same benchmark of 150 items, each in one go."""
    items = organic.chosen.sample([t for s in _exercises(sources) for t in s], 150)
    for i in range(12):
        name = f"runner-{i}"
        at = organic.chosen.random() * 12 * DAY
        for k, text in enumerate(organic.chosen.sample(items, 135)):
            yield Sent(at + 4.0 * k, name, Item(text))
        yield from organic.account(name, organic.volume(8))


def one_organization(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Twenty keys of one declared organisation share out its work."""
    for text in organic.chosen.sample(sources.texts("bitext_cs"), 400):
        name = f"org-{organic.chosen.randrange(20)}"
        yield Sent(organic.chosen.random() * 14 * DAY, name, Item(text), organization="org")


def gateway(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Three accounts, each with very many users behind it."""
    for i in range(3):
        for _ in range(60):
            at = organic.chosen.random() * 14 * DAY
            for k, item in enumerate(turns_of(organic.conversation())[:5]):
                yield Sent(at + 120.0 * k, f"gateway-{i}", item)


def help_desk(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """A hundred customers of one bank ask its help desk a few things, behind the desk's frame."""
    by_intent = sources.grouped("banking77")
    frame = "You are the help desk of a bank. Answer shortly and send hard cases to a person."
    for i in range(100):
        name = f"desk-{i}"
        intents = organic.chosen.sample(sorted(by_intent), 2)
        texts = [organic.chosen.choice(by_intent[organic.chosen.choice(intents)]) for _ in range(5)]
        yield from organic.sessions(name, [Item(t, (), frame) for t in texts])
        yield from organic.account(name, organic.volume(8))


def chatter(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Greetings and retries, which everybody sends."""
    small = ["hi", "hello", "continue", "thanks", "go on", "test", "hi there", "please continue"]
    for i in range(60):
        name = f"chatter-{i}"
        for sent in organic.account(name, organic.volume(8)):
            yield sent
            if organic.chosen.random() < 0.3:
                yield Sent(sent.at + 5, name, sent.item)
            if organic.chosen.random() < 0.3:
                yield Sent(sent.at + 9, name, Item(organic.chosen.choice(small)))


def nightly_jobs(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Four teams run an evaluation of their own each night, always the same."""
    for i in range(4):
        items = organic.chosen.sample(sources.texts("autoj_user_queries"), 25)
        for night in range(14):
            for k, text in enumerate(items):
                yield Sent((night + 0.1) * DAY + 3.0 * k, f"nightly-{i}", Item(text))


def rag_backfill(sources: Sources, organic: Organic) -> Iterator[Sent]:
    """Two accounts send thousands of their own passages through one frame."""
    frame = "Summarise the following document in one sentence for a search index.\n\n{}"
    passages = [t for t in sources.texts("t0_p3") if len(t) > 300]
    for i in range(2):
        at = organic.chosen.random() * 10 * DAY
        for k, text in enumerate(organic.chosen.sample(passages, 400)):
            yield Sent(at + 8.0 * k, f"rag-{i}", Item(frame.format(text[:1200])))


CONFOUNDERS: dict[str, Confounder] = {
    f.__name__: f
    for f in (
        viral_prompt, homework_class, popular_app, popular_inline_app, benchmark_runners,
        one_organization, gateway, help_desk, chatter, nightly_jobs, rag_backfill,
    )
}  # fmt: skip
