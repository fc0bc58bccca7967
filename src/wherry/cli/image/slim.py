"""``wherry slim``."""

from __future__ import annotations

import os
import sys

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.counted import counted
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.app.slim import SlimRequest, SlimResult

COMMAND = Command(
    "slim",
    "[OPTIONS] IMAGE -t NAME[:TAG]",
    (
        Flag(
            "audit",
            "string",
            "Write why each file is kept, and where each other one came from",
            metavar="FILE",
        ),
        Flag(
            "confidence",
            "string",
            "The least confidence of a reason that counts",
            choices=("certain", "likely", "guess"),
            default="likely",
        ),
        Flag("drop", "list", "Leave files out, whatever asks for them", metavar="PATH"),
        Flag(
            "env", "list", "Set environment variables while the image runs", short="e", metavar="NAME=VALUE"
        ),
        Flag(
            "exec", "list", "Run a command in the image; both images must answer alike", metavar="COMMAND"
        ),
        Flag(
            "file", "string", "Read options from a file (default .wherryslim, if there is one)", short="f"
        ),
        Flag("keep", "list", "Keep files that nothing asks for", metavar="PATH"),
        Flag("keep-base", "bool", "Keep the layers of the base image as they are, and slim what is above"),
        Flag("network", "string", "Network while the image runs", metavar="NET"),
        Flag("no-packages", "bool", "Leave out what tells scanners which packages are in the image"),
        Flag("preset", "list", "Keep what such programs usually need: go, jvm, nginx, node, python, shell"),
        Flag("probe", "list", "Ask for a URL; both images must answer alike", metavar="URL"),
        Flag("publish", "list", "Publish a port while the image runs", short="p", metavar="PORT"),
        Flag("reproducible", "bool", "Give the same digest for the same files, whenever it is made"),
        Flag("run", "int", "Run each of both images at least so long", metavar="SECONDS"),
        Flag("suggest", "string", "Write a Dockerfile that gives the same files", metavar="FILE"),
        Flag("tag", "string", "Name of the slim image", short="t", metavar="NAME"),
        Flag("user", "string", "User while the image runs", short="u"),
        Flag("volume", "list", "Bind mount a volume while the image runs", short="v"),
        Flag("why", "string", "Only say why a file is kept", metavar="PATH"),
    ),
    min_args=1,
    max_args=1,
    description="Both images are run before the new one is named: it has to start, and to answer as the "
    "old one does.\nPATH may have wildcards; a folder is kept, or left out, with all that is in it.",
    needs=LAYERS,
)
MOST_SHOWN = 10


def run(options: Options) -> int:
    from wherry.app.slim import as_text, slim
    from wherry.store import Store

    request = _request(options)
    why = options.string("why")
    if why is not None:
        return _why(options, request, why)
    audit, suggest = options.string("audit"), options.string("suggest")
    made = slim(
        Store.open(options.runtime),
        request,
        audit=audit is not None,
        suggest=suggest is not None,
        told=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if audit is not None and made.log is not None:
        _write(audit, as_text(made.log))
    if suggest is not None:
        _write(suggest, made.dockerfile)
    _say(made)
    print(made.slimmed.image.id)
    return 0


def _request(options: Options) -> SlimRequest:
    from wherry.app.slim import SlimRequest, read_wishes
    from wherry.containers.create import CreateOptions
    from wherry.slim.wishes import NAME, Wishes

    file = options.string("file")
    told = Wishes(**{name: tuple(options.strings(name)) for name in Wishes._fields if name != "env"})
    volumes = tuple(options.strings("volume"))
    return SlimRequest(
        CreateOptions(
            image=options.args[0],
            callers=options.runtime.env,
            folder=os.getcwd() if any(volume.startswith(".") for volume in volumes) else "",
            env=tuple(options.strings("env")),
            volumes=volumes,
            publish=tuple(options.strings("publish")),
            network=options.string("network"),
            user=options.string("user"),
        ),
        read_wishes(file or NAME, must_exist=file is not None).and_also(told),
        options.string("tag") or "",
        options.string("confidence") or "likely",
        float(options.integer("run") or 0),
        options.flag("reproducible"),
        options.flag("keep-base"),
        not options.flag("no-packages"),
    )


def _why(options: Options, request: SlimRequest, path: str) -> int:
    from wherry.app.slim import why
    from wherry.cli.core.files import read
    from wherry.slim.audit import lines
    from wherry.slim.audit import why as logged
    from wherry.store import Store

    audit = options.string("audit")
    if audit is None:
        found, package = why(Store.open(options.runtime), request, path)
    else:
        with read(audit) as file:
            found, package = logged(file.read(), path)
    for line in lines(found):
        print(line)
    if not found:
        came = f"; it came with {package}" if package not in ("", "?") else ""
        print(f"{path} is not kept{came}", file=sys.stderr)
    return 0 if found else 1


def _say(made: SlimResult) -> None:
    from wherry.cli.core.units import human_size
    from wherry.sandbox.watching import TRACED

    slimmed = made.slimmed
    before, after = human_size(made.before), human_size(slimmed.size)
    print(f"{before} before, {after} now", file=sys.stderr)
    found = f"reading the image found {counted(slimmed.static, 'file')}"
    if slimmed.watched:
        way = " (by ptrace)" if slimmed.watched == TRACED else ""
        found += f", running it{way} {slimmed.observed}, {len(slimmed.only_observed)} of them new"
    print(found, file=sys.stderr)
    for what in slimmed.kept.lacking[:MOST_SHOWN]:
        print(f"the image itself lacks {what}", file=sys.stderr)
    for what in slimmed.failing:
        print(f"the image itself fails: {what}", file=sys.stderr)
    for what in slimmed.uncompared:
        print(f"only the status of {what} was compared: what it says differs each time", file=sys.stderr)


def _write(path: str, text: str) -> None:
    from wherry.cli.core.files import written

    with written(path, "write it") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
