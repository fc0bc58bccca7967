"""What must come out the same wherever it is built: Dockerfiles, and one context in two folders."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import NamedTuple

from support.wherry import Wherry

DOCKERFILES = {
    "files of every kind": """\
FROM bb
RUN mkdir -p /d/e/f && echo 1 > /d/one && ln /d/one /d/hard && chmod 6755 /d/hard && ln -s one /d/soft \\
 && mkfifo /d/pipe && touch -d '2040-01-01 00:00:00' /d/one
RUN cd /d && touch -d '2001-02-03 04:05:06' e && cp -p one copy && chown -h 7:8 soft pipe && chmod 1777 e \\
 && dd if=/dev/zero of=hole bs=1 count=1 seek=200000
RUN : >> /d/copy; chmod 600 /bin/busybox; chmod 755 /bin/busybox
RUN mkdir /d/x; rmdir /d/x; touch /d/y; rm /d/y
""",
    "what is deleted": """\
FROM bb
RUN mkdir -p /d/e/f /g && touch /d/one /d/e/two /g/three && rm /etc/group && rm -r /root
RUN rm -r /d && mkdir -p /d/e && echo new > /d/e/new && rm -r /g && echo file > /g
RUN rm /g && mkdir /g && mv /d /moved && rm /etc/passwd
""",
    "copies": """\
FROM bb AS one
RUN echo built > /built && touch -d '1999-09-09 09:09:09' /old && mkdir /m && echo 2 > /m/2
FROM bb
COPY . /all/
COPY --chown=app:extra --chmod=640 *.txt /etc/
COPY dir/sub /all/dir/sub2
COPY --from=one /built /old /from/
COPY --from=one /m /m
COPY --from=bb /etc/passwd /bin/sh /from/
RUN stat -c '%n %Y %a' /all/* /from/* /m/* /m > /times \\
 && find /all /from /m -type f | sort | tar c -T - | sha256sum > /sum
""",
    "archives": """\
FROM bb
ADD stuff.tar /add/
ADD stuff.tar.gz a.txt /add2/
COPY stuff.tar /plain/
RUN stat -c '%n %Y' /add/* /add2/* > /times
""",
    "folders and users": """\
FROM bb
WORKDIR /srv/app/here
RUN echo 1 > file
WORKDIR /etc
USER app
WORKDIR /srv/app/mine
RUN umask 077; id > /tmp/id; mkdir /tmp/own
USER 0
ENV A=1
LABEL b=2
EXPOSE 80
VOLUME /v
CMD ["x"]
""",
    "nothing below": """\
FROM scratch
COPY --from=bb /bin /bin
RUN chmod 700 /etc; echo x > /etc/y
COPY a.txt /a
RUN ["/bin/sh", "-c", "cat /a > /b"]
""",
    "mounts and documents": """\
FROM bb AS one
RUN echo one > /one
FROM bb
RUN --mount=type=bind,from=one,target=/m --mount=type=tmpfs,target=/t \\
  cat /m/one > /got && cp -p /m/one /t/ && cp -p /t/one /kept
RUN --mount=type=bind,target=/c cp -a /c /context && stat -c '%n %Y %u' /c /c/* /c/dir/sub/deep > /read
RUN --mount=type=bind,source=dir/sub,target=/c --mount=type=bind,source=a.txt,target=/f,rw \
  cp -a /c /sub && cp -a /f /file && echo x >> /f
RUN --mount=type=cache,target=/cache echo cached > /cache/x && cp /cache/x /x
RUN <<EOF
mkdir /h
echo here > /h/doc
EOF
""",
    "a folder by a name": """\
FROM bb
COPY --from=named . /named/
RUN --mount=type=bind,from=named,target=/n cp -a /n /copied
RUN stat -c '%n %Y %u' /named/* /copied/* > /times
""",
    "stages beside each other": """\
FROM bb AS a
RUN echo a > /a
FROM bb AS b
RUN echo b > /b
FROM bb AS c
COPY a.txt /c
RUN cat /c > /c2
FROM bb
COPY --from=b /b /
COPY --from=a /a /
COPY --from=c /c /
ARG SOURCE_DATE_EPOCH
RUN echo "$SOURCE_DATE_EPOCH" > /epoch
""",
}


def write_context(folder: Path, *, other: bool) -> Path:
    """The same files, made in another order and at another time."""
    files = {
        "a.txt": b"a\n",
        "b.txt": b"b\n",
        "dir/sub/deep": b"deep\n",
        "dir/run": b"#!/bin/sh\n",
        "stuff.tar": _archive("w"),
        "stuff.tar.gz": _archive("w:gz"),
    }
    for name in sorted(files, reverse=other):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files[name])
    (folder / "dir/link").symlink_to("sub/deep")
    umask = {"dir/run": 0o755}
    for name in files:
        (folder / name).chmod(umask.get(name, 0o644))
    when = 1_000_000_000 if other else 1_790_000_000.5
    for place, folders, names in os.walk(folder, topdown=False):
        for name in [*folders, *names]:
            os.utime(os.path.join(place, name), (when, when + len(name)), follow_symlinks=False)
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o755)
    return folder


def _archive(mode: str) -> bytes:
    """A tar with old and future times, owners, attributes and links."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=mode, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("folder")
        folder.type, folder.mode, folder.mtime, folder.uid = tarfile.DIRTYPE, 0o2775, 1_234_567_890, 5
        tar.addfile(folder)
        file = tarfile.TarInfo("folder/file")
        file.size, file.mtime, file.mode, file.gid = 3, 4_000_000_000, 0o4711, 6
        # cap_net_raw+ep: linux/capability.h, version 2
        capability = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin-1")
        file.pax_headers = {
            "SCHILY.xattr.security.capability": capability,
            "SCHILY.xattr.user.note": "kept",
        }
        tar.addfile(file, io.BytesIO(b"abc"))
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "folder/file"
        tar.addfile(hard)
        soft = tarfile.TarInfo("soft")
        soft.type, soft.linkname, soft.mtime = tarfile.SYMTYPE, "folder", 86400
        tar.addfile(soft)
    data = raw.getvalue()
    # gzip writes its own time into its header.
    return data if mode == "w" else data[:4] + bytes(4) + data[8:]


class Result(NamedTuple):
    image: str
    manifest: str
    archive: bytes


def build(wherry: Wherry, context: Path, dockerfile: str, out: Path, *words: str) -> Result:
    """Build with ``--reproducible``: the image's id, its manifest's digest, and an OCI archive of it.

    Raises Failed with what was said.
    """
    (context / "Dockerfile").write_text(dockerfile)
    meta, archive = out / "meta.json", out / "image.tar"
    image = wherry(
        *("build", "-q", "--reproducible", "--metadata-file", str(meta)),
        *("--build-context", f"named={context / 'dir'}"),
        *("-o", "type=image", "-o", f"type=oci,dest={archive}", *words, str(context)),
    )
    return Result(image, json.loads(meta.read_text())["containerimage.digest"], archive.read_bytes())
