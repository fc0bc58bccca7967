"""A registry that keeps everything in memory, and does what a real one rarely does: lies, cuts, forgets."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)$")
BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})$")
BEGIN = re.compile(r"/v2/(.+)/blobs/uploads/$")
UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/([0-9]+)$")
TAGS = re.compile(r"/v2/(.+)/tags/list$")


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """`hooks` see each request first; one that returns true has answered it."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.hooks: list[Callable[[Request], bool]] = []
        self.asked: list[Asked] = []
        self.ranges = True
        self._turn = threading.Lock()
        registry = self

        class Handler(Request):
            fake = registry

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.host = f"127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def put(self, name: str, tag: str, media_type: str, data: bytes) -> str:
        for reference in (tag, digest(data)):
            self.manifests[name, reference] = (media_type, data)
        return digest(data)

    def put_blob(self, data: bytes) -> str:
        self.blobs[digest(data)] = data
        return digest(data)

    def count(self, method: str, pattern: str) -> int:
        return sum(1 for a in self.asked if a.method == method and re.search(pattern, a.path))

    def new_upload(self) -> str:
        with self._turn:
            name = str(len(self.uploads))
            self.uploads[name] = bytearray()
            return name


class Request(BaseHTTPRequestHandler):
    fake: FakeRegistry
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.fake.asked.append(Asked(self.command, self.path, dict(self.headers)))
        for hook in list(self.fake.hooks):
            if hook(self):
                return
        for pattern, serve in (
            (MANIFEST, self._manifest),
            (BLOB, self._blob),
            (BEGIN, self._begin),
            (UPLOAD, self._upload),
            (TAGS, self._tags),
        ):
            found = pattern.match(parts.path)
            if found:
                serve(*found.groups())
                return
        self.answer(200 if parts.path == "/v2/" else 404, b"{}")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = _serve  # noqa: N815  http.server's names

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(2)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _manifest(self, name: str, reference: str) -> None:
        if self.command == "PUT":
            data = self.body()
            kind = self.headers["Content-Type"]
            self.fake.put(name, reference, kind, data)
            self.answer(201, Docker_Content_Digest=digest(data), Location=self.path)
            return
        found = self.fake.manifests.get((name, reference))
        if found is None:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
            return
        kind, data = found
        self.answer(200, data, Content_Type=kind, Docker_Content_Digest=digest(data))

    def _blob(self, _name: str, wanted: str) -> None:
        data = self.fake.blobs.get(wanted)
        if data is None:
            self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}')
            return
        asked = re.match(r"bytes=([0-9]+)-([0-9]*)$", self.headers.get("Range", ""))
        if asked and self.fake.ranges:
            start, end = int(asked[1]), min(len(data), int(asked[2] or len(data)) + 1)
            self.answer(206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(data)}")
        else:
            self.answer(200, data)

    def _begin(self, name: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if query.get("mount", [""])[0] in self.fake.blobs:
            self.answer(201, Location=f"/v2/{name}/blobs/{query['mount'][0]}")
            return
        self.answer(202, Location=f"/v2/{name}/blobs/uploads/{self.fake.new_upload()}")

    def _upload(self, name: str, number: str) -> None:
        have = self.fake.uploads.get(number)
        if have is None:
            self.answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
        elif self.command == "PATCH":
            start = int(self.headers.get("Content-Range", "0").partition("-")[0])
            if start != len(have):
                self.answer(416, Range=f"0-{max(0, len(have) - 1)}")
                return
            left = int(self.headers["Content-Length"])
            while left and (piece := self.rfile.read(min(left, 1 << 14))):
                have += piece
                left -= len(piece)
            self.answer(202, Location=self.path, Range=f"0-{len(have) - 1}")
        elif self.command == "GET":
            self.answer(204, Location=self.path, Range=f"0-{max(0, len(have) - 1)}")
        else:
            wanted = parse_qs(urlsplit(self.path).query)["digest"][0]
            have += self.body()
            if digest(bytes(have)) != wanted:
                self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}')
                return
            self.fake.blobs[wanted] = bytes(have)
            self.answer(201, Location=f"/v2/{name}/blobs/{wanted}")

    def _tags(self, name: str) -> None:
        import json

        tags = sorted(t for n, t in self.fake.manifests if n == name and not t.startswith("sha256:"))
        start = int(parse_qs(urlsplit(self.path).query).get("last", ["0"])[0])
        more = (
            {"Link": f'</v2/{name}/tags/list?last={start + 2}>; rel="next"'}
            if start + 2 < len(tags)
            else {}
        )
        self.answer(200, json.dumps({"name": name, "tags": tags[start : start + 2]}).encode(), **more)

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    try:
        yield fake
    finally:
        fake.close()


def cut(pattern: str, after: int, times: int) -> Callable[[Request], bool]:
    """The bytes of blobs end after so many of them, some times."""
    left = [times]

    def hook(request: Request) -> bool:
        found = BLOB.match(urlsplit(request.path).path)
        if request.command != "GET" or not found or not re.search(pattern, request.path) or not left[0]:
            return False
        left[0] -= 1
        data = request.fake.blobs[found[2]]
        asked = re.match(r"bytes=([0-9]+)-([0-9]*)$", request.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        end = min(len(data), int(asked[2]) + 1) if asked and asked[2] else len(data)
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(end - start))
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        request.end_headers()
        request.wfile.write(data[start : min(end, start + after)])
        request.hang_up()
        return True

    return hook
