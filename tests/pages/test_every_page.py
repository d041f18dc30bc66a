import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.showcase import Showcase, axe, pages, settle

pytestmark = pytest.mark.timeout(300)

PHONE = 390
WEIGHTY = ("serious", "critical")
expect.set_options(timeout=STEP_MS)

FINDINGS = """async () => {
  const { violations } = await axe.run();
  return violations.map(({ id, impact, nodes }) => [impact, id, nodes.map(({ target }) => target.join(" "))]);
}"""
TOO_WIDE = """() => ["html", "main"].some((name) => {
  const box = document.querySelector(name);
  return box.scrollWidth > box.clientWidth;
})"""


@pytest.fixture
async def shown(api: httpx.AsyncClient) -> Showcase:
    return await Showcase.make(api)


async def _look_at(page: Page, path: str) -> None:
    await page.goto(path)
    await expect(page.locator("h1").first).to_be_visible()
    await expect(page.get_by_role("heading", name="There is no such page")).to_have_count(0)
    await settle(page)


@pytest.mark.spec("UI-93")
@pytest.mark.spec("UI-94")
async def test_no_page_has_serious_findings_of_axe_or_is_wider_than_a_phone(page: Page, shown: Showcase) -> None:
    await page.emulate_media(reduced_motion="reduce")
    found, wide = [], []
    for name, path in pages(shown).items():
        await page.set_viewport_size({"width": 1280, "height": 800})
        await _look_at(page, path)
        await page.evaluate(axe())
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            found += [(name, theme, *told) for told in await page.evaluate(FINDINGS) if told[0] in WEIGHTY]
        await page.set_viewport_size({"width": PHONE, "height": 844})
        await settle(page)
        found += [(name, "phone", *told) for told in await page.evaluate(FINDINGS) if told[0] in WEIGHTY]
        wide += [name] if await page.evaluate(TOO_WIDE) else []
    assert found == []
    assert wide == []
