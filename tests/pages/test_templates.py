import base64

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import ADMIN, OpenTab
from tests.support import Project, ServerProcess

BRIGHTNESS = """
async png => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const pen = document.createElement("canvas").getContext("2d");
  pen.drawImage(image, 0, 0);
  return Math.max(...pen.getImageData(20, 5, 1, 1).data.slice(0, 3));
}
"""


pytestmark = pytest.mark.timeout(300)


@pytest.mark.spec("TPL-17")
async def test_each_template_shows_its_picture_and_shows_it_large_when_pressed(page: Page, project: Project) -> None:
    templates = (await project.client.get("/templates")).json()["items"]
    await page.goto(f"/projects/{project.id}/workflows")
    region = page.get_by_role("region", name="Templates")
    for template in templates:
        name = f"Graph of {template['name']}"
        picture = region.get_by_role("img", name=name, exact=True)
        await expect(picture).to_be_visible()
        assert await picture.evaluate("image => image.naturalWidth") > 100
    await region.get_by_role("button", name="Enlarge: Graph of Data quality").click()
    large = page.get_by_role("dialog", name="Data quality").get_by_role("img")
    await expect(large).to_be_visible()
    assert await large.evaluate("image => image.clientWidth") > 1000
    await page.keyboard.press("Escape")
    await expect(large).to_have_count(0)


@pytest.mark.spec("TPL-17")
@pytest.mark.parametrize(("system", "theme"), [("light", "dark"), ("dark", "light")])
async def test_pictures_follow_the_theme_of_the_page(page: Page, project: Project, system: str, theme: str) -> None:
    await page.emulate_media(color_scheme=system)  # type: ignore[arg-type]
    await page.add_init_script(f"localStorage.setItem('graphwright.theme', '{theme}')")
    await page.goto(f"/projects/{project.id}/workflows")
    picture = page.get_by_role("img", name="Graph of Data quality")
    await expect(picture).to_be_visible()
    seen = await page.evaluate(BRIGHTNESS, base64.b64encode(await picture.screenshot()).decode())
    assert seen > 200 if theme == "light" else seen < 60


@pytest.mark.spec("TPL-17")
async def test_pictures_are_shown_where_a_key_is_asked_for(open_tab: OpenTab, closed: ServerProcess) -> None:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with httpx.AsyncClient(base_url=closed.api, headers=headers) as client:
        project = await Project.make(client)
        assert (await client.get("/templates/linear/picture.svg", headers={"Authorization": ""})).status_code == 401
    page = await open_tab(closed.url)
    await page.add_init_script("localStorage.setItem('graphwright.key', 'a key of the test')")
    await page.goto(f"/projects/{project.id}/workflows")
    await expect(page.get_by_role("img", name="Graph of Linear Processing")).to_be_visible()
