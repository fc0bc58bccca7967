"""``wherry build``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from wherry.cli.flags import Command, Flag, Options
from wherry.errors import ContextError, InvalidReferenceError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.build.context import Context
    from wherry.dockerfile.ast import Dockerfile
    from wherry.store import Store

COMMAND = Command(
    "build",
    "[OPTIONS] PATH | -",
    "Build an image from a Dockerfile",
    (
        Flag("tag", "list", 'Name and optionally a tag (format: "name:tag")', short="t"),
        Flag("file", "string", 'Name of the Dockerfile (default: "PATH/Dockerfile")', short="f"),
        Flag("target", "string", "Set the target build stage to build"),
        Flag("build-arg", "list", "Set build-time variables", metavar="NAME=VALUE"),
        Flag("label", "list", "Set metadata for the image", metavar="NAME=VALUE"),
        Flag("no-cache", "bool", "Do not use the cache when building the image"),
        Flag(
            "progress",
            "string",
            "Set type of progress output",
            choices=("auto", "plain", "tty", "quiet"),
            default="auto",
        ),
        Flag("secret", "list", "Secret to expose to the build", metavar="id=ID[,src=FILE|,env=NAME]"),
        Flag("ssh", "list", "SSH agent socket to expose to the build", metavar="default|ID[=SOCKET]"),
        Flag("iidfile", "string", "Write the image ID to a file", metavar="FILE"),
        Flag("quiet", "bool", "Suppress the build output and print the image ID on success", short="q"),
    ),
    min_args=1,
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.build.worker import Build, BuildOptions, host_platform, tag, unused_args
    from wherry.cli.build_given import given
    from wherry.cli.progress import Deferred, make_progress
    from wherry.oci.reference import parse as parse_reference
    from wherry.store import Store

    # What is wrong with the words is said before anything is done.
    names = options.strings("tag")
    for name in names:
        try:
            parse_reference(name)
        except InvalidReferenceError as error:
            raise UsageError(
                f'invalid argument for "-t, --tag": {error.message}', hint=error.hint
            ) from None
    build_options = BuildOptions(
        host_platform(),
        options.string("target"),
        _pairs(options.strings("build-arg"), "build-arg"),
        _pairs(options.strings("label"), "label"),
        options.flag("no-cache"),
        given(options.strings("secret"), options.strings("ssh")),
    )
    quiet = options.flag("quiet") or options.string("progress") == "quiet"
    progress = Deferred(make_progress("quiet" if quiet else options.string("progress") or "auto"))
    told = progress if os.geteuid() else progress.direct()
    store = Store.open()
    with store.using(), store.temp() as temporary:
        dockerfile, context = _inputs(options.args[0], options.string("file"), store, temporary)
        build = Build(store, dockerfile, context, build_options, told, temporary)
        try:
            record = build.run()
        finally:
            progress.release()
        shown = tag(store, names, record)
    for name in unused_args(build):
        print(f"warning: [Warning] One or more build-args [{name}] were not consumed", file=sys.stderr)
    iidfile = options.string("iidfile")
    if iidfile:
        with open(iidfile, "w", encoding="ascii") as file:
            file.write(record.id)
    if quiet:
        print(record.id)
    else:
        for name in shown:
            print(f"naming to {name}", file=sys.stderr)
        print(f"image {record.id}", file=sys.stderr)
    return 0


def _inputs(
    path: str, file: str | None, store: Store, temporary: str
) -> tuple[Dockerfile, Callable[[], Context]]:
    """The Dockerfile, and a way to open the context when a COPY first needs it."""
    from wherry.build.context import open_context
    from wherry.dockerfile import parse

    root = path
    if path == "-":
        root, inline = _from_stdin(temporary)
        if inline is not None:
            return parse(inline), lambda: open_context(root, "", store.root)
    if not os.path.isdir(root):
        kind = "is not a directory" if os.path.exists(root) else "not found"
        raise ContextError(
            f'unable to prepare context: path "{path}" {kind}', hint="give the folder of the build, or -"
        )
    if file == "-":
        return parse(sys.stdin.buffer.read()), lambda: open_context(root, "", store.root)
    place = file or os.path.join(root, "Dockerfile")
    if path == "-" and file:
        place = os.path.join(root, file)
    try:
        with open(place, "rb") as text:
            data = text.read()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_dockerfile(place, root) from None
    except IsADirectoryError:
        raise NotFoundError(f"failed to read dockerfile: {place} is a directory") from None
    name = os.path.basename(place)
    return parse(data, name), lambda: open_context(root, place, store.root)


def _no_dockerfile(place: str, root: str) -> NotFoundError:
    from wherry.errors import nearest

    folder, name = os.path.split(place)
    try:
        near = nearest(name, os.listdir(folder or "."))
    except OSError:
        near = None
    return NotFoundError(
        f"failed to read dockerfile: open {place}: no such file or directory",
        hint=f"did you mean {os.path.join(folder, near)}?"
        if near
        else f"put a Dockerfile into {root}, or name it with -f",
    )


def _from_stdin(temporary: str) -> tuple[str, bytes | None]:
    """``wherry build -``: a tar is the context, anything else the Dockerfile of an empty one."""
    from wherry.sandbox.userns import enter_if_needed

    # The copy of ourselves in a user namespace could not read standard input again.
    enter_if_needed()
    folder = os.path.join(temporary, "context")
    os.mkdir(folder)
    with open(0, "rb", closefd=False) as stream:
        if not _looks_like_tar(stream.peek(512)[:512]):
            return folder, stream.read()
        from wherry.layers.compress import decompressed
        from wherry.layers.unpack import unpack

        unpack(decompressed(stream), folder, name="the context", markers=False)
    return folder, None


def _looks_like_tar(data: bytes) -> bool:
    from wherry.layers.compress import kind_of

    return (
        kind_of(data) != "none" or data[257:262] == b"ustar" or (len(data) == 512 and b"\0" in data[:100])
    )


def _pairs(words: list[str], flag: str) -> dict[str, str]:
    """``NAME=VALUE``; for --build-arg also ``NAME``, whose value is the environment's, if it has one."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f'invalid argument "{word}" for --{flag}: the name is missing')
        if not equals and flag == "build-arg":
            if name in os.environ:
                found[name] = os.environ[name]
            continue
        found[name] = value
    return found
