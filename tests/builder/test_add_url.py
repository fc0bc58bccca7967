"""ADD of URLs, from a web server with faults."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.web import Request, Web, running_web
from support.wherry import Wherry

BODY = b"0123456789" * 100
DIGEST = hashlib.sha256(BODY).hexdigest()
DATE = "Tue, 03 Feb 2026 04:05:06 GMT"


@pytest.fixture
def web() -> Iterator[Web]:
    with running_web() as one:
        yield one


def file(request: Request) -> None:
    if request.headers.get("If-None-Match") == '"1"':
        request.answer(304)
    else:
        request.answer(200, BODY, ETag='"1"', Last_Modified=DATE)


def build(bb: Wherry, tmp_path: Path, text: str, *args: str) -> str:
    return bb.build(tmp_path / "c", f"FROM bb\n{text}\n", *args)


def fails(bb: Wherry, tmp_path: Path, text: str) -> str:
    (tmp_path / "c").mkdir(exist_ok=True)
    (tmp_path / "c/Dockerfile").write_text(f"FROM bb\n{text}\n")
    said = bb.fails("build", str(tmp_path / "c"), code=1)
    assert "Dockerfile:2: ADD failed: " in said, said
    return said


def test_a_file_is_added_with_its_name_and_time(bb: Wherry, tmp_path: Path, web: Web) -> None:
    web.pages["/dir/f%20x.bin"] = file
    image = build(
        bb,
        tmp_path,
        f"ADD {web.url}/dir/f%20x.bin?token=1 /to/\nADD --chmod=644 {web.url}/dir/f%20x.bin /a",
    )
    stat = "stat -c '%a %u %Y' '/to/f x.bin' /a; sha256sum /a | cut -c1-64"
    assert bb("run", "--rm", image, "sh", "-c", stat).splitlines() == [
        "600 0 1770091506",
        "644 0 1770091506",
        DIGEST,
    ]


def test_an_unchanged_file_is_asked_for_and_not_sent_again(bb: Wherry, tmp_path: Path, web: Web) -> None:
    sent: list[int] = []

    def page(request: Request) -> None:
        file(request)
        if "If-None-Match" not in request.headers:
            sent.append(1)

    web.pages["/f"] = page
    first = build(bb, tmp_path, f"ADD {web.url}/f /f")
    assert build(bb, tmp_path, f"ADD {web.url}/f /f") == first
    assert len(web.asked) == 2 and len(sent) == 1
    other = bb("run", "--rm", build(bb, tmp_path, f"RUN echo\nADD {web.url}/f /f"), "wc", "-c", "/f")
    assert other == "1000 /f", "where the layer is another one, its bytes are fetched"


def test_a_changed_file_is_another_layer(bb: Wherry, tmp_path: Path, web: Web) -> None:
    web.pages["/f"] = file
    build(bb, tmp_path, f"ADD {web.url}/f /f")
    web.pages["/f"] = lambda request: request.answer(200, b"new", ETag='"2"')
    assert bb("run", "--rm", build(bb, tmp_path, f"ADD {web.url}/f /f"), "cat", "/f") == "new"


def test_with_a_checksum_it_is_verified_and_then_not_even_asked_for(
    bb: Wherry, tmp_path: Path, web: Web
) -> None:
    web.pages["/f"] = file
    first = build(bb, tmp_path, f"ADD --checksum=sha256:{DIGEST} {web.url}/f /f")
    web.asked.clear()
    assert build(bb, tmp_path, f"ADD --checksum=sha256:{DIGEST} {web.url}/f /f") == first
    assert web.asked == []


def test_a_wrong_checksum_names_both(bb: Wherry, tmp_path: Path, web: Web) -> None:
    web.pages["/f"] = file
    said = fails(bb, tmp_path, f"ADD --checksum=sha256:{'0' * 64} {web.url}/f /f")
    assert f"got sha256:{DIGEST}, want sha256:{'0' * 64}" in said
    assert "invalid checksum" in fails(bb, tmp_path, f"ADD --checksum=md5:00 {web.url}/f /f")
    assert "only source" in fails(bb, tmp_path, f"ADD --checksum=sha256:{DIGEST} f /f")


def cut(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(BODY)))
    request.end_headers()
    request.wfile.write(BODY[:300])
    request.close_connection = True


def cut_chunks(request: Request) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"12c\r\n" + BODY[:300] + b"\r\n")
    request.close_connection = True


@pytest.mark.parametrize("page", [cut, cut_chunks])
def test_a_download_that_is_cut_is_an_error(bb: Wherry, tmp_path: Path, web: Web, page: object) -> None:
    web.pages["/f"] = page  # type: ignore[assignment]
    assert "could not be fetched" in fails(bb, tmp_path, f"ADD {web.url}/f /f")
    web.pages["/f"] = file
    assert bb("run", "--rm", build(bb, tmp_path, f"ADD {web.url}/f /f"), "wc", "-c", "/f") == "1000 /f"


def test_other_faults_of_a_server(bb: Wherry, tmp_path: Path, web: Web) -> None:
    web.pages["/loop"] = lambda request: request.answer(302, Location="/loop")
    assert "too many redirects" in fails(bb, tmp_path, f"ADD {web.url}/loop /f")
    assert "the server answered 404" in fails(bb, tmp_path, f"ADD {web.url}/absent /f")
    said = fails(bb, tmp_path, "ADD http://127.0.0.1:9/f /f")
    assert "could not be fetched: " in said and "Connection refused" in said and "Errno" not in said
    assert "cannot determine a filename" in fails(bb, tmp_path, f"ADD {web.url}/ /to/")


def test_a_redirect_is_followed(bb: Wherry, tmp_path: Path, web: Web) -> None:
    web.pages["/f"] = lambda request: request.answer(302, Location="/elsewhere/g")
    web.pages["/elsewhere/g"] = file
    assert bb("run", "--rm", build(bb, tmp_path, f"ADD {web.url}/f /to/"), "ls", "/to") == "f"


def test_a_password_is_in_no_message(bb: Wherry, tmp_path: Path, web: Web) -> None:
    def page(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        request.answer(200 if given == "Basic bWU6czNjcjN0" else 401, b"ok")

    web.pages["/f"] = page
    url = web.url.replace("://", "://me:s3cr3t@")
    assert bb("run", "--rm", build(bb, tmp_path, f"ADD {url}/f /f"), "cat", "/f") == "ok"
    said = fails(bb, tmp_path, f"ADD {url.replace('me', 'you')}/f /f")
    assert "s3cr3t" not in said.partition("\n   ")[0].rpartition("ADD failed")[2]


def test_an_archive_is_unpacked_only_when_asked(bb: Wherry, tmp_path: Path, web: Web) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("inside"))
    packed = gzip.compress(plain.getvalue())
    web.pages["/x.tar.gz"] = lambda request: request.answer(200, packed)
    image = build(bb, tmp_path, f"ADD {web.url}/x.tar.gz /no/\nADD --unpack=true {web.url}/x.tar.gz /yes/")
    assert bb("run", "--rm", image, "sh", "-c", "ls /no /yes").split() == [
        "/no:",
        "x.tar.gz",
        "/yes:",
        "inside",
    ]


def test_copy_takes_no_url(bb: Wherry, tmp_path: Path, web: Web) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text(f"FROM bb\nCOPY {web.url}/f /f\n")
    said = bb.fails("build", str(tmp_path / "c"), code=1)
    assert "a source of COPY is a path" in said and "ADD takes URLs" in said and web.asked == []
