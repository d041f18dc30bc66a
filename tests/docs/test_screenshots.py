import re

import pytest

from tests.support import ROOT

FOLDER = ROOT / "docs" / "screenshots"
PICTURE = re.compile(r'(?:src|srcset)="(?:docs/)?screenshots/([^"]+)"')


@pytest.mark.spec("UI-97")
def test_the_tour_shows_every_picture_in_both_themes_and_no_other() -> None:
    shown = PICTURE.findall((ROOT / "docs" / "ui.md").read_text())
    assert sorted(shown) == sorted(picture.name for picture in FOLDER.iterdir())
    names = {name.removesuffix("-light.webp") for name in shown if name.endswith("-light.webp")}
    assert sorted(shown) == sorted(f"{name}-{theme}.webp" for name in names for theme in ("light", "dark"))


@pytest.mark.spec("UI-97")
def test_the_pictures_of_the_readme_are_there() -> None:
    shown = PICTURE.findall((ROOT / "README.md").read_text())
    assert len(shown) > 2
    assert [name for name in shown if not (FOLDER / name).exists()] == []


@pytest.mark.spec("UI-97")
def test_every_page_that_is_checked_has_a_picture() -> None:
    text = (ROOT / "tests" / "pages" / "showcase.py").read_text()
    names = re.findall(r'^        "([a-z-]+)": ', text.partition("def pages(")[2], flags=re.MULTILINE)
    assert len(names) > 20
    assert [name for name in names if not (FOLDER / f"{name}-light.webp").exists()] == []
