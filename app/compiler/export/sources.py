"""Where the functions of tools come from, for a program that has to import them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from app.compiler.export.layout import quoted
from app.compiler.export.names import Names
from app.compiler.tools import Tool

_FOLDER, _OWN = "workflow_", "app."


@dataclass
class ToolSources:
    """Gives each tool the Python expression of its function, and collects the lines that import them."""

    names: Names
    imports: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def reference(self, tool: Tool) -> str | None:
        """The function as the program calls it; None where it cannot be imported."""
        if tool.name not in self.references and tool.name not in self.missing:
            found = self._found(tool)
            if found is None:
                self.missing.add(tool.name)
            else:
                self.references[tool.name] = found
        return self.references.get(tool.name)

    def _found(self, tool: Tool) -> str | None:
        module, name = tool.function.__module__, tool.function.__qualname__
        loaded = sys.modules.get(module)
        if not name.isidentifier() or getattr(loaded, name, None) is not tool.function or module.startswith(_OWN):
            return None
        if module.startswith(_FOLDER) and loaded is not None and loaded.__file__:
            alias = self._file(Path(loaded.__file__))
            return None if alias is None else f"{alias}.{name}"
        alias = self.names.take(name, name, "tool")
        self.imports[tool.name] = f"from {module} import {name}" + ("" if alias == name else f" as {alias}")
        return alias

    def _file(self, path: Path) -> str | None:
        """The name of a file's module; None for a second file of the same name, which would not be found."""
        if path.name not in self.files:
            self.files[path.name] = self.names.take(path.stem, "tools", "tools")
            self.places[path.name] = path
        return self.files[path.name] if self.places[path.name] == path else None

    def lines(self) -> list[str]:
        """The lines that import all functions."""
        loads = [f"{alias} = load_file({quoted(name)})" for name, alias in self.files.items()]
        imports = sorted(set(self.imports.values()))
        return [*imports, *loads]

    def notes(self) -> list[str]:
        """What a reader has to know about them."""
        found = []
        modules = sorted({line.split()[1] for line in self.imports.values()})
        if modules:
            found.append(f"Tools are imported from {', '.join(modules)}; install what has them.")
        if self.files:
            names = ", ".join(sorted(self.files))
            found.append(
                f"Tools come from {names}: put them beside this program, or name their folder in GRAPHWRIGHT_TOOLS."
            )
        return found
