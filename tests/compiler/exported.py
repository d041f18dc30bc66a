"""Runs exported programs in a process that has no Graphwright: its packages are there, `app` is not."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from app.compiler.export import export_python
from tests.compiler.flow import COMPILER

ROOT = Path(__file__).parents[2]

DRIVER = """
import asyncio, importlib.util, json, sys, traceback

sys.path[:0] = sys.argv[1:]
assert not importlib.util.find_spec("app") or not importlib.util.find_spec("app.compiler")

async def one(number, task):
    spec = importlib.util.spec_from_file_location(f"program_{number}", task["file"])
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    try:
        more = {"answers": task["answers"]} if task.get("answers") else {}
        result = await module.run(task["input"], **more)
        final = await module.graph.ainvoke({"input": task["input"], **more}) if task["state"] else {}
        return {"status": "COMPLETED", "result": result, "state": final.get("state"), "nodes": final.get("nodes")}
    except Exception as error:
        nodes = getattr(error, "nodes", None)
        code, message = getattr(error, "code", type(error).__name__), str(error)
        return {"status": "FAILED", "code": code, "message": message, "nodes": nodes, "trace": traceback.format_exc()}

async def main():
    return [await one(number, task) for number, task in enumerate(json.load(sys.stdin))]

print(json.dumps(asyncio.run(main())))
"""


def run_programs(folder: Path, tasks: list[dict[str, Any]], **environment: str) -> list[dict[str, Any]]:
    """What each program comes to: tasks are {source, input, answers?}."""
    shutil.copytree(ROOT / "tests" / "reference", folder / "tests" / "reference", dirs_exist_ok=True)
    (folder / "tests" / "__init__.py").touch()
    given = []
    for number, task in enumerate(tasks):
        file = folder / f"program_{number}.py"
        file.write_text(task["source"])
        answers, state = task.get("answers"), task.get("state", False)
        given.append({"file": str(file), "input": task.get("input"), "answers": answers, "state": state})
    driver = folder / "driver.py"
    driver.write_text(DRIVER)
    paths = [str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(driver), *paths],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def run_program(
    folder: Path,
    graph: Any,
    value: Any = None,
    *,
    answers: Any = None,
    children: Any = None,
    state: bool = False,
    **environment: str,
) -> dict[str, Any]:
    """What the exported program of one graph comes to; `state` asks for its final state and nodes, too."""
    source = export_python(graph, COMPILER.registry, name="A test", children=children)
    task = {"source": source, "input": value, "answers": answers, "state": state}
    return run_programs(folder, [task], **environment)[0]
