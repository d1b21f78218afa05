"""Variables of the environment that nothing reads, and that are almost the name of a setting.

Others are let be: Kubernetes sets variables like SIMSVC_PORT for a service of that name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

_ALIKE = 0.8
_NESTED = "__"
# What else has variables: the options of commands, and the file with settings.
OTHERS = frozenset({"address", "token", "ca", "cert", "key", "tls", "config"})


def misspelt(variables: Iterable[str], prefix: str, settings: Collection[str]) -> dict[str, str]:
    """Return the variables that are almost a setting's, and the variable that was meant.

    `settings` are names in lower case, `prefix` is what their variables begin with.
    """
    found = {}
    for variable in variables:
        name, nested, key = variable.partition(_NESTED)
        if not name.startswith(prefix):
            continue
        name = name.removeprefix(prefix).lower()
        if name not in settings and name not in OTHERS:
            for meant in get_close_matches(name, settings, 1, _ALIKE):
                found[variable] = f"{prefix}{meant.upper()}{nested}{key}"
    return found
