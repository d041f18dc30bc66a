"""Importing Python files that belong to no installed package."""

import hashlib
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType


def package_of(folder: Path) -> str:
    """The name of the package whose modules are the Python files of a folder; the same in every process.

    Files of the folder can import each other relatively (`from .cleaning import repair`).
    """
    place = folder.resolve()
    name = f"workflow_{re.sub(r'[^0-9A-Za-z]', '_', place.name)}_{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        package = ModuleType(name, f"Python files of the workflow folder {place}")
        package.__path__ = [str(place)]
        sys.modules[name] = package
    return name


def import_file(file: Path) -> ModuleType:
    """The module of a Python file, run once per process; raises whatever the file raises."""
    importlib.invalidate_caches()
    return importlib.import_module(f"{package_of(file.parent)}.{file.stem}")


def forget_folder(folder: Path) -> None:
    """Let the files of a folder be run again by their next import."""
    name = package_of(folder)
    for known in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[known]
