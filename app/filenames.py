"""Names of files that are safe to write on any disk, from names that anybody has made up."""

import re

LONGEST_BYTES = 200
NAMELESS = "file"

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_REFUSED = frozenset('<>:"|?*')


def file_name(name: str) -> str:
    """The last part of the name, without what leads elsewhere, hides, or cannot be written; its ending stays."""
    last = re.split(r"[/\\]", name.rstrip("/\\ ."))[-1]
    shown = "".join(mark if mark.isprintable() and mark not in _REFUSED else "_" for mark in last).strip(" ")
    shown = "_" + shown[1:] if shown.startswith(".") else shown
    if _DEVICES.fullmatch(shown):
        shown = f"_{shown}"
    return _shortened(shown) or NAMELESS


def _shortened(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 20:  # noqa: PLR2004  # no ending that a program would know
        stem, dot, ending = name, "", ""
    left = LONGEST_BYTES - len((dot + ending).encode())
    return stem.encode()[:left].decode(errors="ignore") + dot + ending
