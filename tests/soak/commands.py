"""The commands that are killed: every command that writes, with what it needs before."""

from __future__ import annotations

from typing import NamedTuple

from tests.soak.model import Inputs

SLEEP = ("bb", "sh", "-c", "echo up; trap 'exit 7' TERM; while :; do sleep 0.05; done")
WRITE = ("app", "sh", "-c", "for i in 1 2 3 4 5; do echo $i > /f$i; echo $i; done")


class Command(NamedTuple):
    """`words` is what is killed; `before` is done once and copied, `live` anew each time.

    `again` are pieces of what the same command may say when it was done already: in any other case it
    must succeed.  `writes` is a file or folder outside of the store that it makes: absent or whole.
    """

    name: str
    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    live: tuple[tuple[str, ...], ...] = ()
    again: tuple[str, ...] = ()
    writes: str = ""


TAKEN = ("is already in use by container",)
NO_IMAGE = ("No such image",)
NO_CONTAINER = ("No such container",)
NO_CACHE = ("No such cache mount",)  # a prune may have come between
NOT_RUNNING = ("is not running",)


def all_commands(inputs: Inputs, out: str) -> tuple[Command, ...]:
    """`out` is a folder of the caller's for what commands write outside of the store."""
    app, parallel, cached = (inputs.context(name) for name in ("app", "parallel", "cached"))
    pushed, cache = f"{inputs.registry}/pushed", f"ref={inputs.registry}/cache"
    up = (("run", "-d", "--name", "cc", *SLEEP),)
    made = (("create", "--name", "cc", *WRITE),)
    ended = (("run", "--name", "cc", *WRITE),)
    return (
        Command("build", ("build", "--no-cache", "-q", "-t", "app", app)),
        Command("build-parallel", ("build", "-q", "-t", "new", parallel)),
        Command("build-cached", ("build", "-q", "-t", "again", app)),
        Command("build-mount", ("build", "--no-cache", "-q", "-t", "mounted", cached)),
        Command("build-squash", ("build", "-q", "--squash", "-t", "flat", app)),
        Command("build-reproducible", ("build", "-q", "--reproducible", "-t", "timeless", app)),
        Command("build-output", ("build", "-q", "-o", f"{out}/tree", app), writes="tree"),
        Command(
            "build-docker",
            ("build", "-q", "-o", f"type=docker,dest={out}/image.tar", app),
            writes="image.tar",
        ),
        Command("load", ("load", "-q", "-i", inputs.archive), (("rmi", "packed"), ("prune", "-af"))),
        Command("load-again", ("load", "-q", "-i", inputs.archive)),
        Command("import", ("import", inputs.other, "more"), (("rmi", "other"), ("prune", "-af"))),
        Command(
            "pull",
            ("pull", "-q", f"{inputs.registry}/packed"),
            (("rmi", "-f", "packed"), ("prune", "-af")),
        ),
        Command("push", ("push", "-q", pushed), (("tag", "app", pushed), ("prune", "-af"))),
        Command(
            "build-shared",
            ("build", "-q", "-t", "again", "--cache-from", f"type=registry,{cache}", app),
            (("rmi", "-f", "app"), ("prune", "-af")),
        ),
        Command(
            "build-share",
            ("build", "-q", "-t", "again", "--cache-to", f"type=registry,{cache}2,mode=max", app),
        ),
        Command("save", ("save", "-o", f"{out}/saved.tar", "app", "packed"), writes="saved.tar"),
        Command("tag", ("tag", "bb", "moved"), (("tag", "other", "moved"),)),
        Command("rmi", ("rmi", "packed"), again=NO_IMAGE),
        Command("rmi-f", ("rmi", "-f", "app"), again=NO_IMAGE),
        Command("prune", ("prune", "-f"), (("rmi", "-f", "app", "packed"),)),
        Command("prune-a", ("prune", "-af"), (("rmi", "other"),)),
        Command("cache-rm", ("cache", "rm", "store"), again=NO_CACHE),
        Command(
            "cache-save",
            ("cache", "export", "store", f"{out}/cache.tar"),
            again=NO_CACHE,
            writes="cache.tar",
        ),
        Command("cache-load", ("cache", "import", "fresh", inputs.archive)),
        Command("run", ("run", "--name", "cc", "-v", "named:/n", "-v", "/tmp", *WRITE), again=TAKEN),
        Command("run-rm", ("run", "--rm", "--name", "cc", "-v", "/tmp", *WRITE), again=TAKEN),
        Command("run-d", ("run", "-d", "--name", "cc", *SLEEP), again=TAKEN),
        Command("create", ("create", "--name", "cc", "app", "true"), again=TAKEN),
        Command("start", ("start", "cc"), made),
        Command("start-again", ("start", "-a", "cc"), ended),
        Command("stop", ("stop", "-t", "5", "cc"), live=up),
        Command("kill", ("kill", "cc"), live=up, again=NOT_RUNNING),
        Command("rm", ("rm", "cc"), ended, again=NO_CONTAINER),
        Command("rm-f", ("rm", "-f", "cc"), live=up, again=NO_CONTAINER),
        Command("cp-in", ("cp", app, "old:/put")),
        Command("cp-in-running", ("cp", app, "cc:/put"), live=up),
        Command("cp-out", ("cp", "old:/tmp", f"{out}/got"), writes="got"),
        Command("sweep", ("images", "-q"), live=(("KILLED", "build", "--no-cache", "-q", app),)),
    )
