"""PURE: what a target takes, as BuildKit's ``--call=outline`` tells it: arguments, secrets and agents of it
and of all stages that it needs."""

from __future__ import annotations

from wherry.builder.plan.dispatch import dispatch
from wherry.dockerfile.ast import Arg, Run
from wherry.dockerfile.expand import used
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.builder.plan.dispatch import Given
    from wherry.builder.plan.graph import Plan
    from wherry.dockerfile.ast import Dockerfile, RunMount, Stage


class Argument(NamedTuple):
    """`value` is what its name means at the end of the stage; `line` that of its last default."""

    name: str
    value: str
    line: int


class Outline(NamedTuple):
    """`arguments` in the order of their lines; `secrets` and `agents` with whether they are required."""

    target: Stage
    arguments: tuple[Argument, ...]
    secrets: Mapping[str, bool]
    agents: Mapping[str, bool]


def outline(dockerfile: Dockerfile, plan: Plan, given: Given) -> Outline:
    """An argument before the first FROM is told where a needed FROM or a needed stage's ARG names it.
    Raises DockerfileError as `dispatch`."""
    lines = {name: arg.location.line for arg in dockerfile.meta_args for name, _ in arg.names}
    found: dict[str, Argument] = {}
    for number in plan.order:
        for name in _from_names(plan.stages[number].stage, dockerfile.escape) & lines.keys():
            found[name] = Argument(name, given.meta.get(name, ""), lines[name])
    secrets: dict[str, bool] = {}
    agents: dict[str, bool] = {}
    for _, instruction, state in dispatch(dockerfile, plan, given):
        if isinstance(instruction, Arg):
            for name, default in instruction.names:
                line = instruction.location.line if default is not None else lines.get(name)
                if line is not None or name not in given.meta:  # else it is one of the platforms'
                    value = state.variables.get(name, "")
                    found[name] = Argument(name, value, line or instruction.location.line)
        elif isinstance(instruction, Run):
            for mount in instruction.mounts:
                _told(mount, secrets, agents)
    arguments = tuple(sorted(found.values(), key=lambda one: one.line))
    return Outline(plan.stages[plan.order[-1]].stage, arguments, secrets, agents)


def _from_names(stage: Stage, escape: str) -> set[str]:
    return used(stage.origin.base, escape) | used(stage.origin.platform or "", escape)


def _told(mount: RunMount, secrets: dict[str, bool], agents: dict[str, bool]) -> None:
    if mount.type == "secret":
        name = mount.id or (mount.target or mount.source or "").rpartition("/")[2]
        secrets[name] = secrets.get(name, False) or mount.required
    elif mount.type == "ssh":
        name = mount.id or "default"
        agents[name] = agents.get(name, False) or mount.required
