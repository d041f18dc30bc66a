"""What axe finds on each page, light and dark."""

from typing import Literal

from benchmarks.figures import Figure, Report
from benchmarks.pages.scene import SIZE, Scene
from benchmarks.server import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WEIGHTY = {"serious", "critical"}

QUIET = """() => new Promise((done) => {
  let timer = setTimeout(done, 600);
  new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 600); })
    .observe(document.body, { childList: true, subtree: true, attributes: true });
  setTimeout(done, 8000);
})"""
LOOK = """async () => {
  const { violations } = await axe.run();
  return violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes[0].target.join(" ") }));
}"""


def paths(scene: Scene) -> dict[str, str]:
    """Every page of the application by its name."""
    project = f"/projects/{scene.project}"
    lists = ("runs", "workflows", "approvals", "catalog", "workers", "keys", "settings")
    return {
        "projects": "/?all=true",
        **{name: f"{project}/{name}" for name in lists},
        "workflow": f"{project}/workflows/{scene.workflows['Double']}",
        "editor": scene.editor("Double"),
        "new workflow": f"{project}/new",
        "run": scene.run("Double"),
        "failed run": scene.run("Failing"),
        "waiting run": scene.run("Asking"),
        "comparison": f"{project}/compare?a={scene.runs['Double']}&b={scene.runs['Failing']}",
    }


async def measure(report: Report, scene: Scene) -> None:
    """Findings per theme; what is serious or critical is told at once, and none of it is allowed."""
    source = AXE.read_text()
    for theme in THEMES:
        context = await scene.browser.new_context(
            base_url=scene.origin, viewport=SIZE, color_scheme=theme, reduced_motion="reduce"
        )
        page = await context.new_page()
        weighty = others = 0
        for name, path in paths(scene).items():
            await page.goto(path)
            await page.evaluate(QUIET)
            await page.evaluate(source)
            for found in await page.evaluate(LOOK):
                serious = found["impact"] in WEIGHTY
                weighty += serious
                others += not serious
                report.note(f"{theme}, {name}: {found['impact']} {found['id']} at {found['at']}")
        await context.close()
        pages = f"on {len(paths(scene))} pages, {theme}"
        report.add(Figure("axe", f"serious and critical findings {pages}", weighty, "", limit=0))
        report.add(Figure("axe", f"other findings {pages}", others, ""))
