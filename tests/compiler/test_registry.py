import asyncio
import importlib.metadata
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from app.compiler.context import NodeContext
from app.compiler.discovery import discover_templates, load_registry
from app.compiler.registry import collecting, installed, node_type, snapshot, tool
from app.compiler.resources import Resources
from app.compiler.tools import RegistrationError


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1


TIMES = """
from __future__ import annotations
from dataclasses import dataclass
from app.compiler import tool
from .helpers import FACTOR

@dataclass
class Row:
    n: int

@tool(name="folder.times")
def times(n: int) -> Row:
    return Row(n * FACTOR)

@tool(name="folder.times_elsewhere", process=True)
def times_elsewhere(n: int) -> Row:
    return Row(n * FACTOR)
"""


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(textwrap.dedent(text))
    return folder


@pytest.mark.spec("NODE-3")
async def test_a_function_becomes_a_node_type_with_and_without_arguments() -> None:
    with collecting() as catalogue:

        @node_type
        def grow(context: NodeContext, config: Config) -> Any:
            """Grows."""
            return {"size": config.size, "tags": {"b", "a"}}

        @node_type("shrink", config=Config, title="Make small", literal=("size",))
        async def _shrink(context: NodeContext, config: Config) -> Any:
            return (config.size,)

    types = snapshot(catalogue).node_types
    assert (types["grow"].title, types["grow"].description) == ("Grow", "Grows.")
    assert types["shrink"].title == "Make small"
    assert types["shrink"].literal == ("size",)
    resources = Resources(registry=snapshot(catalogue))
    context: Any = type("Context", (), {"resources": resources})()
    assert await types["grow"].run(context, Config(size=3)) == {"size": 3, "tags": ["a", "b"]}
    assert await types["shrink"].run(context, Config()) == [1]
    await resources.aclose()


@pytest.mark.spec("NODE-3")
def test_a_node_type_must_have_a_closed_config() -> None:
    class Open(BaseModel):
        pass

    async def open_node(context: NodeContext, config: Open) -> None: ...
    async def bare(context: NodeContext) -> None: ...

    with collecting():
        with pytest.raises(RegistrationError, match="forbid"):
            node_type(open_node)
        with pytest.raises(RegistrationError, match="second parameter"):
            node_type(bare)


@pytest.mark.spec("NODE-2")
def test_a_name_can_be_taken_once() -> None:
    def one(context: NodeContext, config: Config) -> None: ...
    def two(context: NodeContext, config: Config) -> None: ...

    with collecting():
        tool(name="same")(one)
        tool(name="same")(one)
        with pytest.raises(RegistrationError, match=r"called same.*one.*two"):
            tool(name="same")(two)
        node_type("same")(one)
        with pytest.raises(RegistrationError, match=r"called same.*one.*two"):
            node_type("same")(two)


@pytest.mark.spec("NODE-4")
async def test_python_files_in_folders_add_their_tools(tmp_path: Path) -> None:
    write(tmp_path / "clean-up", helpers__py="FACTOR = 3", _private__py="raise RuntimeError")
    write(tmp_path / "clean-up", tools__py=TIMES)
    write(
        tmp_path, top__py='from app.compiler import tool\n\n@tool(name="folder.top")\ndef top() -> int:\n    return 1\n'
    )
    registry = load_registry([tmp_path])
    assert registry.problems == ()
    assert {name for name in registry.tools if name.startswith("folder.")} == {
        "folder.times",
        "folder.times_elsewhere",
        "folder.top",
    }
    assert not any(name.startswith("folder.") for name in load_registry().tools)
    resources = Resources(registry=registry)
    assert await registry.tools["folder.times"].call({"n": 2}, resources) == {"n": 6}
    assert await registry.tools["folder.times_elsewhere"].call({"n": 2}, resources) == {"n": 6}
    await resources.aclose()
    again = load_registry([tmp_path])
    assert again.problems == ()
    assert again.tools.keys() == registry.tools.keys()


@pytest.mark.spec("NODE-4", "NODE-2")
def test_a_file_that_cannot_be_loaded_is_told_and_adds_nothing(tmp_path: Path) -> None:
    head = "from app.compiler import tool\n\n@tool(name='{}')\ndef f() -> int:\n    return 1\n"
    write(tmp_path / "a", good__py=head.format("bad.good"))
    write(tmp_path / "b", twice__py=head.format("bad.good"), half__py=head.format("bad.half") + "1 / 0\n")
    write(
        tmp_path / "c", syntax__py="def", leave__py="import sys\nsys.exit(1)\n", absent__py="import not_there_at_all\n"
    )
    registry = load_registry([tmp_path, tmp_path / "missing"])
    assert [name for name in registry.tools if name.startswith("bad.")] == ["bad.good"]
    text = "\n".join(registry.problems)
    for word in ("twice.py: Two tools are called bad.good", "half.py: ZeroDivisionError", "syntax.py", "leave.py"):
        assert word in text
    assert "not_there_at_all" in text
    assert "no such folder" in text
    assert len(registry.problems) == 6


@pytest.mark.spec("NODE-4")
def test_installed_packages_add_tools_by_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, plugin_of_test__py="def plain(n: int) -> int:\n    return n\n")
    write(
        tmp_path / "plugin_of_test-1.0.dist-info",
        METADATA="Metadata-Version: 2.1\nName: plugin-of-test\nVersion: 1.0\n",
        entry_points__txt="[graphwright.tools]\nplugin.plain=plugin_of_test:plain\nplugin.lost=plugin_of_test:lost\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.metadata.version("plugin-of-test") == "1.0"
    registry = load_registry()
    assert registry.tools["plugin.plain"].args_schema["required"] == ["n"]
    assert len(registry.problems) == 1
    assert "plugin.lost" in registry.problems[0]
    monkeypatch.delitem(sys.modules, "plugin_of_test", raising=False)
    monkeypatch.delitem(installed().tools, "plugin.plain")


@pytest.mark.spec("NODE-5")
def test_folders_with_a_graph_are_templates(tmp_path: Path) -> None:
    graph = json.dumps({"nodes": [], "edges": []})
    write(tmp_path / "plain-one", graph__json=graph)
    write(
        tmp_path / "full",
        graph__json=graph,
        template__json=json.dumps(
            {"name": "Full", "description": "d", "input": {"a": 1}, "source": "s", "licence": "l"}
        ),
    )
    write(tmp_path / "broken", graph__json="{")
    write(tmp_path / "odd", graph__json=graph, template__json='{"nmae": 1}')
    write(tmp_path / "deep", graph__json="[" * 100_000)
    write(tmp_path / ".hidden", graph__json=graph)
    write(tmp_path / "empty", readme__md="")
    full, plain = discover_templates([tmp_path, tmp_path / "missing"])
    assert (full.id, full.name, full.input, full.source, full.licence) == ("full", "Full", {"a": 1}, "s", "l")
    assert (plain.id, plain.name, plain.graph) == ("plain-one", "Plain one", {"nodes": [], "edges": []})
    assert [template.id for template in discover_templates([tmp_path / "full"])] == ["full"]


@pytest.mark.spec("NODE-4")
def test_loading_works_in_any_thread(tmp_path: Path) -> None:
    write(tmp_path, t__py='from app.compiler import tool\n\n@tool(name="thread.t")\ndef t() -> int:\n    return 1\n')

    async def load() -> Any:
        return await asyncio.to_thread(load_registry, [tmp_path])

    assert "thread.t" in asyncio.run(load()).tools
