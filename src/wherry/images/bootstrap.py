"""Base images from Debian packages, by mmdebstrap: for machines that reach no container registry."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading

from wherry.errors import NotFoundError, WherryError
from wherry.images.import_ import import_tar
from wherry.layers.rootpath import resolve
from wherry.oci.config import DEFAULT_PATH
from wherry.remote.urls import shown, without_users
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO

    from wherry.store import ImageRecord, Store

# What package management leaves behind and an image does not need.
LEFTOVERS = ("var/lib/apt/lists", "var/cache/apt", "var/log", "tmp", "var/tmp", "run")
# What minimal Debian images have, though they leave manual pages out: packages link into these folders,
# some (openjdk) while they are configured.
KEPT = tuple(f"usr/share/man/man{section}" for section in range(1, 10))
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
PROGRESS = b"I: "
UNTOLD = (b"tempdir", b"-hook")
PATIENCE = 5
"""Seconds for what mmdebstrap started to end when it is ended."""
GROUPS = "root:x:0:\nnogroup:x:65534:\n"


class Recipe(NamedTuple):
    """`variant` is mmdebstrap's, or "busybox": a shell and its applets, and nothing else."""

    suite: str
    include: tuple[str, ...] = ()
    variant: str = "minbase"
    mirror: str | None = None
    components: str = "main"
    apt: tuple[str, ...] = ()


def bootstrap(
    store: Store, recipe: Recipe, told: Callable[[str], object] = lambda line: None
) -> ImageRecord:
    """Make the image.  `told` gets what mmdebstrap says that it does, a line each, in a thread of its own.

    Raises WherryError with mmdebstrap's last lines.
    """
    tool = shutil.which("mmdebstrap", path=store.runtime.path)
    if tool is None:
        raise NotFoundError("mmdebstrap is not on PATH", hint="apt-get install mmdebstrap")
    small = recipe.variant == "busybox"
    with store.temp() as temporary:
        log = os.path.join(temporary, "log")
        process = subprocess.Popen(
            [tool, *_arguments(recipe)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(store.runtime.env, temporary),
        )
        assert process.stdout is not None and process.stderr is not None  # noqa: S101
        listener = threading.Thread(target=_listen, args=(process.stderr, log, told), daemon=True)
        listener.start()

        def ended(tree: str) -> None:
            _check(process, listener, log)
            _finish(tree, small=small)

        try:
            return import_tar(
                store,
                process.stdout,
                {"Env": [f"PATH={DEFAULT_PATH}"], "Cmd": ["sh"] if small else ["bash"]},
                "wherry",
                created_by=_shown(recipe),
                finish=ended,
            )
        except WherryError:
            # A tar that was cut short is mmdebstrap's failure, and its own words say why.
            process.stdout.close()
            _check(process, listener, log)
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            listener.join(PATIENCE)
            if not listener.is_alive():
                process.stderr.close()


def _listen(said: IO[bytes], log: str, told: Callable[[str], object]) -> None:
    """Write down what mmdebstrap says, and pass on what is about its progress."""
    with open(log, "wb", buffering=0) as file:
        for line in said:
            file.write(line)
            if line.startswith(PROGRESS) and not any(each in line for each in UNTOLD):
                told(shown(line.removeprefix(PROGRESS).decode("utf-8", "replace").strip()))


def _shown(recipe: Recipe) -> str:
    include = f" --include {','.join(recipe.include)}" if recipe.include else ""
    return f"wherry bootstrap --suite {recipe.suite} --variant {recipe.variant}{include}"


def _arguments(recipe: Recipe) -> list[str]:
    include = [*recipe.include]
    variant = recipe.variant
    if variant == "busybox":
        # "extract" only unpacks: nothing is run in the new root, so this works anywhere.
        variant = "extract"
        include.append("busybox-static")
    arguments = [f"--variant={variant}", "--format=tar", f"--components={recipe.components}"]
    arguments += [f"--aptopt={setting}" for setting in recipe.apt]
    if include:
        arguments.append("--include=" + ",".join(include))
    if variant != "extract":
        arguments += [
            "--aptopt=Acquire::Languages none",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--essential-hook=mkdir -p " + " ".join(f'"$1"/{folder}' for folder in KEPT),
        ]
    arguments += _mode()
    return [*arguments, recipe.suite, "-", *([recipe.mirror] if recipe.mirror else [])]


def _mode() -> list[str]:
    """How mmdebstrap becomes root of the new system, here."""
    if os.geteuid() != 0:
        return ["--mode=unshare"]
    return ["--mode=root"]


def _environment(env: Mapping[str, str], temporary: str) -> dict[str, str]:
    keep = ("PATH", "HOME", "http_proxy", "https_proxy", "no_proxy", "SOURCE_DATE_EPOCH", "LANG")
    return {**{name: env[name] for name in keep if name in env}, "TMPDIR": temporary}


def _finish(tree: str, *, small: bool) -> None:
    for folder in LEFTOVERS:
        path = os.path.join(tree, folder)
        if os.path.isdir(path) and not os.path.islink(path):
            _empty(path)
    _forget_users(resolve(tree, "/etc/apt/sources.list"))
    if small:
        _complete(tree)
        return
    for folder in KEPT:
        os.makedirs(resolve(tree, folder), mode=0o755, exist_ok=True)


def _forget_users(sources: str) -> None:
    """The name and the password of a mirror are not the image's to keep."""
    with contextlib.suppress(FileNotFoundError):
        with open(sources, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        with open(sources, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(without_users(text))


def _check(process: subprocess.Popen[bytes], listener: threading.Thread, log: str) -> None:
    code = process.wait()
    listener.join()
    if code == 0:
        return
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip() for line in file if line.strip()][-8:]
    shown = "\n".join(f"  {line}" for line in lines)
    raise WherryError(
        f"mmdebstrap failed with exit code {code}:\n{shown}",
        hint="are the suite and the package names right, and is a Debian mirror reachable?",
    )


def _empty(path: str) -> None:
    """Remove the files below a folder; its folders stay, since packages expect them."""
    for folder, _, files in os.walk(path):
        for name in files:
            os.unlink(os.path.join(folder, name))


def _complete(tree: str) -> None:
    """What a shell needs to be at home: applets by their names, users, a few folders."""
    shutil.rmtree(os.path.join(tree, "usr/share"), ignore_errors=True)
    for folder, mode in (("root", 0o700), ("tmp", 0o1777), ("etc", 0o755), ("var", 0o755), ("bin", 0o755)):
        path = os.path.join(tree, folder)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
    for name, text in (("passwd", USERS), ("group", GROUPS)):
        with open(os.path.join(tree, "etc", name), "w", encoding="ascii") as file:
            file.write(text)
    busybox = os.path.join(tree, "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in _applets(applets.stdout.split()):
        link = os.path.join(tree, "bin", applet)
        if not os.path.lexists(link):
            os.symlink("busybox", link)


def _applets(names: Sequence[str]) -> list[str]:
    return [name for name in names if "/" not in name and name != "busybox"]
