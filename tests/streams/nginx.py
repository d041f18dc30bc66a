"""A real nginx in front of what a test serves."""

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import ROOT, free_port, until

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed")

# As people write it who have not read anything: buffered, compressed, HTTP/1.0 to the server.
PLAIN = """
gzip on;
gzip_min_length 0;
gzip_types text/event-stream application/json;
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://{server};
        proxy_read_timeout {timeout};
    }}
}}
"""
MAIN = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {rest}
}}
"""


def recommended(port: int, servers: Sequence[str], timeout: str) -> str:
    """The configuration in the documentation, with the addresses and the patience of a test."""
    (text,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/proxies.md").read_text(), re.DOTALL)
    for old, new in (
        ("server 127.0.0.1:8000;", "\n    ".join(f"server {server};" for server in servers)),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("proxy_read_timeout 60s;", f"proxy_read_timeout {timeout};"),
    ):
        assert text.count(old) == 1, f"docs/proxies.md has no {old}"
        text = text.replace(old, new)
    return str(text)


@dataclass
class Nginx:
    """Runs until it is stopped; can be killed and started again on the same port."""

    folder: Path
    servers: Sequence[str]
    plain: bool = False
    timeout: str = "60s"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> "Nginx":
        assert PROGRAM is not None
        if self.plain:
            rest = PLAIN.format(port=self.port, server=self.servers[0], timeout=self.timeout)
        else:
            rest = recommended(self.port, self.servers, self.timeout)
        config = self.folder / "nginx.conf"
        config.write_text(MAIN.format(folder=self.folder, rest=rest))
        with (self.folder / "stderr").open("wb") as log:
            self.process = subprocess.Popen([PROGRAM, "-p", self.folder, "-c", config], stderr=log)
        await until(self._answers, seconds=10)
        return self

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; a killed master leaves its worker behind, so that one is killed with it."""
        if self.process is None:
            return
        if number is signal.SIGKILL:
            for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                subprocess.run(["kill", "-9", child], check=False)
        self.process.send_signal(number)
        self.process.wait(10)
        self.process = None

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            return False
        writer.close()
        return True
