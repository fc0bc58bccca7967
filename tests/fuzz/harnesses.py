"""One harness for each parser that reads bytes from outside.

A harness takes any bytes and returns; what wherry raises on purpose is one of its answers, any other
exception a finding.  `run.py` drives them by coverage; `test_parsers.py` with hypothesis and with what was
found before.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from wherry.errors import WherryError
from wherry.layers.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable

TRUNCATED = 1 << 22
"""Bytes that are read of a stream: a bomb is to give its bytes piece by piece, not to end."""


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def tar(data: bytes) -> None:
    """Members, and files of them in a folder that is removed again."""
    from wherry.layers.unpack import unpack

    folder = tempfile.mkdtemp(prefix="fuzz-")
    try:
        os.mkdir(folder + "/tree")
        unpack(io.BytesIO(_checksummed(data)), folder + "/tree")
    finally:
        remove_tree(folder)


def _checksummed(data: bytes) -> bytes:
    """With right checksums, which no mutation keeps: what lies behind them is to be reached."""
    blocks = bytearray(data)
    for start in range(0, len(blocks) - 511, 512):
        block = blocks[start : start + 512]
        if block[257:262] == b"ustar" or block[148:156].strip(b"\0 01234567") == b"":
            block[148:156] = b" " * 8
            if sum(block) != 8 * 32:
                blocks[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(blocks)


def members(data: bytes) -> None:
    """Headers alone, as `cp` and ADD look into archives."""
    from wherry.layers.tarread import TarReader

    reader = TarReader(io.BytesIO(_checksummed(data)))
    for member in reader:
        assert member.entry.size >= 0
        for _ in reader.data():
            pass


def compressed(data: bytes) -> None:
    from wherry.layers.compress import decompressed

    stream = decompressed(io.BytesIO(data))
    read = 0
    while read < TRUNCATED and (piece := stream.read(1 << 16)):
        assert len(piece) <= 1 << 16
        read += len(piece)


def dockerfile(data: bytes) -> None:
    from wherry.dockerfile import parse

    parse(data)


def plan(data: bytes) -> None:
    """Stages, their bases and their arguments; each ONBUILD as it is read from an image."""
    from wherry.builder.plan.graph import make_plan, meta_scope
    from wherry.dockerfile import parse

    found = parse(data)
    make_plan(found, None, meta_scope(found, {"A": "1"}))


def expansion(data: bytes) -> None:
    """The first line is a word, the second a value."""
    from wherry.dockerfile.expand import ExpansionError, expand, expand_document, expand_words, used

    word, _, value = text(data).partition("\n")
    for each in (expand, expand_words, expand_document):
        try:
            each(word, {"v": value, "w": "x y"})
        except ExpansionError:
            pass
    used(word)


def ignore(data: bytes) -> None:
    from wherry.dockerfile.ignore import parse

    rules, _, name = text(data).rpartition("\n")
    found = parse(rules)
    found.verdict(name.strip("/\0") or "a")
    found.may_skip(name.strip("/\0") or "a")


def wildcards(data: bytes) -> None:
    from wherry.dockerfile.glob import match

    pattern, _, name = text(data).partition("\n")
    match(pattern, name)


def config(data: bytes) -> None:
    """An image's configuration, and all that reads it."""
    from wherry.builder.plan.state import State
    from wherry.dockerfile.ast import Location
    from wherry.dockerfile.parser import parse_trigger
    from wherry.oci.config import parse

    found = parse(data)
    found.to_json()
    state = State(found.config, found.author)
    dict(state.variables)
    state.run_env()
    for trigger in found.config.get("OnBuild") or []:
        parse_trigger(trigger, Location("base", 1, 1, ()), "\\")


def manifest(data: bytes) -> None:
    from wherry.oci import manifest as oci

    for parse in (oci.parse, oci.parse_index):
        try:
            parse(data)
        except WherryError:
            pass


def archive(data: bytes) -> None:
    """manifest.json and index.json of an archive with one config."""
    from wherry.images.load import load_images
    from wherry.store import Store

    root = tempfile.mkdtemp(prefix="fuzz-")
    try:
        load_images(Store.open(root), io.BytesIO(_archive(data)))
    finally:
        remove_tree(root)


def _archive(data: bytes) -> bytes:
    import tarfile

    made = io.BytesIO()
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    parts = data.split(b"\xff")
    files = dict(zip(("manifest.json", "index.json", "c.json"), [*parts, config], strict=False))
    with tarfile.open(fileobj=made, mode="w") as out:
        for name, content in files.items():
            if content:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))
    return made.getvalue()


def elf(data: bytes) -> None:
    from wherry.programs.elf import read_elf
    from wherry.programs.symbols import symbols

    read_elf(io.BytesIO(data))
    found = symbols(lambda at, size: data[at : at + size], len(data))
    assert found is None or found.size <= len(data)


def libraries(data: bytes) -> None:
    """The loader's configuration, and a program, in an image of one layer."""
    from wherry.layers.view import View
    from wherry.oci.platform import Platform
    from wherry.programs.start import Start, problems

    conf, _, program = data.partition(b"\xff\xff")
    root = tempfile.mkdtemp(prefix="fuzz-")
    try:
        os.mkdir(root + "/etc")
        for name, content in (("etc/ld.so.conf", conf), ("p", program)):
            with open(f"{root}/{name}", "wb") as file:
                file.write(content)
        os.chmod(root + "/p", 0o755)
        problems(View([root]), Start(["/p"], {"PATH": "/"}, "/", 0, (), Platform("linux", "amd64")))
    finally:
        remove_tree(root)


def reference(data: bytes) -> None:
    from wherry.oci.reference import from_canonical, parse

    found = parse(text(data))
    assert parse(found.familiar()).canonical() == found.canonical()
    assert from_canonical(found.canonical()) == found


def platform(data: bytes) -> None:
    from wherry.oci.platform import parse

    str(parse(text(data)))


def gitref(data: bytes) -> None:
    from wherry.remote.gitref import parse_gitref

    parse_gitref(text(data))


def users(data: bytes) -> None:
    """passwd and group, and who is looked up: after NUL bytes, which none of them holds."""
    from wherry.sandbox.users import resolve_owner, resolve_user

    passwd, group, who = (text(data).split("\0") + ["", "", "a"])[:3]
    files = {"/etc/passwd": passwd, "/etc/group": group}
    for resolve in (resolve_user, resolve_owner):
        try:
            found = resolve(who, lambda path: files.get(path, ""))
        except WherryError:
            continue
        assert all(0 <= number < 1 << 32 for number in found[:2])


def manifests(data: bytes) -> None:
    from wherry.proxy.sources.manifests import parse

    parse("a.yaml", data)
    parse("a.json", data)


def routes(data: bytes) -> None:
    """Manifests to nginx's configuration."""
    from wherry.proxy.graph.options import Options
    from wherry.proxy.nginx.render import RenderOptions, render
    from wherry.proxy.routes import Router
    from wherry.proxy.sources.manifests import parse

    found = parse("a.yaml", data)
    table = Router(Options("cluster.local")).build(found.snapshot)
    render(table.routes, RenderOptions(listen=("127.0.0.1:8080",)))


def template(data: bytes) -> None:
    from wherry.cli.core.template import Template

    value: dict[str, Any] = {"A": "b", "L": {"x": 1, "y": None}, "N": [1, "2", {"z": []}], "F": 1.5}
    Template(text(data)).render(value)


def flags(data: bytes) -> None:
    """The words of a command line, parted by NUL bytes, against the flags of `run` and `build`."""
    from wherry.cli.builder import build
    from wherry.cli.container import run
    from wherry.cli.core.flags import parse

    words = text(data).split("\0")
    for command in (run.COMMAND, build.COMMAND):
        try:
            parse(command, words)
        except WherryError:
            pass


def mount(data: bytes) -> None:
    """The flags of an instruction, and RUN --mount."""
    from wherry.dockerfile import parse

    parse(b"FROM scratch\nRUN --mount=" + data.replace(b"\n", b" ") + b" x\n")


def response(data: bytes) -> None:
    """What an HTTP server answers to an ADD."""
    import socket
    import threading

    from wherry.remote.http import _get

    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(5)

    def serve() -> None:
        try:
            peer, _ = server.accept()
            server.close()  # nobody is there where a redirect leads
            with peer:
                peer.settimeout(5)
                peer.recv(1 << 16)
                peer.sendall(data)
        except OSError:
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    folder = tempfile.mkdtemp(prefix="fuzz-")
    try:
        _get(f"http://127.0.0.1:{server.getsockname()[1]}/f", folder + "/f", None, lambda: None, {})
    finally:
        server.close()
        thread.join()
        remove_tree(folder)


def lines(data: bytes) -> None:
    """The stream of a watch."""
    from wherry.kube.lines import Lines

    stream = Lines(1 << 16)
    for start in range(0, len(data), 7):
        for line in stream.feed(data[start : start + 7]):
            try:
                json.loads(line)
            except (ValueError, RecursionError):
                pass


def buildrecord(data: bytes) -> None:
    """A record of a build, as `explain` reads it."""
    from wherry.store.buildrecord import read

    try:
        read(json.loads(data))
    except (KeyError, TypeError, ValueError, RecursionError):
        pass


def visible(data: bytes) -> None:
    """What is shown of text from outside has no control character."""
    from wherry.cli.core.printable import HARMLESS, printable, width

    shown = printable(text(data))
    assert all(char.isprintable() or char in HARMLESS for char in shown), ascii(shown)
    shown.encode()
    assert width(shown) >= 0


def urls(data: bytes) -> None:
    """A shown URL keeps no password, wherever it stands in a text."""
    from wherry.remote.urls import USERINFO, shown

    found = shown(text(data))
    assert shown(found) == found
    assert all(each in ("git@", "xxxxx:xxxxx@") for each in USERINFO.findall(found))


def packages(data: bytes) -> None:
    """Every record of package managers and compilers, and the document that is made of what they say."""
    from wherry.builder.attest.spdx import document
    from wherry.packages import apk, dpkg, gem, golang, java, npm, osrelease, python, rpm
    from wherry.packages.find import Found

    system = osrelease.parse(data)
    found = [*dpkg.packages(data, "/p", system), *apk.packages(data, "/p", system)]
    found += [one for read in (npm, python, gem) if (one := read.package(data, "/p")) is not None]
    found += [*golang.packages(io.BytesIO(data), "/p"), *java.packages(io.BytesIO(data), "/p")]
    found += rpm.of_header(data, "/p", system)
    value = document(
        Found(system, tuple(found)), "a", "sha256:" + "0" * 64, "2026-01-01T00:00:00Z", "wherry"
    )
    json.dumps(value).encode()


def statement(data: bytes) -> None:
    """What is attested of an image, as other builders' indexes bring it along."""
    from wherry.oci.attestation import moved, parts, shown
    from wherry.oci.manifest import Descriptor

    image = Descriptor("", "sha256:" + "1" * 64, 1)
    json.dumps(shown({"sha256:" + "0" * 64: data}, predicates=True))
    attached = moved([data, data], image)  # of which one blob is made
    assert (len(parts(attached.manifest)), len(attached.statements())) == (2, 1)


def layer(data: bytes) -> None:
    """A layer's tar as it comes, and as a part of an archive: the same files, all bytes counted."""
    from wherry.explore.contents import Part
    from wherry.explore.explore import Subject, explore
    from wherry.explore.made import Made
    from wherry.explore.read import from_part, from_tar

    data = _checksummed(data)
    found = from_tar(io.BytesIO(data), "layer")
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        part = from_part(Part(file.name, 0, len(data), file.fileno()), "layer")
        assert [each[:9] for each in part.files] == [each[:9] for each in found.files]
        image = explore(Subject("x", (found, part), (Made(), Made()), ("", "")))
    shown = sum({placed.body: placed.file.size for placed in image.files}.values())
    assert shown + image.wasted == image.size


def index(data: bytes) -> None:
    """The index of a layer, as eStargz and zstd:chunked have it."""
    from wherry.explore.indexed import _files
    from wherry.oci.manifest import Descriptor

    _files(data, Descriptor("", "sha256:" + "0" * 64, 1))


def sources(data: bytes) -> None:
    """What `slim` reads of programs in other languages."""
    from wherry.slim import nginx, perl, ruby, words
    from wherry.slim.java import classfile, jimage
    from wherry.slim.python import compiled, imports

    code = data.decode("utf-8", "replace")
    perl.parse(code)
    ruby.parse(code)
    imports.parse(data)
    classfile.named(data)
    jimage.modules(lambda at, size: data[at : at + size])
    for each in (
        *(compiled.names(data), nginx.directives(code), words.shell_words(code), words.paths(code)),
        *(words.binary_paths(data), words.binary_libraries(data)),
    ):
        for _ in each:
            pass


COMPARED = ("p", "etc/passwd", "etc/group", "usr/lib/os-release", "var/lib/dpkg/status",
            "var/lib/dpkg/info/x.list", "var/lib/dpkg/info/x.md5sums", "lib/apk/db/installed",
            "lib64/ld-linux-x86-64.so.2", "lib64/libc.so.6")  # fmt: skip


def image(data: bytes) -> None:
    """An image's program, users, package databases, loader and C library, parted by four bytes 0xFF: as
    `compare` reads them, and as `slim` cuts the databases."""
    from wherry.compare.compare import compare
    from wherry.compare.document import document
    from wherry.compare.read import same, subject
    from wherry.layers.view import View
    from wherry.oci.config import ImageConfig
    from wherry.slim.closure import Kept
    from wherry.slim.files import Files
    from wherry.slim.origin import Origin
    from wherry.slim.reason import Reason
    from wherry.slim.records import recorded, records
    from wherry.slim.suggest import Content, dockerfile

    root = tempfile.mkdtemp(prefix="fuzz-")
    try:
        for name, content in zip(COMPARED, data.split(b"\xff" * 4), strict=False):
            os.makedirs(os.path.dirname(f"{root}/tree/{name}"), exist_ok=True)
            with open(f"{root}/tree/{name}", "wb") as file:
                file.write(content)
            os.chmod(f"{root}/tree/{name}", 0o755)
        config = ImageConfig("amd64", "linux", {"Cmd": ["/p"]})
        os.mkdir(f"{root}/empty")
        with_, without = (subject(each, "", config, [f"{root}/{each}"], [0]) for each in ("tree", "empty"))
        json.dumps(document(compare([with_, without], [], same, each=True)))
        view = View([f"{root}/tree"])
        files = Files(view)
        nodes = {"p": node} if (node := files.find("p")) is not None else {}
        kept = Kept(dict.fromkeys(nodes, Reason("")), nodes)
        cut = records(files, kept, Origin(files).package, None)
        os.mkdir(f"{root}/new")
        assert set(cut.written) <= set(recorded(view, kept, cut, f"{root}/new").nodes)
        try:
            dockerfile("x", {}, Content(sorted(nodes), records=cut.written))
        except ValueError:
            pass
    finally:
        remove_tree(root)


HARNESSES: dict[str, Callable[[bytes], object]] = {
    each.__name__: each
    for each in (
        tar, members, compressed, dockerfile, plan, expansion, ignore, wildcards, config, manifest, archive,
        elf, libraries, reference, platform, gitref, users, manifests, routes, template, flags, mount,
        response, lines, buildrecord, visible, urls, packages,
        statement, layer, index, sources, image,
    )
}  # fmt: skip


def try_one(name: str, data: bytes) -> None:
    """Give bytes to a parser.  Raises what is a finding."""
    try:
        HARNESSES[name](data)
    except WherryError:
        pass
