"""The server's configuration files."""

import os
import secrets
from pathlib import Path

from app.embedded.account import Account
from app.embedded.folders import Folders

SETTINGS_FILE = "graphwright.conf"
ADMIN = "postgres"
ROLE = "graphwright"
INCLUDE = f"\n# Graphwright writes this file at every start; what you set below it wins.\ninclude = '{SETTINGS_FILE}'\n"
INITDB_OPTIONS = (
    f"--username={ADMIN}",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--auth-local=peer",
    "--auth-host=reject",
)


def write_settings(folders: Folders, account: Account, socket: Path, tcp_port: int | None) -> None:
    """Write the settings, and who may connect: root and the server's user, as the kernel knows them."""
    texts = {
        SETTINGS_FILE: _settings(folders.logs, socket, tcp_port),
        "pg_hba.conf": _host_based_access(tcp_port),
        "pg_ident.conf": _identities(account),
    }
    for name, text in texts.items():
        write_file(folders.data / name, text, account)


def write_file(path: Path, text: str, account: Account) -> None:
    """Replace a file of the server in one step, never following a link in its place."""
    half = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if account.switch:
            os.fchown(descriptor, account.uid, account.gid)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    half.replace(path)


def _settings(logs: Path, socket: Path, tcp_port: int | None) -> str:
    values = {
        "listen_addresses": _quoted("" if tcp_port is None else "127.0.0.1"),
        "port": str(tcp_port or 5432),
        "unix_socket_directories": _quoted(f'"{socket}"'),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "jit": "off",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "password_encryption": "'scram-sha-256'",
        "idle_in_transaction_session_timeout": "'60s'",
        "timezone": "'UTC'",
        "logging_collector": "on",
        "log_directory": _quoted(str(logs)),
        "log_filename": "'postgresql-%a.log'",
        "log_rotation_age": "'1d'",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_timezone": "'UTC'",
    }
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def _host_based_access(tcp_port: int | None) -> str:
    lines = [f"local all {ADMIN},{ROLE} peer map={ROLE}"]
    if tcp_port is not None:
        lines.append(f"host all {ROLE} 127.0.0.1/32 scram-sha-256")
    return "\n".join([*lines, ""])


def _identities(account: Account) -> str:
    users = dict.fromkeys(["root", account.name])
    return "".join(f'{ROLE} "{user}" {role}\n' for user in users for role in (ADMIN, ROLE))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
