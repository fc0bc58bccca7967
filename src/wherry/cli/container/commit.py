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
    from wherry.builder.changes import apply_changes
    from wherry.containers.commit import commit
    from wherry.containers.state import lookup
    from wherry.oci.reference import parse
    from wherry.store import Store

    name = parse(options.args[1]).canonical() if len(options.args) > 1 else None
    changes = options.strings("change")
    apply_changes({}, changes)
    store = Store.open(options.runtime)
    record = lookup(store, options.args[0])
    with store.using():
        image = commit(
            store,
            record,
            lambda config: apply_changes(config, changes),
            author=options.string("author") or "",
            message=options.string("message") or "",
        )
        if name is not None:
            store.name(name, image)
    print(image.id)
    return 0
