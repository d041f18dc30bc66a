import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import platformdirs
import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.cli.api import KEY, PROJECT, URL
from app.cli.lazy import COMMANDS
from app.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.config import Settings
from app.worker.process import SECRET_PREFIX

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PREFIX = "GRAPHWRIGHT_"
VARIABLE = re.compile(r"\b(?:GRAPHWRIGHT_[A-Z_]+[A-Z]|DATABASE_URL)\b")
ELSEWHERE = {URL, KEY, PROJECT, SECRET_PREFIX.removesuffix("_")}
START_SECONDS = 60


def variable(name: str) -> str:
    return "DATABASE_URL" if name == "database_url" else PREFIX + name.upper()


def default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "the platform's data folder"
    value: Any = field.default
    if isinstance(value, tuple):
        value = ",".join(value)
    return "none" if value in (None, "") else f"`{value}`"


def settings_table() -> str:
    """The table of docs/configuration.md, as the program has it."""
    rows = [
        f"| `{variable(name)}` | {default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def settings() -> set[str]:
    return {variable(name) for name in Settings.model_fields}


@pytest.mark.spec("DOC-1")
def test_the_table_of_settings_is_the_programs() -> None:
    assert settings_table() in (ROOT / "docs" / "configuration.md").read_text(), settings_table()


@pytest.mark.spec("DOC-1")
def test_no_setting_shows_its_secret() -> None:
    known = Settings(admin_key=SecretStr("s3cret"), database_url=SecretStr("postgresql://u:s3cret@h/d"))
    assert "s3cret" not in repr(known)


@pytest.mark.spec("DOC-2")
@pytest.mark.parametrize("name", ["README.md", "docs/configuration.md", "docker-compose.yml", "Dockerfile"])
def test_documents_name_only_variables_that_exist(name: str) -> None:
    named = {found for found in VARIABLE.findall((ROOT / name).read_text()) if found != "GRAPHWRIGHT_"}
    assert named - settings() - ELSEWHERE == set()


@pytest.mark.spec("DOC-2")
def test_the_readme_names_the_commands_that_exist() -> None:
    section = README.split("\n## Command line\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(?:graphwright )?([a-z]+)\b[^`]*`(?=[^|]*\|[^|\n]*\|$)", section, re.MULTILINE))
    assert named == set(COMMANDS)


@pytest.mark.spec("DOC-2")
def test_the_readme_names_the_folder_of_the_platform() -> None:
    if sys.platform == "linux" and not os.environ.get("XDG_DATA_HOME"):
        named = Path("~/.local/share/graphwright").expanduser()
        assert Path(platformdirs.user_data_dir("graphwright", appauthor=False)) == named
    assert "~/.local/share/graphwright" in README


@pytest.mark.spec("DOC-3")
@pytest.mark.parametrize("folder", ["specs", "specs/decisions"])
def test_the_index_lists_every_page(folder: str) -> None:
    place = ROOT / folder
    index = (place / "README.md").read_text()
    pages = {page.name for page in place.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\(([^)/]+\.md)\)", index)) == pages


@pytest.mark.spec("DOC-3")
def test_links_between_documents_lead_somewhere() -> None:
    lost = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "specs").rglob("*.md")]
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert lost == []


@pytest.fixture
def address(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A server in a process of its own."""
    known = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        cwd=ROOT,
        env=known | {"DATABASE_URL": database_url, "GRAPHWRIGHT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = next((re.search(r"ready at (\S+)", line) for line in process.stdout if "ready at" in line), None)
        assert found is not None, "the server has ended"
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        process.wait(30)


def first_workflow() -> list[str]:
    """The steps of the README's first workflow, as it writes them."""
    section = README.split("\n## A first workflow\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.mark.spec("DOC-4")
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_first_workflow_of_the_readme_runs_as_it_is_written(address: str) -> None:
    script = "\n".join(first_workflow())
    assert "http://127.0.0.1:8000/api/v1" in script
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", address) + "\necho; echo $PROJECT"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"result":{"small":"42 is small"}' in done.stdout
    assert done.stdout.count("event: workflow.run.completed") == 2
    project = done.stdout.split()[-1]
    runs = httpx.get(f"{address}/api/v1/projects/{project}/workflows/runs").json()["items"]
    assert [run["status"] for run in runs] == ["COMPLETED", "COMPLETED"]


@pytest.mark.spec("DOC-95")
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_curl_commands_of_the_manuals_work_as_they_are_written(address: str) -> None:
    manuals = "".join((ROOT / "docs" / page).read_text() for page in ("operations.md", "retention.md"))
    blocks = "".join(re.findall(r"```sh\n(.*?)```", manuals, re.DOTALL)).replace("\\\n", "")
    commands = re.findall(r"^curl (.*)$", blocks, re.MULTILINE)
    assert len(commands) == 3
    first = first_workflow()[0].replace("http://127.0.0.1:8000", address)
    script = "\n".join([first, *(f"curl -sSf {command}" for command in commands)])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"max_running":1' in done.stdout
    assert '"keep_runs_days":90' in done.stdout


@pytest.mark.spec("DOC-6")
def test_the_graphs_of_the_manual_are_valid() -> None:
    compiler = WorkflowGraphCompiler(load_registry())
    graphs = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "graphs.md").read_text(), re.DOTALL)
    assert len(graphs) > 4
    assert [compiler.inspect(json.loads(text)).problems for text in graphs] == [[]] * len(graphs)


@pytest.mark.spec("DOC-5")
def test_the_build_runs_the_test_command_of_the_readme() -> None:
    build = ROOT / ".ci" / "run"
    assert os.access(build, os.X_OK)
    assert "make test" in build.read_text()
    assert "make test" in README
