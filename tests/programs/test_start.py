"""Whether what an image starts can start: real programs, compiled here, and damaged ones."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.programs import compile_, place
from support.wherry import Wherry
from wherry.layers.view import View
from wherry.oci.platform import Platform
from wherry.programs.elf import read_elf
from wherry.programs.start import Problem, Start, problems

AMD64 = Platform("linux", "amd64")
MAIN = "int main(void){return 0;}"
LOADER = "lib64/ld-linux-x86-64.so.2"


def found(tree: Path, *argv: str, **changes: object) -> list[Problem]:
    start = Start(argv, {"PATH": "/bin:/usr/bin"}, "/", 0, (0,), AMD64)._replace(**changes)
    return problems(View([str(tree)]), start)


def rules(tree: Path, *argv: str, **changes: object) -> list[tuple[str, str]]:
    return [(problem.rule, problem.details[-1]) for problem in found(tree, *argv, **changes)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An image with the C library and nothing else."""
    top = tmp_path / "tree"
    place(top, "/" + LOADER, LOADER)
    place(top, "/lib/x86_64-linux-gnu/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6")
    return top


def test_a_dynamic_program_with_its_loader_and_libraries(tree: Path) -> None:
    compile_(tree / "bin/app", MAIN)
    assert rules(tree, "app") == rules(tree, "/bin/app") == []


def test_a_static_program_needs_nothing(tmp_path: Path) -> None:
    place(tmp_path, "/bin/busybox", "app")
    assert rules(tmp_path, "/app") == []


def test_the_article_s_trap(tmp_path: Path) -> None:
    compile_(tmp_path / "root/httpd", MAIN)
    problem = found(tmp_path, "/root/httpd")[0]
    assert problem.rule == "LoaderNotFound" and problem.details == ("/root/httpd", "/" + LOADER)
    assert "CGO_ENABLED=0" in problem.fix


def test_a_library_of_a_library_is_missed(tree: Path) -> None:
    libraries = tree / "opt/lib"
    compile_(libraries / "libdeep.so", "int deep(void){return 1;}", "-shared", "-fPIC")
    compile_(
        libraries / "libnear.so", "int deep(void); int near_(void){return deep();}", "-shared", "-fPIC",
        f"-L{libraries}", "-ldeep",
    )  # fmt: skip
    flags = (f"-L{libraries}", "-lnear", f"-Wl,-rpath-link,{libraries}")
    compile_(
        tree / "opt/bin/app",
        "int near_(void); int main(void){return near_();}",
        *flags,
        "-Wl,-rpath,$ORIGIN/../lib",
    )
    assert rules(tree, "/opt/bin/app") == [("LibraryNotFound", "libdeep.so (for /opt/lib/libnear.so)")], (
        "RUNPATH is not for the libraries of libraries"
    )
    assert rules(tree, "/opt/bin/app", env={"LD_LIBRARY_PATH": "/opt/lib"}) == []
    compile_(
        tree / "opt/bin/old", "int near_(void); int main(void){return near_();}", *flags,
        "-Wl,--disable-new-dtags,-rpath,/opt/lib",
    )  # fmt: skip
    assert rules(tree, "/opt/bin/old") == [], "DT_RPATH is"
    compile_(tree / "opt/bin/bare", "int near_(void); int main(void){return near_();}", *flags)
    assert rules(tree, "/opt/bin/bare") == [("LibraryNotFound", "libnear.so")]
    (tree / "etc/ld.so.conf.d").mkdir(parents=True)
    (tree / "etc/ld.so.conf").write_text("include ld.so.conf.d/*.conf\n")
    (tree / "etc/ld.so.conf.d/x.conf").write_text("# ours\n/opt/lib\n")
    assert rules(tree, "/opt/bin/bare") == []


def by_the_loader(tree: Path, program: str) -> bool:
    """Whether the real loader, which asks /proc for $ORIGIN, starts it: the check's own judge."""
    (tree / "proc").mkdir(exist_ok=True)
    script = 'mount -t proc proc "$1/proc" && exec chroot "$1" "$2"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(tree), program]
    return subprocess.run(words, check=False, capture_output=True).returncode == 1


@pytest.mark.root
def test_origin_is_the_folder_of_the_program_s_file_and_of_a_library_s_link(tree: Path) -> None:
    """As the loader has it: every Debian JRE is /usr/bin/java, a link to a link, with $ORIGIN/../lib."""
    jre, near = tree / "opt/jre", "int near_(void); int main(void){return near_();}"
    compile_(jre / "lib/libdeep.so", "int deep(void){return 1;}", "-shared", "-fPIC")
    compile_(
        jre / "lib/libnear.so", "int deep(void); int near_(void){return deep();}", "-shared", "-fPIC",
        f"-L{jre}/lib", "-ldeep", "-Wl,-rpath,$ORIGIN",
    )  # fmt: skip
    flags = (f"-L{jre}/lib", "-lnear", f"-Wl,-rpath-link,{jre}/lib")
    compile_(jre / "bin/java", near, *flags, "-Wl,-rpath,$ORIGIN/../lib")
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "etc/alternatives").mkdir(parents=True)
    (tree / "etc/alternatives/java").symlink_to("/opt/jre/bin/java")
    (tree / "usr/bin/java").symlink_to("/etc/alternatives/java")
    assert by_the_loader(tree, "/usr/bin/java")
    assert rules(tree, "java") == rules(tree, "/usr/bin/java") == []

    (tree / "apart").mkdir()
    (tree / "apart/libnear.so").symlink_to("/opt/jre/lib/libnear.so")
    compile_(tree / "usr/bin/apart", near, *flags, "-Wl,-rpath,/apart")
    assert not by_the_loader(tree, "/usr/bin/apart")
    assert rules(tree, "apart") == [("LibraryNotFound", "libdeep.so (for /opt/jre/lib/libnear.so)")]


@pytest.mark.root
def test_a_program_s_rpath_stays_its_own_for_the_libraries_of_its_libraries(tree: Path) -> None:
    """$ORIGIN in an inherited DT_RPATH is the program's."""
    compile_(tree / "opt/deep/libdeep.so", "int deep(void){return 1;}", "-shared", "-fPIC")
    compile_(
        tree / "opt/lib/libnear.so", "int deep(void); int near_(void){return deep();}", "-shared", "-fPIC",
        f"-L{tree}/opt/deep", "-ldeep",
    )  # fmt: skip
    compile_(
        tree / "opt/app", "int near_(void); int main(void){return near_();}", f"-L{tree}/opt/lib", "-lnear",
        f"-Wl,-rpath-link,{tree}/opt/deep", "-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib:$ORIGIN/deep",
    )  # fmt: skip
    assert by_the_loader(tree, "/opt/app")
    assert rules(tree, "/opt/app") == []


def test_absent_no_file_and_not_executable(tree: Path) -> None:
    compile_(tree / "bin/app", MAIN)
    os.chmod(tree / "bin/app", 0o750)
    assert rules(tree, "/nothing") == [("ProgramNotFound", "/nothing")]
    assert rules(tree, "nothing")[0][1] == "nothing (looked for in /bin:/usr/bin)"
    assert rules(tree, "/bin") == [("ProgramNotExecutable", "a directory")]
    assert rules(tree, "app", uid=1000, gids=(1000,)) == [
        ("ProgramNotExecutable", "not executable by uid 1000")
    ]
    os.chmod(tree / "bin/app", 0o644)
    assert rules(tree, "app") == [("ProgramNotExecutable", "not executable (mode 644)")]


def test_scripts(tree: Path) -> None:
    place(tree, "/bin/busybox", "bin/sh")
    for name, line in (
        ("ok", "#!/bin/sh -e"),
        ("bash", "#!/bin/bash"),
        ("dos", "#!/bin/sh\r"),
        ("two", "#! /ok"),
    ):
        (tree / name).write_text(f"{line}\ntrue\n", newline="")
        os.chmod(tree / name, 0o755)
    assert rules(tree, "/ok") == rules(tree, "/two") == []
    assert rules(tree, "/bash") == [("InterpreterNotFound", "/bin/bash")]
    assert rules(tree, "/dos") == [("InterpreterNotFound", "/bin/sh\\r")]
    (tree / "loop").write_text("#!/loop\n")
    os.chmod(tree / "loop", 0o755)
    assert rules(tree, "/loop") == []


def test_a_program_of_another_processor(tree: Path) -> None:
    compile_(tree / "bin/app", MAIN)
    assert rules(tree, "app", platform=Platform("linux", "arm64")) == [("WrongArchitecture", "linux/arm64")]


def test_links_are_followed_inside_the_image_only(tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin/app").symlink_to("/bin/real")
    (tree / "bin/loop").symlink_to("loop")
    compile_(tree / "bin/real", MAIN)
    assert rules(tree, "app") == []
    assert rules(tree, "loop")[0][0] == "ProgramNotFound"


ELF = Path("/bin/true").read_bytes() if os.path.exists("/bin/true") else b"\x7fELF"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4096), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, len(ELF)),
)
def test_damaged_programs_are_read_or_refused(changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(ELF)
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    read_elf(io.BytesIO(bytes(data[: cut or None])))


def test_a_build_says_it_with_the_fix_every_time(bb: Wherry, tmp_path: Path) -> None:
    compile_(tmp_path / "httpd", MAIN)
    (tmp_path / "Dockerfile").write_text('FROM bb\nCOPY httpd /root/\nENTRYPOINT ["/root/httpd"]\n')
    for _ in range(2):
        said = bb.run("build", "-t", "x", str(tmp_path)).stderr
        assert f"LoaderNotFound: ENTRYPOINT starts /root/httpd, which needs the loader /{LOADER}" in said
        assert "(line 3)" in said and "fix: link it statically (Go: CGO_ENABLED=0)" in said
    assert bb.run("build", "-q", str(tmp_path)).stderr == ""
    assert "exec" in bb.fails("run", "--rm", "x", code=127)
    (tmp_path / "Dockerfile").write_text(
        '# check=skip=LoaderNotFound\nFROM bb\nCOPY httpd /root/\nENTRYPOINT ["/root/httpd"]\n'
    )
    assert "Loader" not in bb.run("build", str(tmp_path)).stderr
