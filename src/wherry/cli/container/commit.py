"""``wherry commit``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "commit",
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    (
        Flag("author", "string", 'Author (e.g., "Jane Doe <jane@example.com>")', short="a"),
        Flag("change", "list", "Apply Dockerfile instruction to the created image", short="c"),
        Flag("message", "string", "Commit message", short="m"),
        Flag(
            "pause",
            "bool",
            "Pause container during commit, where that is possible (default true)",
            short="p",
            default=True,
            metavar="BOOL",
        ),
    ),
    min_args=1,
    max_args=2,
    needs=LAYERS,
    description="What is mounted in the container is not in the image.",
)


def run(options: Options) -> int:
    from wherry.app.archives import commit
    from wherry.store import Store

    image = commit(
        Store.open(options.runtime),
        *options.args,
        changes=options.strings("change"),
        author=options.string("author") or "",
        message=options.string("message") or "",
        pause=options.flag("pause"),
    )
    print(image)
    return 0
