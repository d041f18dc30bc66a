"""Which operating system user the server runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedPostgresError

DEDICATED = "graphwright-postgres"
SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system user that the server runs as; `switch` says that it is not the one we are."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, *command: str | Path, keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program as this user with a clean environment; `keep` are descriptors that it inherits."""
        return subprocess.run(  # noqa: S603 - our own binaries with paths that were checked
            [str(part) for part in command],
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C"},
            cwd="/",
            umask=0o077,
            pass_fds=keep,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


def account_for(data: Path, name: str, search_path: str = SYSTEM_PATH) -> Account:
    """The user of the server on this data folder: its owner, or for new data ourselves, or as root the named user."""
    version = data / "PG_VERSION"
    if not version.exists():
        return new_account(name, search_path)
    owner = version.stat().st_uid
    if os.geteuid() not in {0, owner}:
        raise EmbeddedPostgresError(
            f"The data folder {data} belongs to user {owner}, and this is user {os.geteuid()}. "
            "Run Graphwright as the same user as before, or choose another GRAPHWRIGHT_HOME."
        )
    if owner == 0:
        raise EmbeddedPostgresError(
            f"The data folder {data} belongs to root, and PostgreSQL does not run as root. "
            f"Give it to the database's own user: chown -R {new_account(name, search_path).name} {data}"
        )
    return _entry(owner)


def new_account(name: str, search_path: str = SYSTEM_PATH) -> Account:
    """Ourselves; as root the user of this name, created if need be, or `nobody` where users cannot be created."""
    if os.geteuid() != 0:
        return _entry(os.geteuid())
    for candidate in (name, _created(name, search_path), "nobody"):
        try:
            return _entry(pwd.getpwnam(candidate).pw_uid)
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and there is no user to run it as. Create one: useradd --system {name}"
    )


def _created(name: str, search_path: str) -> str:
    useradd = shutil.which("useradd", path=search_path)
    if useradd is not None:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        # another process may be faster: whether the user is there afterwards is all that counts
        subprocess.run(  # noqa: S603 - the system's own useradd with constants
            [useradd, *options, "--shell", "/bin/false", name], capture_output=True, check=False
        )
    return name


def _entry(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"User id {uid} has no entry in the user database, which PostgreSQL needs. "
            "Add one to /etc/passwd, or set DATABASE_URL to use another server."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=os.geteuid() != uid)
