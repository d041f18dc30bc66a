"""Importing Python by name or from a file."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def import_named(name: str) -> ModuleType:
    """The module of that name; raises ImportError, also for the main program, which is only known by its file."""
    if name == "__main__":
        raise ImportError("the main program has no name to import it by")
    return importlib.import_module(name)


def import_file(path: Path, name: str) -> ModuleType:
    """Run a Python file as the module `name` and return it; raises whatever the file raises."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and annotations look their own module up while it runs.
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if previous is None:
            del sys.modules[name]
        else:
            sys.modules[name] = previous
        raise
    return module
