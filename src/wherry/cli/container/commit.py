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
    ),
    min_args=1,
    max_args=2,
    needs=LAYERS,
    description="A container that runs goes on meanwhile.  What is mounted in it is not in the image.",
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
    )
    print(image)
    return 0
