"""ETags of workflows: the revision, strong, in quotes."""

import re

from app.errors import UnprocessableError

_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*')


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def wanted_revisions(if_match: str | None) -> set[int] | None:
    """The revisions that an If-Match names, None for any. Raises UnprocessableError for what is no ETag."""
    if if_match is None or if_match.strip() == "*":
        return None
    revisions: set[int] = set()
    for part in if_match.split(","):
        tag = _TAG.fullmatch(part)
        if tag is None:
            raise UnprocessableError('If-Match is an ETag in quotes as the workflow was sent with, such as "3".')
        # A weak tag never matches, and a tag that is no number is none of ours.
        if tag[1] is None and tag[2].isdecimal():
            revisions.add(int(tag[2]))
    return revisions
