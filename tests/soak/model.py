"""What goes into the stores, and what every image must hold: known before wherry has touched it.

The template is a store that holds
    bb       imported: busybox
    other    imported: busybox and one file more; shares no layer with the others
    app      built: two stages, COPY, RUN, COPY --from, removals
    packed   loaded from an archive
a cache mount "store", the named volume "vol", and the container "old", which has ended.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.soak.archive import Saved, read_archive
from tests.soak.command import Outcome, Wherry, Who

from support.busybox import busybox_tar
from support.ports import fetch, free_port

FILES, SIZE, NUMBERS = 40, 5000, 60
# Without pipes and substitutions: whoever in a step is killed or has an error, the step fails.
APP = f"""\
FROM bb AS one
COPY data /data
RUN cat /data/* > /all && wc -c < /all > /count && rm /all
RUN seq {NUMBERS} > /seq && while read i; do echo $i > /tmp/$i || exit 1; done < /seq && rm /seq
FROM bb
COPY --from=one /tmp /tmp
COPY --from=one /count /count
RUN rm /tmp/1* && echo done > /done
"""
PACKED = (
    "FROM bb\nCOPY data /many\nRUN rm -r /root && mkdir /root && echo packed > /root/who && rm /etc/group\n"
)
PARALLEL = """\
FROM bb AS a
RUN echo a > /a; sleep 0.1
FROM bb AS b
COPY data /data
RUN echo b > /b
FROM bb AS c
RUN echo c > /c && chown 7:8 /c
FROM bb
COPY --from=a /a /a
COPY --from=b /b /b
COPY --from=c /c /c
"""
CACHED = "FROM bb\nRUN --mount=type=cache,id=store,target=/cache echo more >> /cache/log; echo x > /x\n"
KEPT = [str(number) for number in range(1, NUMBERS + 1) if not str(number).startswith("1")]
LISTING = "".join(f"{name}\n" for name in sorted(KEPT))
RUNS: dict[str, tuple[str, str]] = {
    # image: (a shell script, what it prints)
    "app": (
        "cat /count /done; ls /tmp | md5sum",
        f"{FILES * SIZE}\ndone\n{hashlib.md5(LISTING.encode()).hexdigest()}  -\n",
    ),
    "bb": ("head -n 1 /etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    "other": ("cat /who", "other\n"),
    "packed": ("cat /root/who; cat /many/* | wc -c", f"packed\n{FILES * SIZE}\n"),
}
HOLDS: dict[str, dict[str, bytes]] = {
    "app": {"count": f"{FILES * SIZE}\n".encode(), "done": b"done\n"}
    | {f"tmp/{number}": f"{number}\n".encode() for number in KEPT},
    "bb": {"etc/passwd": b""},
    "other": {"who": b"other\n"},
    "packed": {"root/who": b"packed\n"} | {f"many/{n}": bytes([n]) * SIZE for n in range(FILES)},
    "new": {"a": b"a\n", "b": b"b\n", "c": b"c\n"},
}


SETTLED = 2.1
"""Seconds after which a file's digest is kept for the next build (`contexts/`)."""


class Inputs(NamedTuple):
    """Files that commands read, all below one folder that everybody may read, and a registry that lives as
    long as the soak (``host:port``)."""

    folder: Path
    registry: str

    @property
    def bb(self) -> str:
        return str(self.folder / "bb.tar")

    @property
    def other(self) -> str:
        return str(self.folder / "other.tar")

    @property
    def archive(self) -> str:
        return str(self.folder / "packed.tar")

    def context(self, name: str) -> str:
        return str(self.folder / name)


def write_inputs(folder: Path) -> Inputs:
    folder.mkdir()
    inputs = Inputs(folder, _start_registry(folder))
    busybox_tar(Path(inputs.bb))
    busybox_tar(Path(inputs.other))
    with tarfile.open(inputs.other, "a") as tar:
        member = tarfile.TarInfo("who")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"other\n"))
    for name, dockerfile in (("app", APP), ("packed", PACKED), ("parallel", PARALLEL), ("cached", CACHED)):
        context = folder / name
        (context / "data").mkdir(parents=True)
        for number in range(FILES):
            (context / f"data/{number}").write_bytes(bytes([number]) * SIZE)
        (context / "Dockerfile").write_text(dockerfile)
    time.sleep(SETTLED)
    return inputs


def _start_registry(folder: Path) -> str:
    """It ends with the soak's namespaces."""
    host = f"127.0.0.1:{free_port()}"
    storage = f"{{filesystem: {{rootdirectory: {folder / 'registry'}}}}}"
    (folder / "registry.yml").write_text(f"version: 0.1\nstorage: {storage}\nhttp: {{addr: '{host}'}}\n")
    with (folder / "registry.log").open("wb") as log:
        words = ["docker-registry", "serve", str(folder / "registry.yml")]
        subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    fetch(f"http://{host}/v2/")
    return host


class Model(NamedTuple):
    """A template store and the digests of the trees that its images have (of all but times)."""

    template: Path
    inputs: Inputs
    trees: Mapping[str, str]


class Broken(Exception):
    """wherry failed where nothing disturbed it."""


def must(outcome: Outcome) -> Outcome:
    if outcome.code != 0:
        raise Broken(str(outcome))
    return outcome


def make_model(folder: Path, who: Who, inputs: Inputs) -> Model:
    """Raises Broken, or AssertionError where an image does not hold what it must."""
    folder.mkdir()
    os.chown(folder, who.uid, who.uid)
    if not Path(inputs.archive).exists():
        _write_archive(folder / "first", who, inputs)
    wherry = Wherry(folder / "template", who)
    must(wherry.run("import", inputs.bb, "bb"))
    must(wherry.run("import", inputs.other, "other"))
    must(wherry.run("build", "-q", "-t", "app", inputs.context("app")))
    must(wherry.run("load", "-q", "-i", inputs.archive))
    must(wherry.run("build", "-q", inputs.context("cached")))
    must(wherry.run("tag", "packed", f"{inputs.registry}/packed"))
    must(wherry.run("push", "-q", f"{inputs.registry}/packed"))
    must(wherry.run("rmi", f"{inputs.registry}/packed"))
    shared = f"type=registry,ref={inputs.registry}/cache,mode=max"
    must(wherry.run("build", "-q", "--cache-to", shared, inputs.context("app")))
    must(wherry.run("run", "--name", "old", "-v", "vol:/vol", "-v", "/own", "app", "sh", "-c", OLD))
    saved = save(wherry, ("bb", "other", "app", "packed"))
    for name, image in saved.items():
        assert_holds(name, image)
    return Model(wherry.root, inputs, {name: image.tree for name, image in saved.items()})


OLD = "echo written > /written; echo volume > /vol/file; echo own > /own/file; echo said"


def _write_archive(root: Path, who: Who, inputs: Inputs) -> None:
    wherry = Wherry(root, who)
    must(wherry.run("import", inputs.bb, "bb"))
    must(wherry.run("build", "-q", "-t", "packed", inputs.context("packed")))
    with open(inputs.archive, "wb") as out:
        done = wherry.start("save", "packed", stdout=out)
        _, err = done.communicate()
    if done.returncode:
        raise Broken(err.decode())


def save(wherry: Wherry, names: tuple[str, ...], folder: Path | None = None) -> dict[str, Saved]:
    """What ``save`` gives for these, verified; it writes into `folder`.  Raises Broken, archive.Wrong."""
    path = (folder or wherry.temporary) / "saved.tar"
    try:
        must(wherry.run("save", "-o", str(path), *names))
        return {_short(name): image for name, image in read_archive(path).items()}
    finally:
        path.unlink(missing_ok=True)


def _short(name: str) -> str:
    return name.removesuffix(":latest")


def assert_holds(name: str, image: Saved) -> None:
    for path, content in HOLDS.get(name, {}).items():
        found = image.files.get(path)
        assert found is not None, f"{name} lacks {path}"
        assert not content or found[5] == hashlib.sha256(content).hexdigest(), f"{name}: {path} is wrong"
    if name == "app":
        assert not [path for path in image.files if path.startswith("tmp/1")], "app keeps what it removed"
