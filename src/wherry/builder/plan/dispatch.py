"""PURE: a plan's instructions gone through without building, for what can be known before."""

from __future__ import annotations

from wherry.builder.plan.graph import expanded, expanded_words
from wherry.builder.plan.instruction import expand_instruction
from wherry.builder.plan.state import State
from wherry.dockerfile.ast import Arg, Copy, Onbuild, Run
from wherry.dockerfile.flags import parse_mount
from wherry.dockerfile.lines import fail
from wherry.errors import DockerfileError, UsageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wherry.builder.plan.graph import Plan, PlannedStage
    from wherry.dockerfile.ast import Dockerfile, Instruction


class Dispatched(NamedTuple):
    """An instruction with its variables replaced (those of an ARG are in `state`), and what is set then."""

    stage: PlannedStage
    instruction: Instruction
    state: State


class Given(NamedTuple):
    """`meta` are the arguments before the first FROM and those of the platforms, `args` those of the user;
    `environment` is that of an image that a FROM names, None where it is not known."""

    meta: Mapping[str, str]
    args: Mapping[str, str]
    environment: Callable[[str], Mapping[str, str] | None] = lambda _: None


def dispatch(dockerfile: Dockerfile, plan: Plan, given: Given) -> Iterator[Dispatched]:
    """In the order of the plan.  Raises DockerfileError for what no build gets past; but where a base is
    not known, a variable that has to be set may be."""
    states: dict[int, _Stage] = {}
    for number in plan.order:
        planned = plan.stages[number]
        above = states[planned.parent] if planned.parent is not None else None
        stage = states[number] = _Stage(planned, dockerfile.escape, given, above)
        for instruction in planned.stage.instructions:
            yield Dispatched(planned, stage.apply(instruction), stage.state)


class _Stage:
    """`known` tells whether all variables are."""

    def __init__(self, planned: PlannedStage, escape: str, given: Given, above: _Stage | None) -> None:
        self._escape = escape
        self._given = given
        environment = above.state.env if above else given.environment(planned.base)
        self.known: bool = above.known if above else environment is not None or planned.base == "scratch"
        env = [f"{name}={value}" for name, value in (environment or {}).items()]
        self.state: State = State({"Env": env})
        if above:
            self.state.inherit(above.state.args)

    def apply(self, instruction: Instruction) -> Instruction:
        if isinstance(instruction, Arg):
            for name, default in instruction.names:
                self.state.set_arg(name, self._value(instruction, name, default))
        elif isinstance(instruction, Run):
            mounts = (
                parse_mount(
                    mount.written, instruction.location, lambda word: self._expand(instruction, word)
                )
                if mount.written
                else mount
                for mount in instruction.mounts
            )
            return instruction._replace(mounts=tuple(mounts))
        elif not isinstance(instruction, (Copy, Onbuild)):
            instruction = expand_instruction(
                instruction,
                lambda word: self._expand(instruction, word),
                lambda text: self._words(instruction, text),
            )
            try:
                self.state.apply(instruction)
            except UsageError as error:
                raise fail(instruction.location, error.message, hint=error.hint) from None
        return instruction

    def _value(self, arg: Arg, name: str, default: str | None) -> str | None:
        if name in self._given.args:
            return self._given.args[name]
        return self._expand(arg, default) if default is not None else self._given.meta.get(name)

    def _expand(self, instruction: Instruction, word: str) -> str:
        try:
            return expanded(word, self.state.variables, self._escape, instruction.location)
        except DockerfileError:
            if self.known:
                raise
            return word

    def _words(self, instruction: Instruction, text: str) -> list[str]:
        return expanded_words(text, self.state.variables, self._escape, instruction.location)
