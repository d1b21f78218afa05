"""What the URL of a record may say."""

from __future__ import annotations

import pytest

from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.engine import open_engine


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:secret@h:x/db", "not one of SQLAlchemy"),
        ("postgresql://u:secret@127.0.0.1/db?foo=1", 'invalid connection option "foo"'),
        ("postgres://u:secret@h/db", "write postgresql://"),
    ],
)
def test_a_url_that_cannot_be_is_told_without_its_password(url: str, told: str) -> None:
    with pytest.raises(RecordNotOpenedError, match=told) as caught:
        open_engine(url, 1.0)
    assert "secret" not in str(caught.value)
