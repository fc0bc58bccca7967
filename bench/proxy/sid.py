"""Debian sid's nginx beside the machine's own: unpacked into a cache, with the libraries it needs.

Nothing is installed.  It runs through sid's own dynamic loader, since its C library is newer than ours; a
reload forks and never executes, so the loader is gone through once.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.peers.go_programs import cache_folder
from bench.programs import CommandFailed, NotHere, output

PACKAGES = ("nginx", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3t64", "libzstd1", "zlib1g")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MACHINES = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}


def sid_nginx() -> Path:
    """A program that is sid's nginx, fetched first where it is absent (about 10 MB).

    Is atomic: the folder appears by one rename.  Raises NotHere.
    """
    folder = cache_folder() / "nginx-sid"
    program = folder / "nginx"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            try:
                _unpack(_packages(Path(work)), Path(work) / "new")
            except (CommandFailed, OSError, IndexError) as error:
                # Its last line: the command before it is long, and names folders of this machine.
                raise NotHere(f"Debian sid's nginx: {str(error).strip().splitlines()[-1]}") from None
            _write_program(Path(work) / "new", folder)
            shutil.rmtree(folder, ignore_errors=True)
            (Path(work) / "new").rename(folder)
    try:
        output(str(program), "-V")
    except CommandFailed as error:
        raise NotHere(f"Debian sid's nginx does not run here: {error}") from None
    return program


def _packages(work: Path) -> list[Path]:
    """Download them with an apt that knows sid and nothing else, from where apt finds Debian now."""
    apt = work / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    asked = ("indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian")
    mirror = output("apt-get", *asked).splitlines()[0]
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} sid main\n")
    (apt / "status").touch()
    settings = {
        "Dir::State::Lists": apt / "lists",
        "Dir::State::Status": apt / "status",
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Cache": apt / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Error-Mode": "any",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    output("apt-get", *options, "update")
    output("apt-get", *options, "download", *PACKAGES, cwd=work)
    return sorted(work.glob("*.deb"))


def _unpack(packages: list[Path], folder: Path) -> None:
    for package in packages:
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True)


def _write_program(new: Path, folder: Path) -> None:
    """`folder`/nginx, a shell's few words: what starts it sees one program."""
    triplet = MACHINES.get(platform.machine(), "")
    loaders = [*new.glob(f"usr/lib/{triplet}/ld-linux*.so.*"), *new.glob("usr/lib64/ld-linux*.so.*")]
    loader = folder / loaders[0].relative_to(new)
    library, program = folder / "usr/lib" / triplet, folder / "usr/sbin/nginx"
    words = f'exec {loader} --library-path {library} --argv0 nginx {program} "$@"'
    (new / "nginx").write_text(f"#!/bin/sh\n{words}\n")
    os.chmod(new / "nginx", 0o755)
