"""an app's publishing site on this machine: takes zips as One Deploy does, and fails as it is told"""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

SUCCESS = {"status": 4, "status_text": "", "complete": True}


@dataclass(frozen=True)
class Reply:
    """What the site answers with; `instead` is done in place of an answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    instead: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass
class OneDeploy:
    """`publishes` and `polls` are answered first, in order; then all goes well."""

    address: str = ""
    publishes: list[Reply] = field(default_factory=list)
    polls: list[Reply] = field(default_factory=list)
    log: Reply = field(default_factory=lambda: Reply(404))
    taken: list[bytes] = field(default_factory=list)
    """Every zip that came whole."""
    asked: list[tuple[str, str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    """Method, path, query and headers of every request."""
    _lock: Lock = field(default_factory=Lock)

    def of(self, service: str) -> int:
        """How often the code of a service was taken."""
        return sum(f"services/{service}/function_app.py" in ZipFile(io.BytesIO(each)).namelist() for each in self.taken)

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked]

    def _note(self, handler: BaseHTTPRequestHandler) -> str:
        url = urlsplit(handler.path)
        with self._lock:
            self.asked.append((str(handler.command), url.path, parse_qs(url.query), dict(handler.headers)))
        return url.path

    def _next(self, replies: list[Reply], otherwise: Reply) -> Reply:
        with self._lock:
            return replies.pop(0) if replies else otherwise


@contextmanager
def serving(site: OneDeploy | None = None) -> Iterator[OneDeploy]:
    site = site or OneDeploy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            site._note(self)
            reply = site._next(site.publishes, Reply(202, "8b1c", {}))
            if reply.instead:
                reply.instead(self)
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if reply.status < 300:
                site.taken.append(body)
            self.answer(reply)

        def do_GET(self) -> None:
            path = site._note(self)
            reply = site.log if path.endswith("/log") else site._next(site.polls, Reply(200, SUCCESS))
            if reply.instead:
                reply.instead(self)
                return
            self.answer(reply)

        def answer(self, reply: Reply) -> None:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked has gone: some tests want that."""

    server = Server(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# -- what can go wrong with a connection ----------------------------------------------------------------------------


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Take a part of what comes, and go."""
    handler.rfile.read(10)
    handler.close_connection = True
    handler.connection.close()


def say_nothing(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        time.sleep(seconds)
        handler.close_connection = True

    return silent


def drip(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of a byte at a time, that does not end."""

    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(int(seconds / 0.02)):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)
        handler.close_connection = True

    return dripping


def crawl(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """Take the zip a little at a time."""

    def crawling(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(int(seconds / 0.05)):
            handler.rfile.read(1024)
            time.sleep(0.05)
        handler.close_connection = True

    return crawling
