"""The fixed texts that engines are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from simsvc.embed import fidelity
from simsvc.embed.cutting import Cutter, tokens_of
from simsvc.embed.engine import Cut
from simsvc.embed.weights import model_source
from tests.unit.test_batcher import INFO, ScriptedEngine


class Cutting(ScriptedEngine):
    """Cuts as the bundled model does, in windows of some tokens."""

    def __init__(self, window: int, max_windows: int) -> None:
        super().__init__()
        location = Path(model_source("all-MiniLM-L6-v2", "").location)
        tokenizer = Tokenizer.from_file(str(location / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.info = replace(INFO, window_tokens=window)
        self._cutter = Cutter(*tokens_of(tokenizer), window, max_windows)

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        return self._cutter.cut(texts)


@pytest.mark.parametrize(("window", "compared"), [(254, 12), (38, 8)])
def test_what_is_compared_does_not_depend_on_how_many_windows_are_allowed(
    window: int, compared: int
) -> None:
    """The reference is of the conversion, the windows of the day's setting."""
    one, many = (fidelity.windows_of(Cutting(window, most)) for most in (1, 16))
    assert one == many
    assert len(one) == compared


def test_where_one_window_is_allowed_a_long_text_is_its_beginning() -> None:
    [whole] = Cutting(10_000, 1).cut([fidelity.TEXTS[-1]])
    [cut] = Cutting(38, 1).cut([fidelity.TEXTS[-1]])
    assert cut.capped
    assert not whole.capped
    assert [w.ids for w in cut.windows] == [whole.windows[0].ids[:38]]
    assert fidelity.TEXTS[-1].startswith(cut.windows[0].text)
