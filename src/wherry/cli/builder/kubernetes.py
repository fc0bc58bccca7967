"""``wherry build --on kubernetes``: the words for the pods, and what they answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from wherry import __version__
from wherry.cli.builder.cluster_flags import CLUSTER_FLAGS
from wherry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from wherry.app.on_kubernetes import OnKubernetes
    from wherry.app.request import BuildRequest
    from wherry.builder.progress import Progress
    from wherry.cli.core.flags import Command, Flag, Options
    from wherry.jobs.cluster import Jobs
    from wherry.jobs.run import Outcome

HERE = frozenset(
    {
        *(flag.name for flag in CLUSTER_FLAGS),
        *("on", "file", "secret", "ssh", "build-context", "build-arg", "progress", "quiet", "iidfile"),
        *("metadata-file", "check", "call", "help", "root", "isolation", "debug"),
    }
)
"""Flags that say something of this machine: what they say is put into other words for the pods."""
OF_THE_IMAGE = frozenset(
    {"tag", "target", "output", "load", "push", "cache-to", "squash", "annotation", "attest"}
    | {"sbom", "provenance"}
)
"""Flags for the pod that gives the image."""
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OFTEN = 3
IN_THE_POD = "the whole output is in "
"""What comes then is a file that is gone with the pod; all of it was told."""


def build(command: Command, options: Options, request: BuildRequest, args: Mapping[str, str]) -> int:
    """Build in the cluster; the build's exit code."""
    from wherry.app.on_kubernetes import build_on_kubernetes, checked
    from wherry.cli.builder.outputs import remove_answers
    from wherry.cli.builder.progress import make_progress
    from wherry.cli.registry.client import registries
    from wherry.store import Store

    asked = _asked(command, options, args)
    checked(request)
    quiet = options.flag("quiet") or options.string("progress") == "quiet"
    progress = make_progress("quiet" if quiet else options.string("progress") or "auto")
    remove_answers(options)
    jobs = _jobs(options, progress)
    with _interrupted():
        try:
            store = Store.open(options.runtime)
            outcome = build_on_kubernetes(store, request, asked, jobs, registries, progress)
        except KeyboardInterrupt:
            stays = "" if jobs.left else "nothing stays in the cluster; "
            progress.note(f"canceled: {stays}what was finished is in the cache")
            raise
        finally:
            progress.close()
            _tell_left(jobs)
    _tell(options, outcome, quiet=quiet)
    return outcome.code


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    """The first signal interrupts; while the cluster is cleaned up others wait, until there are many."""
    from wherry.handlers import handle, restore

    count = 0

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1 or count > OFTEN:
            raise KeyboardInterrupt

    before = handle(ENDS, end)
    try:
        yield
    finally:
        restore(before)


def _asked(command: Command, options: Options, args: Mapping[str, str]) -> OnKubernetes:
    """Raises UsageError."""
    from wherry.app.on_kubernetes import OnKubernetes
    from wherry.jobs.options import parse
    from wherry.oci.reference import parse as parse_reference

    image = options.string("builder-image") or options.runtime.env.get("WHERRY_BUILDER_IMAGE", "")
    if not image:
        raise UsageError(
            "--on kubernetes needs an image with wherry for its pods",
            hint="--builder-image NAME; docs/build-on-kubernetes.md says how to make it",
        )
    parse_reference(image)
    parallel = options.integer("parallel")
    if parallel is not None and parallel < 1:
        raise UsageError(
            f'invalid argument "{parallel}" for "--parallel" flag: at least one pod has to run'
        )
    chosen = [flag for flag in command.flags if flag.name not in HERE]
    common = [word for flag in chosen if flag.name not in OF_THE_IMAGE for word in _words(flag, options)]
    common += [f"--build-arg={name}={value}" for name, value in args.items()]
    last = [word for flag in chosen if flag.name in OF_THE_IMAGE for word in _words(flag, options)]
    return OnKubernetes(
        parse(image, options.strings("driver-opt")), tuple(common), tuple(last), parallel or 1
    )


def _words(flag: Flag, options: Options) -> list[str]:
    """A flag as it was given."""
    if flag.kind == "bool":
        return [f"--{flag.name}"] if options.flag(flag.name) else []
    if flag.kind == "list":
        return [f"--{flag.name}={value}" for value in options.strings(flag.name)]
    value = options.string(flag.name)
    return [] if value is None else [f"--{flag.name}={value}"]


def _jobs(options: Options, progress: Progress) -> Jobs:
    """Raises ClusterError where no cluster is configured."""
    from wherry.jobs.cluster import Jobs
    from wherry.kube.access import Finder
    from wherry.kube.client import Client
    from wherry.kube.reflector import Policy

    policy = Policy(connect=5.0, page=20.0)
    # kubectl's own name of the flag would be taken for that of a build's context.
    finder = Finder(
        options.string("kubeconfig"),
        options.string("kube-context"),
        options.runtime.env,
        flag="--kube-context",
    )
    client = Client(finder, policy)
    return Jobs(client, options.string("namespace") or client.namespace, policy, progress.note)


def _tell_left(jobs: Jobs) -> None:
    for name, why in jobs.left.items():
        print(f"warning: the Job {name} was not removed: {why}", file=sys.stderr)
        print(f"hint: kubectl -n {jobs.namespace} delete job {name}", file=sys.stderr)


def _tell(options: Options, outcome: Outcome, *, quiet: bool) -> None:
    """What the pod said beside its progress: the names of the image, what a check found, or an error."""
    said = [line for line in map(_of_here, outcome.said) if line is not None]
    if said and (outcome.code or not quiet):
        print("\n".join(said), file=sys.stderr)
    if outcome.code == UsageError.exit_code:
        print(
            f"hint: these words are understood here: has the image of the pods wherry {__version__}, too?",
            file=sys.stderr,
        )
    if outcome.code:
        return
    answer = outcome.answer
    image = str(answer.get("containerimage.config.digest") or answer.get("containerimage.digest") or "")
    _write(options.string("iidfile"), image)
    _write(options.string("metadata-file"), json.dumps(answer, indent=2, sort_keys=True))
    if quiet:
        print(image)


def _of_here(line: str) -> str | None:
    """A line without what is in the pod; None where nothing is left."""
    if not line.startswith("hint: ") or IN_THE_POD not in line:
        return line
    rest = line.partition(IN_THE_POD)[0].rstrip("; ")
    return rest if rest != "hint:" else None


def _write(path: str | None, text: str) -> None:
    from wherry.layers.newfile import new_file

    if path:
        with new_file(os.path.abspath(path)) as file:
            file.write(text.encode())
