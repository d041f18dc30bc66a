import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^\s*[-*] \*\*([A-Z]+-\d+)\*\*", re.MULTILINE)
WEB_CITATION = re.compile(r"\[([A-Z]+-\d+)\]")


def rules() -> dict[str, Path]:
    """Every rule of the specs and the file that states it; a rule stated twice is an error."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / "specs").glob("*.md")):
        for name in RULE.findall(path.read_text()):
            assert name not in found, f"{name} is stated in {path.name} and in {found[name].name}"
            found[name] = path
    return found


def cited_in(path: Path) -> set[str]:
    """The rules that the `spec` marks of a test file name."""
    return {
        argument.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "spec"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def citations() -> set[str]:
    """Every rule that a test proves, in Python and in the web application's tests."""
    python = {name for path in (ROOT / "tests").rglob("*.py") for name in cited_in(path)}
    pages = (path for kind in ("*.test.ts", "*.test.tsx") for path in (ROOT / "web" / "src").rglob(kind))
    return python | {name for path in pages for name in WEB_CITATION.findall(path.read_text())}


def test_every_rule_is_proved_by_a_test() -> None:
    assert sorted(set(rules()) - citations()) == []


def test_every_citation_names_a_rule() -> None:
    assert sorted(citations() - set(rules())) == []
