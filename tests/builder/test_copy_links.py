"""COPY after a change: what stayed is linked out of the layer before, and the layer is what it would be."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from support.wherry import Wherry
from support.work import Work, work_of
from wherry.builder.context import file_index

pytestmark = [pytest.mark.root]

COUNT = 40
DOCKERFILE = "FROM scratch\nCOPY src /\n"
PAST = 1_700_000_000
# Longer than two changes of a file may share one time (a tick of the kernel's clock has at most 10 ms).
TICK = 0.03
# Files are known by their times one tick after they were written, not seconds; one test waits for those.
SOON = "from wherry.builder.context import file_index; file_index.SETTLE_NS = 0"


class Project:
    """A context whose files are old enough to be known by their times, and two stores: one that has seen
    what it was before, and one that has not."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder
        self.context = folder / "context"
        self.files = [self.context / "src" / f"d{n % 4}" / f"f{n}.txt" for n in range(COUNT)]
        for number, file in enumerate(self.files):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{number}\n" * 50)
            os.utime(file, (PAST, PAST))
        self.dockerfile()

    def dockerfile(self, text: str = DOCKERFILE) -> None:
        (self.context / "Dockerfile").write_text(text)

    def build(self, *options: str, store: str = "store", first: str = SOON) -> Work:
        time.sleep(TICK)
        root = str(self.scratch / store)
        words = ("--root", root, "build", "-q", *options, str(self.context))
        return work_of(self.scratch, *words, first=first)

    def same_as_new(self, image: str, *options: str) -> bool:
        """Whether a store that knows nothing makes the same image."""
        shutil.rmtree(self.scratch / "other", ignore_errors=True)
        other = self.build(*options, store="other").output
        return self.layers("store", image) == self.layers("other", other)

    def is_whole(self) -> bool:
        """Whether each tree of both stores has the bytes of its diff ID."""
        stores = (Wherry(self.scratch / store) for store in ("store", "other"))
        return not any(store("system", "check", "--format", "json") for store in stores)

    def layers(self, store: str, image: str) -> str:
        """Their diff IDs."""
        return Wherry(self.scratch / store)("inspect", "--format", "{{json .RootFS.Layers}}", image)

    def layer_file(self, number: int) -> list[Path]:
        name = f"d{number % 4}/f{number}.txt"
        return sorted(self.scratch.glob(f"store/layers/*/{name}"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_first_copy_opens_each_file_twice_and_what_it_writes_once(project: Project) -> None:
    """To hash it for the key, and to copy it; what is copied is hashed in its tar as well."""
    work = project.build()
    assert set(work.by_file("open", project.context, ".txt").values()) == {2}
    assert set(work.by_file("open", project.scratch / "store", ".txt").values()) == {1}
    assert work.count("lstat", project.context, ".txt") == 0


def test_after_a_change_of_one_file_that_one_is_copied_and_all_others_are_links(project: Project) -> None:
    project.build()
    project.files[7].write_text("changed")
    work = project.build()
    assert work.by_file("open", project.context, ".txt") == {"f7.txt": 2}
    assert work.count("os.link", project.scratch, ".txt") == COUNT - 1
    # One pass of hashing: each link is read once, and one file is written.
    assert work.count("open", project.scratch / "store", ".txt") == COUNT
    # What the layer before has is known without a look at it, and what the new one has when it is read.
    assert work.count("lstat", project.scratch / "store", ".txt") == 0
    inodes = [{path.stat().st_ino for path in project.layer_file(n)} for n in range(COUNT)]
    assert [len(each) for each in inodes] == [2 if n == 7 else 1 for n in range(COUNT)]
    assert project.same_as_new(work.output)


def test_a_build_links_what_was_written_longer_ago_than_files_take_to_settle(project: Project) -> None:
    settled = file_index.SETTLE_NS / 1e9 + 0.1
    time.sleep(settled)
    project.build(first="")
    project.files[7].write_text("changed")
    time.sleep(settled)
    assert project.build(first="").count("os.link", project.scratch, ".txt") == COUNT - 1


def test_another_base_takes_links_too(project: Project) -> None:
    project.dockerfile("FROM scratch AS base\nCOPY Dockerfile /a\nFROM base\nCOPY src /\n")
    project.build()
    project.dockerfile("FROM scratch AS base\nCOPY Dockerfile /b\nFROM base\nCOPY src /\n")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == COUNT
    assert project.same_as_new(work.output)


@pytest.mark.parametrize(
    ("change", "linked"),
    [
        (lambda file: os.chmod(file, 0o600), COUNT - 1),
        (lambda file: os.utime(file, (PAST + 5, PAST + 5)), 0),  # the key knows no times: nothing is made
        (lambda file: replaced(file, "other\n"), COUNT - 1),
        (lambda file: kept_time(file, "x"), COUNT - 1),
        (lambda file: file.unlink(), COUNT - 1),
        (lambda file: (file.unlink(), file.symlink_to("elsewhere")), COUNT - 1),
        (lambda file: (file.unlink(), file.mkdir()), COUNT - 1),
        (lambda file: file.with_name("more.txt").write_text("new"), COUNT),
    ],
    ids=["mode", "time", "renamed over", "kept time", "gone", "symlink", "folder", "more"],
)
def test_whatever_changes_the_image_is_that_of_a_store_that_has_seen_nothing(
    project: Project, change: object, linked: int
) -> None:
    first = project.build().output
    assert callable(change)
    change(project.files[7])
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == linked
    if linked:
        assert project.same_as_new(work.output)
        assert project.is_whole()
    else:
        assert work.output == first


def replaced(file: Path, text: str) -> None:
    """As editors save: another file of the same size and times takes its name."""
    status = file.stat()
    new = file.with_name("new")
    new.write_text((text * 500)[: status.st_size])
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.rename(file)


def kept_time(file: Path, letter: str) -> None:
    status = file.stat()
    file.write_text(letter * status.st_size)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_with_several_names_is_copied_and_stays_one_file(project: Project) -> None:
    second = project.files[8].with_name("second.txt")
    second.hardlink_to(project.files[8])
    project.build()
    project.files[7].write_text("changed")
    assert project.same_as_new(project.build().output)
    second.unlink()
    second.write_text(project.files[8].read_text())
    os.utime(second, (PAST, PAST))
    work = project.build()
    assert project.same_as_new(work.output)
    named = {path.stat().st_ino for path in project.scratch.glob("store/layers/*/d0/second.txt")}
    assert len(named) == 3


def test_a_file_whose_other_names_are_not_copied_is_linked_like_any_other(project: Project) -> None:
    """As pnpm's, and those of a repository that was cloned from a folder."""
    for number, file in enumerate(project.files):
        (project.context / f"other{number}").hardlink_to(file)
    project.build()
    project.files[7].write_text("changed")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == COUNT - 1
    assert work.count("open", project.scratch / "store", ".txt") == COUNT
    assert project.same_as_new(work.output)
    assert project.is_whole()


def test_owner_and_mode_of_the_instruction_are_of_the_layer_before_or_nothing_is_linked(
    project: Project,
) -> None:
    project.build()
    project.dockerfile("FROM scratch\nCOPY --chown=3:4 --chmod=0640 src /\n")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == 0
    project.files[7].write_text("changed")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == COUNT - 1
    assert project.same_as_new(work.output)


def test_a_reproducible_build_links_and_tells_no_time(project: Project) -> None:
    epoch = ("--build-arg", "SOURCE_DATE_EPOCH=1234567890")
    project.build(*epoch)
    project.files[7].write_text("changed")
    work = project.build(*epoch)
    assert work.count("os.link", project.scratch, ".txt") == COUNT - 1
    assert project.same_as_new(work.output, *epoch)


def test_files_that_were_just_written_are_not_taken_for_what_was_hashed(project: Project) -> None:
    later = time.time() + 86_400  # as if the clock had not moved on since
    for file in project.files[:10]:
        os.utime(file, (later, later))
    project.build()
    project.files[17].write_text("changed")
    assert project.build().count("os.link", project.scratch, ".txt") == COUNT - 11


def test_layers_outlive_each_other(project: Project, wherry: Wherry) -> None:
    """Removing the layer before takes nothing from the one that was made of it, and that is found right."""
    project.build("-t", "one")
    project.files[7].write_text("changed")
    project.build("-t", "two")
    root = str(project.scratch / "store")
    work_of(project.scratch, "--root", root, "rmi", "one")
    work_of(project.scratch, "--root", root, "builder", "prune", "-af")
    assert len(list((project.scratch / "store/layers").iterdir())) == 1
    work_of(project.scratch, "--root", root, "system", "check")
    assert all(path.stat().st_nlink == 1 for n in range(COUNT) for path in project.layer_file(n))


def test_a_layer_before_that_is_gone_or_damaged_is_none(project: Project) -> None:
    project.build()
    shutil.rmtree(next((project.scratch / "store/layers").iterdir()))
    project.files[7].write_text("changed")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == 0
    assert project.same_as_new(work.output)
    for kept in (project.scratch / "store/contexts").glob("*.*"):
        kept.write_bytes(b"x")
    project.files[7].write_text("changed again")
    assert project.same_as_new(project.build().output)


def test_an_archive_that_replaces_what_was_copied_is_not_taken_for_it(project: Project) -> None:
    shutil.make_archive(str(project.scratch / "a"), "tar", project.context / "src")
    (project.scratch / "a.tar").rename(project.context / "a.tar")
    project.files[3].write_text("not in the archive")
    project.dockerfile("FROM scratch\nADD src a.tar /\n")
    project.build()
    project.files[7].write_text("changed")
    work = project.build()
    assert work.count("os.link", project.scratch, ".txt") == 0
    assert project.same_as_new(work.output)
