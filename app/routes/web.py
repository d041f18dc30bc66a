"""The web application: the built files, and its one page for every address of its own."""

from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse
from starlette.types import Receive, Scope, Send

from app.routes.answers import problem

FOREVER = "public, max-age=31536000, immutable"
ALWAYS_ASK = "no-cache"
NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Graphwright</title>
<p>The web application is not built. Run <code>make web</code>, then load this page again.</p>
<p>The API is at <code>/api/v1</code>; <a href="/api/v1/openapi.json">its description</a>.</p>
</html>
"""


def web_folder() -> Path:
    """The built application: `app/static` where we are installed, `web/dist` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "static"
    return installed if installed.is_dir() else package.parent / "web" / "dist"


class WebApplication:
    """Answers what no route does: with a file, with the page, or with a 404."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route matches."""
        path: str = scope.get("path", "")
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif path == "/api" or path.startswith("/api/") or scope["method"] not in {"GET", "HEAD"}:
            await problem(404, "not_found", "Not Found", f"There is nothing at {path}.")(scope, receive, send)
        elif file := self._file(path):
            cache = FOREVER if path.startswith("/assets/") else ALWAYS_ASK
            await _answer(file, cache, scope)(scope, receive, send)
        elif path.startswith("/assets/"):
            await problem(404, "not_found", "Not Found", f"There is nothing at {path}.")(scope, receive, send)
        elif page := self._file("/index.html"):
            await _answer(page, ALWAYS_ASK, scope)(scope, receive, send)
        else:
            await HTMLResponse(NOT_BUILT, headers={"Cache-Control": ALWAYS_ASK})(scope, receive, send)

    def _file(self, path: str) -> Path | None:
        """The file at a path, if it is one of ours and no way out of the folder."""
        if path.endswith("/") or "\0" in path:
            return None
        file = (self._folder / path.lstrip("/")).resolve()
        return file if file.is_relative_to(self._folder) and file.is_file() else None


def _answer(file: Path, cache: str, scope: Scope) -> FileResponse:
    """The file, or the compressed copy that was built beside it, for who takes that."""
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    packed = file.with_name(f"{file.name}.gz")
    if "gzip" not in Headers(scope=scope).get("accept-encoding", "") or not packed.is_file():
        return FileResponse(file, headers=headers)
    media_type = guess_type(file.name)[0] or "application/octet-stream"
    return FileResponse(packed, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
