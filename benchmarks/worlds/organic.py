"""Organic accounts: whole conversations, topical habits, bursts by day, heavy-tailed volumes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import HashingVectorizer

from benchmarks.worlds.events import DAY, Item, Sent, turns_of
from benchmarks.worlds.sources import Sources

_HABIT_SHARE = 0.7
_TURN_SECONDS = 150.0
# Conversations that only hopped sessions and gateways may use.
_KEPT_BACK = 500
# Share of accounts that: chat; ask in English; ask in other languages; use an assistant.
_STYLES = (("chat", 0.5), ("english", 0.22), ("other", 0.18), ("assistant", 0.1))


class Habits:
    """Texts of one kind, near ones of which an account asks again and again."""

    def __init__(self, texts: Sequence[str], chosen: random.Random) -> None:
        self._texts = texts
        self._chosen = chosen
        vectorizer = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 4), n_features=512)
        self._rows = vectorizer.transform([t[:400] for t in texts]).toarray().astype(np.float32)
        self._free = np.zeros(len(texts), np.bool_)

    def draw(self, count: int) -> list[str]:
        """Return texts of which most are near one or two seeds, and which nobody had yet.

        Real sets hold few prompts beside the world's needs: a text that came twice would be a
        collision that this benchmark made up. Once all were used, they come again.
        """
        if self._free.sum() < 3 * count:
            self._free[:] = True
        free = np.flatnonzero(self._free)
        near = np.concatenate([self._near(free, 2 * count) for _ in range(2)])
        picked: set[int] = set()
        while len(picked) < count:
            habit = self._chosen.random() < _HABIT_SHARE
            picked.add(int(self._chosen.choice(near if habit else free)))
        self._free[list(picked)] = False
        return [self._texts[i] for i in sorted(picked, key=lambda _: self._chosen.random())]

    def _near(self, free: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
        scores = self._rows @ self._rows[int(self._chosen.choice(free))]
        return np.asarray(free[np.argsort(-scores[free])[: max(8, count)]])


class Organic:
    """Makes ordinary traffic for accounts, also as the cover of a campaign's."""

    def __init__(self, sources: Sources, chosen: random.Random, days: float) -> None:
        self.chosen = chosen
        self.days = days
        self._conversations = sources.conversations()
        chosen.shuffle(self._conversations)
        self._repeats = sources.texts("sharegpt_repeats")
        english = sources.texts("quora") + sources.texts("msmarco_queries")
        self._english = Habits(english, chosen)
        self._assistant = Habits(sources.texts("clinc150"), chosen)
        chat = sources.texts("autoj_user_queries") + sources.texts("instructionwild")
        self._single = Habits(chat, chosen)
        by_language = sources.grouped("miracl_mrtydi")
        by_language["zh-search"] = sources.texts("zh_queries")[:8000]
        self._languages = [Habits(t, chosen) for t in by_language.values() if len(t) > 100]

    def volume(self, mean: float) -> int:
        """Draw a heavy-tailed number of prompts with this mean."""
        sigma = 1.0
        return max(2, round(self.chosen.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)))

    def account(self, name: str, count: int) -> list[Sent]:
        """Return the traffic of one account."""
        shares = [share for _, share in _STYLES]
        style = self.chosen.choices([s for s, _ in _STYLES], shares)[0]
        return self.sessions(name, self._items(style, count))

    def cover(self, name: str, count: int) -> list[Sent]:
        """Return ordinary traffic that hides a campaign's: chats and questions in English."""
        style = self.chosen.choice(["chat", "chat", "english"])
        return self.sessions(name, self._items(style, count))

    def conversation(self) -> list[str]:
        """Return a conversation that nobody had yet."""
        return self._conversations.pop()

    def sessions(self, account: str, items: Sequence[Item]) -> list[Sent]:
        """Spread items over bursts at the hours when this account is awake."""
        times: list[float] = []
        noon = self.chosen.uniform(0, 24)
        while len(times) < len(items):
            at = self._awake(noon)
            for _ in range(1 + min(12, int(self.chosen.expovariate(1 / 3.0)))):
                at += self.chosen.expovariate(1 / _TURN_SECONDS)
                times.append(at)
        # A conversation keeps its order.
        return [
            Sent(at, account, item)
            for at, item in zip(sorted(times[: len(items)]), items, strict=True)
        ]

    def _awake(self, noon: float) -> float:
        day = self.chosen.randrange(int(self.days))
        hour = self.chosen.gauss(noon, 3.5) % 24
        return day * DAY + hour * 3600

    def _items(self, style: str, count: int) -> list[Item]:
        if style == "chat" and len(self._conversations) > _KEPT_BACK:
            return list(self._chat(count))
        if style in {"chat", "english"}:
            return [Item(t) for t in self._english.draw(count)]
        if style == "assistant":
            return [Item(t) for t in self._assistant.draw(count)]
        return [Item(t) for t in self.chosen.choice(self._languages).draw(count)]

    def _chat(self, count: int) -> Iterator[Item]:
        singles = iter(self._single.draw(count))
        made = 0
        while made < count:
            if self.chosen.random() < 0.06:
                turns = [Item(self.chosen.choice(self._repeats))]
            elif self.chosen.random() < 0.35:
                turns = [Item(next(singles))]
            else:
                turns = turns_of(self.conversation())
            yield from turns[: count - made]
            made += len(turns)
