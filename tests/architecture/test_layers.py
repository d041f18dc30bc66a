from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]


def test_the_modules_import_only_in_the_agreed_direction(capsys: pytest.CaptureFixture[str]) -> None:
    config = ROOT / "pyproject.toml"
    assert read_configuration(str(config))["contracts_options"]
    status = lint_imports(config_filename=str(config), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
