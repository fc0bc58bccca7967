"""``wherry import``."""

from __future__ import annotations

from functools import partial

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "import",
    "[OPTIONS] file|- [REPOSITORY[:TAG]]",
    (
        Flag("change", "list", "Apply Dockerfile instruction to the created image", short="c"),
        Flag("message", "string", "Set commit message for imported image", short="m"),
    ),
    min_args=1,
    max_args=2,
    needs=LAYERS,
)

# Docker's.
CHANGES = {
    *("cmd", "entrypoint", "env", "expose", "healthcheck", "label", "onbuild", "stopsignal", "user"),
    *("volume", "workdir"),
}


def run(options: Options) -> int:
    from wherry.images.import_ import import_tar
    from wherry.oci.reference import parse
    from wherry.store import Store

    source = options.args[0]
    name = parse(options.args[1]).canonical() if len(options.args) > 1 else None
    config = _config(options.strings("change"))
    store = Store.open(options.runtime)
    message = options.string("message") or f"Imported from {source}"
    try:
        stdin = source == "-"
        with store.using(), open(0 if stdin else source, "rb", closefd=not stdin) as file:
            record = import_tar(store, file, config, message)
            if name is not None:
                store.name(name, record)
    except FileNotFoundError as error:
        if error.filename != source:
            raise
        raise NotFoundError(f"open {source}: no such file or directory") from None
    print(record.id)
    return 0


def _config(changes: list[str]) -> dict[str, Any]:
    """``CMD ["sh"]``, ``ENV A=b``, …: what a Dockerfile's instructions do to an empty configuration."""
    from wherry.builder.execute.stage import expand_instruction
    from wherry.builder.plan.graph import expanded, expanded_words
    from wherry.builder.plan.state import State
    from wherry.dockerfile import parse
    from wherry.dockerfile.ast import Onbuild
    from wherry.dockerfile.lines import fail

    state = State({})
    for change in changes:
        dockerfile = parse("FROM scratch\n" + change, "--change")
        instructions = dockerfile.stages[0].instructions
        kinds = {type(instruction).__name__.lower() for instruction in instructions}
        if kinds - CHANGES or len(dockerfile.stages) > 1:
            raise UsageError(
                f"{change!r} is not a valid change command", hint=f"one of {', '.join(sorted(CHANGES))}"
            )
        for instruction in instructions:
            place = instruction.location
            if isinstance(instruction, Onbuild):
                state.config.setdefault("OnBuild", []).append(instruction.text)
                continue
            try:
                scope, escape = state.variables, dockerfile.escape
                word = partial(expanded, scope=scope, escape=escape, place=place)
                words = partial(expanded_words, scope=scope, escape=escape, place=place)
                state.apply(expand_instruction(instruction, word, words))
            except UsageError as error:
                raise fail(place, error.message, hint=error.hint) from None
    return state.config
