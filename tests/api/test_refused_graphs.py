import json
from typing import Any

import pytest

from tests.support import ROOT, Project

EXAMPLES = sorted((ROOT / "tests" / "compiler" / "refusals").glob("*.json"))


def _said(problems: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{key: problem[key] for key in ("code", "pointer", "message")} for problem in problems]


@pytest.mark.spec("LANG-22")
async def test_validation_and_creation_say_the_same_of_every_bad_document(project: Project) -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        example = json.loads(path.read_text())

        checked = await project.client.post(f"{project.workflows}/validate", json={"graph": example["graph"]})
        refused = await project.client.post(project.workflows, json={"name": "Bad", "graph": example["graph"]})

        assert (checked.status_code, checked.json()["valid"]) == (200, False), path.stem
        assert _said(checked.json()["problems"]) == example["problems"], path.stem
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_graph"), path.stem
        assert _said(refused.json()["errors"]) == example["problems"], path.stem
    assert (await project.client.get(project.workflows)).json()["items"] == []
