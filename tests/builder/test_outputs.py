"""``build --output``: files, archives and images, written whole, where they were asked for."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pty
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

DOCKERFILE = """\
FROM bb
RUN mkdir -p /d/e && echo hi > /d/e/f && ln /d/e/f /d/hard && ln -s e/f /d/soft && chown 70000:3 /d/e/f \
 && chmod 6755 /d/e/f && mkfifo /d/pipe && touch -d '2001-02-03 04:05:06' /d/e
RUN rm -r /root /etc/group
ENV A=1
CMD ["cat", "/d/soft"]
"""
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
PLAIN = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text(DOCKERFILE)
    return tmp_path / "c"


class Archive:
    """An archive of an image, opened."""

    def __init__(self, source: Path | bytes) -> None:
        data = source if isinstance(source, bytes) else source.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            self.files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
        self.index = json.loads(self.files["index.json"])
        self.manifest = self.json(self.index["manifests"][0]["digest"])
        self.config = self.json(self.manifest["config"]["digest"])

    def blob(self, digest: str) -> bytes:
        data = self.files["blobs/sha256/" + digest.removeprefix("sha256:")]
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
        return data

    def json(self, digest: str) -> Any:
        return json.loads(self.blob(digest))

    def layer(self, number: int) -> bytes:
        layer = self.manifest["layers"][number]
        data = self.blob(layer["digest"])
        assert len(data) == layer["size"]
        if layer["mediaType"].endswith("gzip"):
            data = gzip.decompress(data)
        elif layer["mediaType"].endswith("zstd"):
            data = zstandard.ZstdDecompressor().stream_reader(data).read()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == self.config["rootfs"]["diff_ids"][number]
        return data

    @property
    def layer_types(self) -> list[str]:
        for number in range(len(self.manifest["layers"])):
            self.layer(number)
        return [layer["mediaType"] for layer in self.manifest["layers"]]


# -- files -----------------------------------------------------------------------------------------


def test_a_folder_gets_the_merged_files_with_modes_times_links_and_owners(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    bb("build", "-t", "not-tagged", "-o", str(tmp_path / "out"), str(context))
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == ["bin", "d", "etc", "tmp"]
    status = (out / "d/hard").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777, status.st_nlink) == (70000, 3, 0o6755, 2)
    assert (out / "d/soft").read_text() == "hi\n" and (out / "d/pipe").is_fifo()
    assert (out / "d/e").stat().st_mtime == 981173106
    assert os.listdir(out / "etc") == ["passwd"]
    assert (out / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert out.stat().st_mode & 0o777 == 0o700
    assert bb("images", "-q", "not-tagged") == "" and len(bb("images", "-aq").split()) == 1


def test_a_tar_on_standard_output_keeps_owners(bb: Wherry, context: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*bb.prefix, "build", "-q", "-o", "-", str(context)], capture_output=True, check=True, env=bb.env
    )
    assert done.stderr == b""
    bb("build", "-o", f"type=tar,dest={tmp_path}/made/out.tar", str(context))
    assert (tmp_path / "made/out.tar").read_bytes() == done.stdout
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        members = {member.name: member for member in tar}
    assert "." not in members and "etc/group" not in members
    hard, first = members["d/hard"], members["d/e/f"]
    assert hard.islnk() and hard.linkname == "d/e/f"
    assert (first.uid, first.gid, first.mode, members["d/e"].mtime) == (70000, 3, 0o6755, 981173106)


def test_an_image_without_files_gives_an_empty_folder_and_an_empty_tar(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nENV A=1\n")
    bb("build", "-o", str(tmp_path / "out"), "-o", f"type=tar,dest={tmp_path}/t", str(tmp_path / "c"))
    assert os.listdir(tmp_path / "out") == []
    with tarfile.open(tmp_path / "t") as tar:
        assert tar.getnames() == []


def test_files_that_lie_there_are_replaced_or_stay_and_links_are_not_followed(
    bb: Wherry, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /etc/passwd\n")
    (tmp_path / "out/other").mkdir(parents=True)
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/passwd").write_text("mine")
    (tmp_path / "out/etc").symlink_to(tmp_path / "victim")
    bb("build", "-o", str(tmp_path / "out"), str(tmp_path / "c"))
    assert (tmp_path / "victim/passwd").read_text() == "mine"
    assert (tmp_path / "out/etc/passwd").read_text().startswith("FROM") and (
        tmp_path / "out/other"
    ).is_dir()


# -- archives --------------------------------------------------------------------------------------


def test_an_oci_archive_is_a_layout_with_gzip_and_the_names_that_were_typed(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    bb("build", "-t", "there:1", "-t", "reg.example/x", "-o", f"type=oci,dest={tmp_path}/o", str(context))
    archive = Archive(tmp_path / "o")
    assert json.loads(archive.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert archive.layer_types == [GZIP] * 3
    notes = [entry["annotations"] for entry in archive.index["manifests"]]
    assert [note["io.containerd.image.name"] for note in notes] == [
        "docker.io/library/there:1",
        "reg.example/x:latest",
    ]
    assert [note["org.opencontainers.image.ref.name"] for note in notes] == ["1", "latest"]
    assert all(note["org.opencontainers.image.created"] == archive.config["created"] for note in notes)
    assert "manifest.json" not in archive.files
    assert bb("images", "-q", "there:1") == ""
    words = ["build", "-q", "-t", "there:1", "-t", "reg.example/x", "-o", "type=oci", str(context)]
    piped = subprocess.run([*bb.prefix, *words], capture_output=True, check=True, env=bb.env)
    assert piped.stdout == (tmp_path / "o").read_bytes()
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "o"))
    assert other("run", "--rm", "there:1") == "hi"


@pytest.mark.parametrize(
    ("asked", "types"),
    [
        ("compression=zstd,compression-level=10", [ZSTD] * 3),
        ("compression=uncompressed", [PLAIN] * 3),
        ("compression=gzip,compression-level=9", [GZIP] * 3),
        ("oci-mediatypes=false", ["application/vnd.docker.image.rootfs.diff.tar.gzip"] * 3),
        ("oci-mediatypes=0,compression=uncompressed", ["application/vnd.docker.image.rootfs.diff.tar"] * 3),
        ("oci-mediatypes=false,compression=zstd", [ZSTD] * 3),
    ],
)
def test_compression_and_media_types_are_those_asked_for(
    bb: Wherry, context: Path, tmp_path: Path, asked: str, types: list[str]
) -> None:
    bb("build", "-q", "-o", f"type=oci,dest={tmp_path}/o,{asked}", str(context))
    archive = Archive(tmp_path / "o")
    assert archive.layer_types == types
    docker = "docker" in types[0]
    assert (
        "docker" in archive.manifest["mediaType"],
        "docker" in archive.manifest["config"]["mediaType"],
    ) == (
        docker,
        docker,
    )
    assert archive.index["manifests"][0]["mediaType"] == archive.manifest["mediaType"]


def test_a_layer_is_compressed_once_and_one_that_came_compressed_stays_as_it_came(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    bb("build", "-q", "-t", "x", "-o", f"type=oci,dest={tmp_path}/o", str(context))
    blobs = bb.root / "blobs/sha256"
    before = {blob.name: blob.stat().st_ino for blob in blobs.iterdir()}
    first = (tmp_path / "o").read_bytes()
    bb("build", "-q", "-t", "x", "-o", f"type=oci,dest={tmp_path}/o", str(context))
    assert (tmp_path / "o").read_bytes() == first
    assert {blob.name: blob.stat().st_ino for blob in blobs.iterdir()} == before
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "o"))
    (context / "Dockerfile").write_text("FROM x\nRUN echo more > /more\n")
    zstd = f"type=oci,dest={tmp_path}/z,compression=zstd"
    other("build", "-q", "-o", zstd, str(context))
    assert Archive(tmp_path / "z").layer_types == [GZIP] * 3 + [ZSTD]
    assert Archive(tmp_path / "z").manifest["layers"][:3] == Archive(first).manifest["layers"]
    other("build", "-q", "-o", zstd + ",force-compression=true", str(context))
    assert Archive(tmp_path / "z").layer_types == [ZSTD] * 4


def test_annotations_go_to_the_manifest_or_to_what_leads_to_it(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    asked = "annotation.A.b=1,annotation-manifest-descriptor.c=2,annotation[linux/s390x].d=3"
    bb("build", "-q", "-o", f"type=oci,dest={tmp_path}/o,{asked}", str(context))
    archive = Archive(tmp_path / "o")
    assert archive.manifest["annotations"] == {"A.b": "1"}
    assert archive.index["manifests"][0]["annotations"]["c"] == "2"
    said = bb.fails("build", "-o", f"type=oci,dest={tmp_path}/o,annotation-index.a=1", str(context))
    assert "index annotations not supported for single platform export" in said


def test_a_layout_in_a_folder_takes_one_image_after_the_other(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    asked = f"type=oci,tar=false,dest={tmp_path}/layout"
    bb("build", "-q", "-o", asked, str(context))
    bb("build", "-q", "-t", "a:1", "-o", asked, str(context))
    (context / "Dockerfile").write_text("FROM bb\nENV B=2\n")
    bb("build", "-q", "-t", "a:1", "-o", asked, str(context))
    index = json.loads((tmp_path / "layout/index.json").read_text())
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]]
    assert names == ["latest", "1"]
    shown = subprocess.run(
        ["skopeo", "inspect", "--config", f"oci:{tmp_path}/layout:1"], capture_output=True, check=True
    )
    assert "B=2" in json.loads(shown.stdout)["config"]["Env"]
    assert not [name for name in os.listdir(tmp_path / "layout") if name.startswith(".")]


def test_skopeo_reads_an_oci_archive_and_gives_back_the_same_image(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    image = bb("build", "-q", "-t", "n:1", "-o", f"type=oci,dest={tmp_path}/o", str(context))
    shown = subprocess.run(
        ["skopeo", "inspect", f"oci-archive:{tmp_path}/o"], capture_output=True, text=True, check=True
    )
    digest = Archive(tmp_path / "o").index["manifests"][0]["digest"]
    assert json.loads(shown.stdout)["Digest"] == digest
    subprocess.run(
        ["skopeo", "copy", "-q", f"oci-archive:{tmp_path}/o", f"docker-archive:{tmp_path}/d:n:1"],
        check=True,
    )
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "d"))
    assert other("images", "-q", "--no-trunc", "n") == image


# -- images in the store ---------------------------------------------------------------------------


def test_an_image_output_is_named_and_its_manifest_is_as_asked_for(bb: Wherry, context: Path) -> None:
    image = bb("build", "-q", "-o", 'type=image,"name=a,b:2",compression=gzip', str(context))
    assert bb("images", "-q", "--no-trunc", "a") == bb("images", "-q", "--no-trunc", "b:2") == image
    for name in ("a:latest", "b:2"):
        shown = subprocess.run(
            ["skopeo", "inspect", "--raw", f"oci:{bb.root}:docker.io/library/{name}"],
            capture_output=True,
            check=True,
        )
        layers = json.loads(shown.stdout)["layers"]
        assert [layer["mediaType"] for layer in layers] == [GZIP] * 3
        assert all((bb.root / "blobs/sha256" / layer["digest"][7:]).exists() for layer in layers)
    assert bb("build", "-q", "--load", "-t", "c", str(context)) == image
    assert bb("images", "-q", "--no-trunc", "c") == image


def test_several_outputs_at_once(bb: Wherry, context: Path, tmp_path: Path) -> None:
    outputs = ["-o", str(tmp_path / "out"), "-o", f"type=docker,dest={tmp_path}/d", "-o", "type=image"]
    image = bb("build", "-q", "-t", "m", *outputs, str(context))
    assert bb("images", "-q", "--no-trunc", "m") == image
    assert (tmp_path / "out/d/soft").read_text() == "hi\n"
    assert Archive(tmp_path / "d").config == json.loads((bb.root / "blobs/sha256" / image[7:]).read_text())


def test_the_same_steps_are_the_same_image_whatever_the_output(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    first = bb("build", "-q", "-o", f"type=oci,dest={tmp_path}/o", str(context))
    assert bb("images", "-aq").count("\n") == 0
    assert bb("build", "-q", str(context)) == first
    assert bb("build", "-q", "-o", f"type=docker,dest={tmp_path}/d", str(context)) == first


def test_removing_an_image_leaves_what_the_next_build_needs(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    bb("build", "-q", "-t", "x", "-o", "type=image,compression=zstd", str(context))
    bb("rmi", "x")
    bb("build", "-q", "-o", f"type=oci,compression=zstd,dest={tmp_path}/o", str(context))
    assert Archive(tmp_path / "o").layer_types == [ZSTD] * 3


# -- what is said about it -------------------------------------------------------------------------


def test_the_metadata_file_is_buildx_s(bb: Wherry, context: Path, tmp_path: Path) -> None:
    file = tmp_path / "meta.json"
    words = ["--metadata-file", str(file), "--iidfile", str(tmp_path / "iid")]
    image = bb("build", "-q", "-t", "x:1", "-o", f"type=oci,dest={tmp_path}/o", *words, str(context))
    meta = json.loads(file.read_text())
    archive = Archive(tmp_path / "o")
    found = archive.index["manifests"][0]
    assert meta["containerimage.config.digest"] == image == (tmp_path / "iid").read_text()
    assert meta["containerimage.digest"] == found["digest"]
    descriptor = meta["containerimage.descriptor"]
    assert {k: descriptor[k] for k in ("mediaType", "digest", "size")} == {
        k: found[k] for k in ("mediaType", "digest", "size")
    }
    assert descriptor["annotations"]["config.digest"] == image
    assert meta["image.name"] == "docker.io/library/x:1"
    bb("build", "-q", "-t", "x:1", *words, str(context))
    stored = json.loads(file.read_text())
    index = json.loads((bb.root / "index.json").read_text())["manifests"]
    assert stored["containerimage.digest"] in {entry["digest"] for entry in index}
    bb("build", "-q", "--metadata-file", str(file), "-o", str(tmp_path / "out"), str(context))
    assert json.loads(file.read_text()) == {}


def test_a_build_that_fails_leaves_no_file_of_an_earlier_one(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    (context / "Dockerfile").write_text("FROM bb\nRUN exit 3\n")
    files = {flag: tmp_path / flag for flag in ("iidfile", "metadata-file")}
    for file in files.values():
        file.write_text("old")
    words = [word for flag, file in files.items() for word in (f"--{flag}", str(file))]
    bb.fails("build", *words, "-o", f"type=oci,dest={tmp_path}/o", str(context), code=1)
    assert not (tmp_path / "o").exists()
    assert [flag for flag, file in files.items() if file.exists()] == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("type=oci", "dest file is required for oci exporter. refusing to write to console"),
        ("type=docker,dest=-", "dest file is required for docker exporter. refusing to write to console"),
        ("-", "dest file is required for tar exporter. refusing to write to console"),
    ],
)
def test_a_terminal_is_spared_binary_data(bb: Wherry, context: Path, output: str, said: str) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*bb.prefix, "build", "-o", output, str(context)],
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=bb.env,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 125 and said in done.stderr


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("type=lokal,dest=x", 'exporter "lokal" could not be found'),
        ("dest=x,name=y", "type is required for output"),
        ("type=local", "dest is required for local exporter"),
        ("type=local,dest=-", "dest cannot be stdout for local exporter"),
        ("type=oci,tar=false", "dest is required for oci exporter"),
        ("type=oci,tar=maybe,dest=x", "non-bool value maybe specified for tar"),
        ("a,b", "invalid value a"),
        ("type=oci,compression=lzma,dest=x", "unsupported compression type lzma"),
        (
            "type=oci,compression-level=high,dest=x",
            "non-integer value high specified for compression-level",
        ),
        ("type=oci,compression-level=10,dest=x", "compression-level 10 is none of gzip's"),
        ("type=oci,force-compression=ja,dest=x", "non-bool value ja specified for force-compression"),
        ("type=oci,oci-mediatypes=2,dest=x", "non-bool value 2 specified for oci-mediatypes"),
        ("type=oci,name=UPPER,dest=x", "failed to parse UPPER: invalid reference format"),
        ("type=oci,compresion=zstd,dest=x", "did you mean compression?"),
        ("type=local,dest=x,compression=gzip", "unknown attribute compression for the local exporter"),
        ("type=oci,annotation-foo.a=1,dest=x", 'unrecognized annotation type "foo"'),
        ("type=image,push=true", "tag is needed when pushing to registry"),
        ("type=oci,compression=estargz,dest=x", "compression=estargz is not supported"),
        ("type=local,dest=Dockerfile", "destination directory Dockerfile is a file"),
        ("type=oci,dest=.", "destination file . is a directory"),
    ],
)
def test_what_is_wrong_is_said_in_buildx_s_words_before_anything_runs(
    bb: Wherry, context: Path, output: str, said: str
) -> None:
    (context / "Dockerfile").write_text("FROM bb\nRUN touch /ran\n")
    error = bb.fails("build", "-o", output, ".", cwd=context)
    assert said in error and "RUN" not in error
    assert not (context / "x").exists()


def test_outputs_that_do_not_go_together(bb: Wherry, context: Path, tmp_path: Path) -> None:
    place = str(context)
    assert "multiple outputs configured to write to stdout" in bb.fails(
        "build", "-o", "-", "-o", "type=oci", place
    )
    said = bb.fails("build", "--iidfile", str(tmp_path / "i"), "-o", str(tmp_path / "x"), place, code=125)
    assert "local and tar exporters are incompatible with image ID file" in said


# -- nothing by halves -----------------------------------------------------------------------------


def test_a_kill_while_an_archive_is_written_leaves_nothing_of_it(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    for number in range(20):
        (context / str(number)).write_bytes(os.urandom(1 << 20))
    (context / "Dockerfile").write_text("FROM bb\nCOPY . /c\n")
    bb("build", "-q", str(context))
    targets = {"oci": "oci.tar", "docker": "docker.tar", "tar": "out.tar"}
    out = tmp_path / "out"
    out.mkdir()
    words = [w for kind, name in targets.items() for w in ("-o", f"type={kind},dest={out / name}")]
    for delay in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        build = bb.start("build", "-q", *words, str(context))
        time.sleep(delay)
        build.send_signal(signal.SIGKILL)
        build.communicate()
        for name in os.listdir(out):
            assert name in targets.values()
            with tarfile.open(out / name) as tar:  # whole
                assert len(tar.getnames()) >= 5
            (out / name).unlink()
    bb("build", "-q", *words, str(context))
    assert sorted(os.listdir(out)) == sorted(targets.values())


def test_a_full_disk_leaves_what_was_there(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "big").write_bytes(os.urandom(6 << 20))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY big /big\n")
    (tmp_path / "disk").mkdir()
    script = f"""
mount -t tmpfs -o size=4m none {tmp_path}/disk
cd {tmp_path}/disk
echo old > old.tar
mkdir out; echo old > out/big
for output in type=oci,dest=old.tar type=docker,dest=new.tar type=tar,dest=old.tar out; do
    "$@" build -q -o $output {context} && exit 70
done
cat old.tar out/big; find . -type f
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "-", *bb.prefix],
        capture_output=True,
        text=True,
        check=False,
        env=bb.env,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["old", "old"]
    assert sorted(done.stdout.splitlines()[2:]) == ["./old.tar", "./out/big"]
    assert done.stderr.count("no space left on device") == 4 and "Traceback" not in done.stderr
