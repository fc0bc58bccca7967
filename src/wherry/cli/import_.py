"""``wherry import``."""

from __future__ import annotations

from wherry.cli.flags import Command, Flag, Options
from wherry.errors import NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "import",
    "[OPTIONS] file|- [REPOSITORY[:TAG]]",
    "Make an image from the contents of a tar archive",
    (
        Flag("change", "list", "Apply Dockerfile instruction to the created image", short="c"),
        Flag("message", "string", "Set commit message for imported image", short="m"),
    ),
    min_args=1,
    max_args=2,
)


def run(options: Options) -> int:
    from wherry.images.import_ import import_tar
    from wherry.oci.reference import parse
    from wherry.sandbox.userns import enter_if_needed
    from wherry.store import Store

    source = options.args[0]
    name = parse(options.args[1]).canonical() if len(options.args) > 1 else None
    config = _config(options.strings("change"))
    enter_if_needed()
    store = Store.open()
    message = options.string("message") or f"Imported from {source}"
    try:
        stdin = source == "-"
        with store.using(), open(0 if stdin else source, "rb", closefd=not stdin) as file:
            record = import_tar(store, file, config, message)
            if name is not None:
                store.names.set(name, record.id)
    except FileNotFoundError as error:
        if error.filename != source:
            raise
        raise NotFoundError(f"open {source}: no such file or directory") from None
    print(record.id)
    return 0


def _config(changes: list[str]) -> dict[str, Any]:
    """``CMD ["sh"]``, ``ENV A=b``, …: what a Dockerfile's instructions do to an empty configuration."""
    from wherry.build.state import State
    from wherry.dockerfile import parse
    from wherry.dockerfile.ast import Copy, Run

    state = State({})
    for change in changes:
        stage = parse("FROM scratch\n" + change, "--change").stages[0]
        for instruction in stage.instructions:
            if isinstance(instruction, (Run, Copy)):
                raise UsageError(f"{change!r} is not a change of the configuration")
            state.apply(instruction)
    return state.config
