"""The same digest whenever, wherever and however it is built."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.reproducible import DOCKERFILES, Result, build, write_context
from support.wherry import Failed, Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

NO_MOUNTS = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
EPOCH = 1_700_000_000


@pytest.fixture(scope="session")
def base_archive(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image ``bb`` as other stores get it."""
    archive = tmp_path_factory.mktemp("base") / "bb.tar"
    Wherry(busybox_store)("save", "-o", str(archive), "bb")
    return archive


def another(root: Path, base_archive: Path, env: dict[str, str] | None = None) -> Wherry:
    """The command on a store of its own, which got the base from an archive."""
    wherry = Wherry(root, env=env)
    wherry("load", "-q", "-i", str(base_archive))
    return wherry


def layers_of(archive: bytes) -> list[dict[str, tarfile.TarInfo]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        manifest = _blob(tar, index["manifests"][0]["digest"])
        found = []
        for layer in json.loads(manifest)["layers"]:
            with tarfile.open(fileobj=io.BytesIO(_blob(tar, layer["digest"]))) as inner:
                found.append({member.name: member for member in inner})
    return found


def _blob(tar: tarfile.TarFile, digest: str) -> bytes:
    file = tar.extractfile("blobs/sha256/" + digest.removeprefix("sha256:"))
    assert file is not None
    return file.read()


def inspect(wherry: Wherry, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wherry("inspect", image))[0]
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES.values(), ids=DOCKERFILES.keys())
def test_two_stores_two_folders_two_isolations_and_two_kinds_of_snapshots(
    bb: Wherry, base_archive: Path, tmp_path: Path, dockerfile: str
) -> None:
    one = write_context(tmp_path / "one", other=False)
    two = write_context(tmp_path / "somewhere/else/two", other=True)
    chroot = another(tmp_path / "chroot", base_archive, {"WHERRY_ISOLATION": "chroot"})
    copied = another(tmp_path / "copied", base_archive)
    copied.prefix = [*NO_MOUNTS, *copied.prefix]
    copied.env["TZ"] = "Asia/Tokyo"
    results = {
        "first": build(bb, one, dockerfile, tmp_path, "--jobs", "1"),
        "from the cache": build(bb, two, dockerfile, tmp_path),
        "without the cache": build(bb, two, dockerfile, tmp_path, "--no-cache"),
        "chroot": build(chroot, two, dockerfile, tmp_path),
        "copied trees": build(copied, one, dockerfile, tmp_path),
    }
    for way, result in results.items():
        assert result == results["first"], way
    for layer in layers_of(results["first"].archive)[1:]:
        assert all(member.mtime < EPOCH + 200_000_000 for member in layer.values())


@pytest.mark.parametrize(
    ("words", "dockerfile"),
    [
        (["--squash"], DOCKERFILES["what is deleted"]),
        (["--platform", "linux/amd64,linux/s390x"], "FROM scratch\nARG TARGETARCH\nCOPY . /$TARGETARCH\n"),
    ],
    ids=["squashed", "platforms"],
)
def test_one_layer_for_all_and_an_index_of_platforms(
    bb: Wherry, base_archive: Path, tmp_path: Path, words: list[str], dockerfile: str
) -> None:
    one = write_context(tmp_path / "one", other=False)
    two = write_context(tmp_path / "two", other=True)
    first = build(bb, one, dockerfile, tmp_path, *words)
    assert build(another(tmp_path / "other", base_archive), two, dockerfile, tmp_path, *words) == first
    assert build(bb, two, dockerfile, tmp_path, "--no-cache", *words) == first


def test_layers_of_the_base_and_their_history_stay_as_they_are(bb: Wherry, tmp_path: Path) -> None:
    context = write_context(tmp_path / "c", other=False)
    base = inspect(bb, "bb")
    words = ("--build-arg", "SOURCE_DATE_EPOCH=5")  # earlier than every time in the base
    result = build(bb, context, "FROM bb\nRUN touch /etc/new\nENV A=1\n", tmp_path, *words)
    made = inspect(bb, result.image)
    assert made["RootFS"]["Layers"][0] == base["RootFS"]["Layers"][0]
    assert made["Created"] == "1970-01-01T00:00:05Z"
    history = json.loads((bb.root / "blobs/sha256" / result.image[7:]).read_text())["history"]
    old = json.loads((bb.root / "blobs/sha256" / base["Id"][7:]).read_text())["history"]
    assert history[:1] == old
    assert [entry["created"] for entry in history[1:]] == ["1970-01-01T00:00:05Z"] * 2
    assert {name: m.mtime for name, m in layers_of(result.archive)[1].items()} == {"etc": 5, "etc/new": 5}


def test_times_up_to_the_epoch_stay_and_later_ones_become_it(bb: Wherry, tmp_path: Path) -> None:
    context = write_context(tmp_path / "c", other=True)
    dockerfile = (
        "FROM bb\nRUN mkdir /d && cd /d && touch new && touch -d @1000 old && touch -d @1800000000 late\n"
    )
    for epoch in (0, 999, 1500, EPOCH):
        result = build(bb, context, dockerfile, tmp_path, "--build-arg", f"SOURCE_DATE_EPOCH={epoch}")
        times = {name: member.mtime for name, member in layers_of(result.archive)[1].items()}
        assert times == {"d": epoch, "d/new": epoch, "d/old": min(1000, epoch), "d/late": epoch}
        shown = bb("run", "--rm", result.image, "stat", "-c", "%Y", "/d/new", "/d/old", "/d/late")
        assert shown.split() == [str(epoch), str(min(1000, epoch)), str(epoch)]


def test_another_epoch_runs_no_step_again(bb: Wherry, tmp_path: Path) -> None:
    context = write_context(tmp_path / "c", other=False)
    (context / "Dockerfile").write_text(
        "FROM bb\nCOPY . /c\nRUN cat /proc/sys/kernel/random/uuid > /once\n"
    )
    images = set()
    for epoch in ("1", "2000000000"):
        done = bb.run("build", "--progress", "plain", str(context), env={"SOURCE_DATE_EPOCH": epoch})
        assert done.returncode == 0 and "were not consumed" not in done.stderr
        images.add(done.stderr.split()[-1])
    assert done.stderr.count("CACHED") == 2
    assert len(images) == 2
    assert len({bb("run", "--rm", image, "cat", "/once") for image in images}) == 1


def test_the_epoch_reaches_run_where_it_is_declared(bb: Wherry, tmp_path: Path) -> None:
    script = 'RUN echo "${SOURCE_DATE_EPOCH:-none}" > /e\n'
    for dockerfile, shown in (
        (f"FROM bb\n{script}", "none"),
        (f"FROM bb\nARG SOURCE_DATE_EPOCH\n{script}", "77"),
        (f"ARG SOURCE_DATE_EPOCH=5\nFROM bb\nARG SOURCE_DATE_EPOCH\n{script}", "77"),
    ):
        image = bb.build(tmp_path / "c", dockerfile, env={"SOURCE_DATE_EPOCH": "77"})
        assert bb("run", "--rm", image, "cat", "/e") == shown
        assert inspect(bb, image)["Created"] == "1970-01-01T00:01:17Z"
    argument = ("--build-arg", "SOURCE_DATE_EPOCH=78")
    image = bb.build(tmp_path / "c", None, *argument, env={"SOURCE_DATE_EPOCH": "77"})
    assert bb("run", "--rm", image, "cat", "/e") == "78"
    image = bb.build(tmp_path / "c", None)  # the Dockerfile's own
    assert inspect(bb, image)["Created"] == "1970-01-01T00:00:05Z"


def test_without_one_the_image_is_as_old_as_its_newest_base(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "a", "FROM bb\nENV A=1\n", "-t", "old", env={"SOURCE_DATE_EPOCH": "1000000000"})
    bb.build(
        tmp_path / "b",
        "FROM scratch\nCOPY Dockerfile /\n",
        "-t",
        "new",
        env={"SOURCE_DATE_EPOCH": "1500000000"},
    )
    stages = "FROM new AS n\nFROM {base}\nCOPY --from=n /Dockerfile /\n"
    for base, created in (("old", "2017-07-14T02:40:00Z"), ("scratch", "2017-07-14T02:40:00Z")):
        image = bb.build(tmp_path / "c", stages.format(base=base), "--reproducible")
        assert inspect(bb, image)["Created"] == created
    image = bb.build(tmp_path / "c", "FROM scratch\nCOPY Dockerfile /\n", "--reproducible")
    assert inspect(bb, image)["Created"] == "1980-01-02T00:00:01Z"


def test_builds_with_and_without_it_share_nothing_that_shows_a_time(bb: Wherry, tmp_path: Path) -> None:
    context = write_context(tmp_path / "c", other=False)
    dockerfile = "FROM bb\nCOPY dir /d\nCOPY --link a.txt /l/\nWORKDIR /w\n"
    dockerfile += "RUN stat -c %Y /d/run /w /l/a.txt > /times\n"
    (context / "Dockerfile").write_text(dockerfile)
    plain = bb.build(context)
    reproducible = build(bb, context, dockerfile, tmp_path).image
    assert bb("run", "--rm", reproducible, "cat", "/times").split() == ["315619201"] * 3
    assert bb.build(context) == plain
    assert int(bb("run", "--rm", plain, "cat", "/times").split()[0]) == int(
        os.stat(context / "dir/run").st_mtime
    )
    assert build(bb, context, dockerfile, tmp_path).image == reproducible


def test_rewrite_timestamp_as_in_buildkit(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM bb\nRUN touch /new\n")
    target = tmp_path / "o.tar"
    for value, rewritten in (("true", True), ("false", False)):
        output = f"type=oci,dest={target},rewrite-timestamp={value}"
        image = bb("build", "-q", "-o", output, str(tmp_path / "c"), env={"SOURCE_DATE_EPOCH": "9"})
        config = json.loads((bb.root / "blobs/sha256" / image[7:]).read_text())
        assert config["created"] == config["history"][-1]["created"] == "1970-01-01T00:00:09Z"
        assert (layers_of(target.read_bytes())[-1]["new"].mtime == 9) == rewritten
    both = ["-o", f"type=oci,dest={target},rewrite-timestamp=1", "-o", "type=image,rewrite-timestamp=0"]
    assert "with and without rewrite-timestamp" in bb.fails("build", *both, str(tmp_path / "c"), code=125)


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "99999999999999", "0x10", "\u0661"])
def test_an_epoch_that_is_none(bb: Wherry, tmp_path: Path, text: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n")
    said = bb.fails("build", str(tmp_path), env={"SOURCE_DATE_EPOCH": text}, code=125)
    assert said.startswith("error: invalid SOURCE_DATE_EPOCH: ")
    assert bb.run("build", str(tmp_path), env={"SOURCE_DATE_EPOCH": ""}).returncode == 0


def test_what_other_blobs_a_store_has_does_not_show_in_the_manifest(
    bb: Wherry, base_archive: Path, tmp_path: Path
) -> None:
    context = write_context(tmp_path / "c", other=False)
    first = build(bb, context, DOCKERFILES["copies"], tmp_path)
    other = another(tmp_path / "other", base_archive)
    (tmp_path / "image.tar").write_bytes(first.archive)
    other("load", "-q", "-i", str(tmp_path / "image.tar"))  # the same layers, compressed
    assert build(other, context, DOCKERFILES["copies"], tmp_path) == first


def test_what_a_copied_file_is_besides_its_bytes_counts(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    for name in ("a", "b"):
        (context / name).write_text("same")
    apart = bb.build(context, "FROM scratch\nCOPY . /\n", "--reproducible")
    (context / "b").unlink()
    os.link(context / "a", context / "b")
    assert bb.build(context, None, "--reproducible") != apart
    linked = bb.build(context, None, "--reproducible")
    os.setxattr(context / "a", "user.note", b"1")
    os.setxattr(context, "user.note", b"1")
    assert bb.build(context, None, "--reproducible") == linked
    bb("build", "-q", "--no-cache", "-o", str(tmp_path / "out"), str(context))
    assert os.listxattr(tmp_path / "out/b") == []
    times = []
    for when in ("1000", "2000"):
        stages = (
            f"FROM bb AS one\nRUN mkdir /d && touch -d @{when} /d/f /d\nFROM bb\nCOPY --from=one /d /d\n"
        )
        image = bb.build(context, stages, "--reproducible")
        times.append(bb("run", "--rm", image, "stat", "-c", "%Y", "/d/f"))
    assert times == ["1000", "2000"]


# -- with the cache and without, after any edits ---------------------------------------------------


class Edits:
    """Random changes of a context and of its Dockerfile, as people make them between two builds."""

    def __init__(self, context: Path, seed: int) -> None:
        self.context = context
        self.choose = random.Random(seed)
        self.steps = ["COPY . /all/", "RUN find /all -type f | sort | xargs cat > /sum", "WORKDIR /w/x"]
        self.done: list[str] = []

    def files(self) -> list[Path]:
        return sorted(p for p in self.context.rglob("*") if p.is_file() and p.name != "Dockerfile")

    def edit(self) -> None:
        kinds = [self.bytes_, self.time, self.mode, self.new, self.remove, self.link, self.hard]
        kinds += [self.replace, self.xattr, self.step, self.step, self.swap, self.drop]
        for change in self.choose.choices(kinds, k=self.choose.randrange(1, 4)):
            self.done.append(change.__name__)
            change()

    def dockerfile(self) -> str:
        return "\n".join(["FROM bb AS one", "RUN mkdir /o && echo o > /o/o", "FROM bb", *self.steps]) + "\n"

    def one(self) -> Path:
        return self.choose.choice(self.files())

    def bytes_(self) -> None:
        file = self.one()
        status = file.stat()
        file.write_bytes(self.choose.randbytes(9))
        if self.choose.random() < 0.5:  # as some tools do
            os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def time(self) -> None:
        os.utime(self.one(), (1, self.choose.randrange(1_900_000_000)))

    def mode(self) -> None:
        self.one().chmod(self.choose.choice([0o600, 0o644, 0o755, 0o4755]))

    def new(self) -> None:
        folder = self.context / self.choose.choice(["", "dir", "new/deep"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"n{self.choose.randrange(5)}").write_bytes(self.choose.randbytes(5))

    def remove(self) -> None:
        if len(self.files()) > 4:
            self.one().unlink()

    def link(self) -> None:
        link = self.context / f"link{self.choose.randrange(3)}"
        link.unlink(missing_ok=True)
        link.symlink_to(self.choose.choice(["a.txt", "dir", "nowhere"]))

    def hard(self) -> None:
        other = self.context / f"hard{self.choose.randrange(2)}"
        other.unlink(missing_ok=True)
        os.link(self.one(), other)

    def replace(self) -> None:
        """The same bytes in a new file: an editor's way of saving."""
        file = self.one()
        shutil.copyfile(file, file.with_suffix(".new"))
        file.with_suffix(".new").chmod(file.stat().st_mode & 0o7777)
        file.with_suffix(".new").rename(file)

    def xattr(self) -> None:
        os.setxattr(self.one(), "user.note", self.choose.randbytes(3))

    def step(self) -> None:
        number = self.choose.randrange(3)
        self.steps.insert(
            self.choose.randrange(len(self.steps) + 1),
            self.choose.choice(
                [
                    f"RUN echo {number} > /r{number}",
                    f"RUN rm -rf /all/dir; mkdir -p /all/dir && echo {number} > /all/dir/x",
                    "RUN for f in $(find /all -type f 2>/dev/null); do touch -c $f; chmod 600 $f; done",
                    f"COPY --from=one /o /o{number}",
                    f"COPY --chmod=60{number} . /c{number}/",
                    f"ENV E={number}",
                    f"WORKDIR /w/{number}",
                    f"ARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH > /epoch{number}",
                    "RUN --mount=type=bind,target=/c ls -R /c > /listed && cat /c/*.txt >> /listed",
                ]
            ),
        )

    def swap(self) -> None:
        self.choose.shuffle(self.steps)

    def drop(self) -> None:
        if len(self.steps) > 3:
            self.steps.pop(self.choose.randrange(len(self.steps)))


@pytest.mark.parametrize("seed", range(3))
def test_after_any_edits_the_cache_gives_what_a_build_without_it_gives(
    bb: Wherry, base_archive: Path, tmp_path: Path, seed: int
) -> None:
    context = write_context(tmp_path / "c", other=False)
    fresh = another(tmp_path / "fresh", base_archive)
    edits = Edits(context, seed)
    for _ in range(7):
        edits.edit()
        epoch = edits.choose.choice([EPOCH, EPOCH, 1_000_000_000])
        words = ("--build-arg", f"SOURCE_DATE_EPOCH={epoch}")
        if edits.choose.random() < 0.3:
            (context / "Dockerfile").write_text(edits.dockerfile())
            bb.run("build", "-q", str(context))  # one that is not reproducible, between
        with_cache = _outcome(bb, context, edits.dockerfile(), tmp_path, *words)
        elsewhere = tmp_path / "elsewhere"
        subprocess.run(["cp", "-a", str(context), str(elsewhere)], check=True)
        without = _outcome(fresh, elsewhere, edits.dockerfile(), tmp_path, "--no-cache", *words)
        assert with_cache == without, (edits.done, edits.dockerfile())
        shutil.rmtree(elsewhere)


def _outcome(wherry: Wherry, context: Path, dockerfile: str, out: Path, *words: str) -> Result | str:
    """What comes out; a build may fail, and then it fails both times."""
    try:
        return build(wherry, context, dockerfile, out, *words)
    except Failed as error:
        assert "Traceback" not in str(error)
        return "failed"


def test_a_dockerfile_may_say_the_epoch_itself(bb: Wherry, tmp_path: Path) -> None:
    """As in BuildKit: an ARG before the first FROM; the caller's word goes before it."""
    stage = "FROM bb\nARG SOURCE_DATE_EPOCH\nRUN echo =$SOURCE_DATE_EPOCH > /e\n"
    dockerfile = "ARG T=1000\nARG SOURCE_DATE_EPOCH=${T}000000\n" + stage
    bb.build(tmp_path / "c", dockerfile, "-t", "x")
    assert bb("inspect", "-f", "{{.Created}}", "x").startswith("2001-09-09T01:46:40")
    assert bb("run", "--rm", "x", "cat", "/e") == "=1000000000"
    bb.build(tmp_path / "c", None, "-t", "x", env={"SOURCE_DATE_EPOCH": "2000000000"})
    assert bb("inspect", "-f", "{{.Created}}", "x").startswith("2033-05-18T03:33:20")
    now = bb.build(tmp_path / "c", None, "-t", "x", "--build-arg", "SOURCE_DATE_EPOCH=")
    assert not bb("inspect", "-f", "{{.Created}}", now).startswith("2001")
    bb.build(tmp_path / "d", "ARG SOURCE_DATE_EPOCH=context\n" + stage, "-t", "y")
    assert bb("run", "--rm", "y", "cat", "/e") == "=", "a local context has no time"
    (tmp_path / "c/Dockerfile").write_text(dockerfile.replace("${T}", "soon"))
    assert "invalid SOURCE_DATE_EPOCH" in bb.fails("build", str(tmp_path / "c"))
