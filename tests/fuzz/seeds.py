# ruff: noqa: E501
"""Inputs to begin with: one of each form that a parser knows, so that the search need not guess them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "0" * 64
CONFIG = {
    "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
    "config": {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"x": "y"}, "OnBuild": ["RUN id", "COPY a b"],
               "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "User": "1", "WorkingDir": "/w"},
    "history": [{"created_by": "RUN x", "empty_layer": True}], "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
}  # fmt: skip
DESCRIPTOR = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": DIGEST, "size": 1}


def seeds(name: str) -> list[bytes]:
    """The seeds of a parser; none for most."""
    made = {
        "tar": _tars, "members": _tars, "layer": _tars,
        "index": lambda: [json.dumps({"entries": [{"type": "reg", "name": "a/b", "size": 3, "digest": DIGEST}]}).encode()],
        "compressed": _compressed, "dockerfile": _dockerfiles, "plan": _dockerfiles,
        "config": lambda: [json.dumps(CONFIG).encode()],
        "manifest": lambda: [json.dumps({"config": DESCRIPTOR, "layers": [DESCRIPTOR]}).encode(),
                             json.dumps({"manifests": [DESCRIPTOR]}).encode()],
        "archive": lambda: [json.dumps([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": []}]).encode(),
                            b"\xff" + json.dumps({"manifests": [DESCRIPTOR]}).encode()],
        "elf": lambda: [Path("/bin/true").read_bytes()[:1 << 15]],
        "libraries": lambda: [b"include /etc/ld.so.conf.d/*.conf\n/lib\n\xff\xff" + Path("/bin/true").read_bytes()[:1 << 14],
                              b"\xff\xff#!/p -x\n"],
        "packages": lambda: [b"Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n\nP:c\nV:1\nL:MIT\n",
                             b"Name: a\nVersion: 1\nLicense-Expression: MIT OR (BSD AND X)\n", b"ID=debian\nVERSION_ID='12'\n",
                             b'{"name": "@a/b", "version": "1", "license": {"type": "MIT"}}',
                             b's.name = "a".freeze\ns.version = "1"\ns.licenses = ["MIT".freeze]\n', _jar(),
                             (ROOT / "tests/packages/hello.header").read_bytes()],
        "sources": lambda: [b"use strict;\nuse parent qw(A::B);\nrequire 'a.pl';\n=pod\n\n=cut\neval \"require $x\";\n__END__\n",
                            b"require 'a'\nrequire_relative \"b\"\nautoload :C, 'c/d'\n=begin\n=end\nload(File.join(a))\n",
                            b"import a.b as c\nfrom ..d import (e, f)\nimportlib.import_module('g.h')\n",
                            b"#!/bin/sh\nx=$(a | b) && exec env C=d e < /f/g || { h; }\ncase $1 in i) j;; esac\n",
                            b"http { include a/*.conf; server { root '/b c'; } } # d\n", b"\xda\x05a.b.cz\x02ab\0libx.so.1\0/usr/bin/y\0",
                            b"\xca\xfe\xba\xbe\0\0\0\x3d\0\x05\x01\0\x05a/b/C\x07\0\x01\x06\0\0\0\0\0\0\0\0\x13\0\x01",
                            struct.pack("<7I2I8s6s", 0xCAFEDADA, 1 << 16, 0, 1, 1, 8, 6, 0, 0, b"\x08\1\x10\3\0", b"\0m\0p\0")],
        "image": lambda: [(b"\xff" * 4).join([
            Path("/bin/true").read_bytes()[:1 << 14], b"root:x:0:0:r:/root:/bin/sh\n", b"root:x:0:a,b\n", b"ID=debian\nVERSION_ID=12\n",
            b"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\nPackage: y\nVersion: 2\n",
            b"/.\n/p\n", b"00  p\n", b"P:c\nV:1\nA:x86\nF:\nR:p\n\nP:d\nV:1\n", b"\x7fELF",
            b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"]), b"#!/p -x\n"],
        "statement": lambda: [json.dumps({"predicateType": "https://slsa.dev/provenance/v1", "predicate": {"x": 1},
                                          "subject": [{"name": "a", "digest": {"sha256": "0"}}]}).encode()],
        "expansion": lambda: [b"${v//*a?b/x}${v%%.*}${w:-a$v}\na.b.c", b"'a'\"$v\\$\"${v:+x}\nv", b"${v#*\\}}${v:?no}\nx"],
        "ignore": lambda: [b"*\n!a/**/b\n#x\n[a-c]?\\*\n\na/b/c"],
        "wildcards": lambda: [b"[^a-c]*\\*?\nabc*d"],
        "reference": lambda: [b"host.x:5000/a/b_c:tag@" + DIGEST.encode(), b"debian"],
        "platform": lambda: [b"linux/arm64/v8", b"amd64"],
        "gitref": lambda: [b"https://h/r.git#v1:a/b", b"git@h:r.git?ref=x&subdir=y&checksum=abcdef0&submodules=0"],
        "users": lambda: [b"root:x:0:0:r:/root:/bin/sh\na:x:5:6::/:\n\0root:x:0:\ng:x:7:a,root\n\0a:g"],
        "manifests": _manifests, "routes": _manifests,
        "template": lambda: [b'{{range $k,$v := .L}}{{$k}}={{json $v | upper}}{{else}}-{{end}}{{- .A -}}',
                             b'{{if and (eq .A "b") (len .N)}}{{index .N 2 | printf "%v"}}{{with .F}}{{.}}{{end}}{{end}}'],
        "flags": lambda: [b"--rm\0-it\0-p\x0080:80\0--name=x\0img\0sh", b"-t\0a\0--build-arg\0A=b\0."],
        "mount": lambda: [b"type=cache,target=/c,sharing=locked,id=x,mode=0755", b"type=secret,id=s,env=S,required",
                          b"type=bind,from=a,source=/x,target=/y,rw"],
        "response": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"x\"\r\nLast-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\n\r\nabc",
                             b"HTTP/1.1 302 Found\r\nLocation: http://u:p@127.0.0.1:1/\r\n\r\n",
                             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
        "visible": lambda: ["a\x1b[31m\x85\u202e\ud800\U0001f600".encode("utf-8", "surrogatepass")],
        "urls": lambda: [b"see https://u:p@h/x?token=a&sig=b and ssh://git@h/r"],
    }.get(name)  # fmt: skip
    return made() if made else []


def _tars() -> list[bytes]:
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        long = "d/" * 60 + "n" * 90 if form != tarfile.USTAR_FORMAT else "d/n"
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            for kind, name, link in (
                (tarfile.DIRTYPE, "d", ""), (tarfile.REGTYPE, "d/f", ""), (tarfile.LNKTYPE, "h", "d/f"),
                (tarfile.SYMTYPE, "s", "/etc"), (tarfile.FIFOTYPE, "p", ""), (tarfile.REGTYPE, ".wh.x", ""),
                (tarfile.REGTYPE, long, ""),
            ):  # fmt: skip
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, link
                member.size = 600 if kind == tarfile.REGTYPE else 0
                if form == tarfile.PAX_FORMAT:
                    member.pax_headers = {"SCHILY.xattr.user.a": "b", "mtime": "1.5", "uid": "7"}
                tar.addfile(member, io.BytesIO(b"x" * 600))
        found.append(out.getvalue())
    sparse = tarfile.TarInfo("sparse")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "4096"}
    sparse.size = 1024
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(sparse, io.BytesIO(b"1\n1024\n512\n".ljust(512, b"\0") + b"y" * 512))
    return [*found, out.getvalue()]


def _compressed() -> list[bytes]:
    data = b"hello hello hello\n" * 50
    zstd = zstandard.ZstdCompressor().compress(data)
    return [gzip.compress(data) * 2, bz2.compress(data), lzma.compress(data) + bytes(4), zstd * 2]


def _dockerfiles() -> list[bytes]:
    return [path.read_bytes() for path in sorted(ROOT.glob("tests/dockerfile/cases/*/Dockerfile"))]


def _manifests() -> list[bytes]:
    return [path.read_bytes() for path in sorted(ROOT.glob("examples/proxy/services/*.y*ml"))]


def _jar() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1\n")
    return out.getvalue()
