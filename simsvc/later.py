"""Libraries that a start need not wait for.

What needs them imports them where it is used, and `import scipy` loads a part of it when that is
asked for. A server loads them once it serves, so that the first look or the first text in an
unknown script finds them there.
"""

from __future__ import annotations

from importlib import import_module

LIBRARIES = (
    "scipy.stats",
    "scipy.sparse",
    "networkx",
    "sklearn.isotonic",
    "sklearn.feature_extraction.text",
)


def load_libraries() -> None:
    """Import them all: some two seconds."""
    for name in LIBRARIES:
        import_module(name)
