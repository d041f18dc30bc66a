"""The folders of a cluster: where they are, who owns them, who can reach them."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.embedded.account import Account
from app.embedded.errors import EmbeddedPostgresError

# macOS allows 103 bytes, Linux 107
SOCKET_BYTES = 103
LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
# pg_ctl puts paths between double quotes into a shell command
UNSAFE = '"$`\\\n\r'


@dataclass(frozen=True, slots=True)
class Folders:
    """The data folder, after all links, and what lies beside it."""

    data: Path

    @property
    def control(self) -> Path:
        """Lock and leases; belongs to those who use the server."""
        return self.data.with_name(f"{self.data.name}.control")

    @property
    def logs(self) -> Path:
        """The server's log files; belongs to the server."""
        return self.data.with_name("logs") / self.data.name


def place(data_dir: Path, account: Account, store: Path) -> Folders:
    """Where the cluster is or shall be.

    New data in a folder that the server's user cannot reach goes to the store, and `data_dir` becomes a link to it.
    Raises EmbeddedPostgresError if data that is there cannot be reached, or a link leads nowhere.
    """
    _make_parents(data_dir.parent)
    data = data_dir.resolve()
    if any(character in str(data) for character in UNSAFE):
        raise EmbeddedPostgresError(
            f"The path {data} has a quote, dollar, backslash or newline. Choose another folder."
        )
    if not data.parent.is_dir():
        raise EmbeddedPostgresError(
            f"{data_dir} is a link to {data}, which is gone. Bring the data back, or remove the link to start empty."
        )
    blocked = first_unreachable(data.parent, account)
    if blocked is None:
        return Folders(data)
    if data.exists() and any(data.iterdir()):
        raise EmbeddedPostgresError(
            f"The database in {data} runs as user {account.name}, who cannot pass {blocked}. "
            f"Let it pass: chmod o+x {blocked}"
        )
    return Folders(_relocated(data_dir, account, store))


def _relocated(data_dir: Path, account: Account, store: Path) -> Path:
    home = reachable_folder(store, account) / secrets.token_hex(6)
    home.mkdir()
    home.chmod(0o711)
    (home / "HOME").write_text(f"{data_dir}\n")
    if data_dir.is_dir():
        data_dir.rmdir()
    try:
        data_dir.symlink_to(home / "postgres")
    except FileExistsError:  # another process was faster: its place it is
        (home / "HOME").unlink()
        home.rmdir()
    return data_dir.resolve()


def first_unreachable(folder: Path, account: Account) -> Path | None:
    """The first directory on the way down to the folder, itself included, that the account may not pass."""
    if not account.switch:
        return None
    script = 'for d do test -x "$d" || { printf %s "$d"; exit 0; }; done'
    blocked = account.run("/bin/sh", "-c", script, "sh", *reversed(folder.parents), folder).stdout
    return Path(blocked) if blocked else None


def reachable_folder(folder: Path, account: Account) -> Path:
    """Make a folder of ours that the account can pass. Raises EmbeddedPostgresError if it cannot."""
    _make_parents(folder)
    blocked = first_unreachable(folder, account)
    if blocked is not None:
        raise EmbeddedPostgresError(
            f"The database runs as user {account.name}, who cannot pass {blocked}. Set GRAPHWRIGHT_HOME to a folder "
            f"that this user can reach, such as /srv/graphwright, or let it pass: chmod o+x {blocked}"
        )
    return folder


def private_folder(folder: Path, account: Account) -> Path:
    """Make a folder that is the account's alone. Raises EmbeddedPostgresError if it is somebody else's already."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and account.switch:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
        raise EmbeddedPostgresError(f"{folder} is not a directory of user {account.name}. Move it out of the way.")
    if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        folder.chmod(0o700)
    return folder


def socket_folder(data: Path, account: Account) -> Path:
    """A private folder for the socket: beside the data, or a short one in the temporary folder if that does not do."""
    beside = data.with_name(f"{data.name}.socket")
    if _fits(beside):
        return private_folder(beside, account)
    short = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    for top in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - a private folder in it is made and checked
        private = top / f"graphwright-{account.uid}"
        if _fits(private / short) and first_unreachable(top, account) is None:
            private_folder(private, account)
            return private_folder(private / short, account)
    raise EmbeddedPostgresError(
        f"No folder for the socket of {data} will do. Set TMPDIR to a short path without commas."
    )


def _fits(folder: Path) -> bool:
    """Whether clients can use a socket in it: they take a comma in a host for the start of the next one."""
    return "," not in str(folder) and len(os.fsencode(folder)) + len(LONGEST_SOCKET_NAME) <= SOCKET_BYTES


def _make_parents(folder: Path) -> None:
    """Make the missing directories passable for the server's user, whatever our umask; those that are there stay."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
