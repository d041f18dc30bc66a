"""Python names for what a graph calls by ids."""

import keyword
import re
import unicodedata


class Names:
    """Gives out names, each once."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = set(taken)

    def take(self, wanted: str, fallback: str, suffix: str) -> str:
        """A name like `wanted`; `fallback` where that says nothing, with `suffix` or a number where it is taken."""
        base = identifier(wanted) or identifier(fallback) or suffix
        name, number = base, 1
        while name in self._taken or keyword.iskeyword(name) or keyword.issoftkeyword(name):
            name = f"{base}_{suffix}" if number == 1 else f"{base}_{suffix}_{number}"
            number += 1
        self._taken.add(name)
        return name


def identifier(text: str) -> str:
    """The text as a Python identifier of at most 40 characters, in lower case; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKC", text).lower()
    name = re.sub(r"\W+", "_", plain).strip("_")[:40].rstrip("_")
    return name if name.isidentifier() else ""
