import re

import pytest

from tests.architecture.test_specs import ROOT, citations, rules

PAGE = (ROOT / "docs" / "promises.md").read_text()
LINE = re.compile(r"^\*\*Held by\*\* (.+)$", re.MULTILINE)


def sections() -> dict[str, str]:
    """The promises by name."""
    return {text.partition("\n")[0]: text for text in PAGE.split("\n## ")[1:]}


@pytest.mark.spec("DOC-20")
@pytest.mark.parametrize("name", sections())
def test_a_promise_says_what_it_is_what_it_is_not_and_which_rules_hold_it(name: str) -> None:
    text = sections()[name]
    assert "**Promised.**" in text
    assert "**Not promised.**" in text
    held_by = LINE.findall(text)
    assert len(held_by) == 1
    ids = held_by[0].split(", ")
    assert set(ids) <= set(rules())
    assert set(ids) <= citations()


@pytest.mark.spec("DOC-20")
def test_every_line_of_the_table_has_its_section() -> None:
    table = PAGE.split("|---|---|\n")[1].split("\n\n")[0]
    assert len(table.splitlines()) == len(sections())
