"""RUN: what it starts, what its result depends on, and how it reads in the history."""

from __future__ import annotations

from wherry.builder.plan import keys
from wherry.builder.plan.heredoc import resolved
from wherry.builder.plan.state import shown_arg
from wherry.oci.platform import runs_natively
from wherry.sandbox.machine import machine
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.builder.plan.state import State
    from wherry.builder.steps.stage import Stage
    from wherry.builder.steps.task import PlannedMount
    from wherry.dockerfile.ast import Run


def run_step(stage: Stage, run: Run) -> bool:
    """Take the step from the cache or run it.  Whether it came from the cache."""
    state = stage.state
    command, scripts = resolved(run.command)
    argv = state.argv(command)
    sandbox = stage.options.sandbox
    network = run.network if run.network not in (None, "default") else sandbox.network
    assert network is not None  # noqa: S101
    key = keys.run_key(
        stage.chain,
        argv,
        state.run_env(shown_arg),
        state.user,
        state.workdir,
        network,
        scripts,
        hosts=[f"{name}:{address}" for name, address in sandbox.hosts],
        security="insecure" if run.security == "insecure" else "",
        platform="" if runs_natively(machine(), stage.platform) else str(stage.platform),
    )
    mounts: Sequence[PlannedMount] = ()

    def make() -> str:
        from wherry.builder.steps.task import Task

        _check_platform(stage, run)
        environment = [*(f"{n}={v}" for n, v in stage.predefined.items()), *state.run_env()]
        task = Task(run, argv, environment, state.user, state.workdir, network, mounts, scripts, sandbox)
        worker = stage.worker()
        return worker.run(task, stage.diff_ids, stage.context, stage.step, stage.scratch)

    created_by = _created_by(argv, state)
    if not run.mounts:
        return stage.layer(key, created_by, make)
    from wherry.builder.steps.mounts import component, plan_mounts, quick_component

    mounts = plan_mounts(stage, run)
    content = keys.with_mounts(key, [component(stage, m) for m in mounts]) if _direct(mounts) else None
    if content is not None:
        return stage.layer(content, created_by, make)
    quick = keys.with_mounts(key, [quick_component(m) for m in mounts])
    return stage.layer_by(
        quick, lambda: keys.with_mounts(key, [component(stage, m) for m in mounts]), created_by, make
    )


def _check_platform(stage: Stage, run: Run) -> None:
    """A RUN of another processor's programs needs an emulator."""
    if runs_natively(machine(), stage.platform):
        return
    from wherry.dockerfile.lines import fail
    from wherry.sandbox.emulate import why_not

    if stage.platform.os != machine().os:
        raise fail(
            run.location,
            f"RUN for {stage.platform} cannot run on {machine()}",
            hint="begin the stage with FROM --platform=$BUILDPLATFORM and cross-compile",
        )
    reason = why_not(stage.platform.architecture)
    if reason:
        raise fail(
            run.location,
            f"RUN for {stage.platform} cannot run on {machine()}: {reason}",
            hint="as root: apt-get install qemu-user-static; or begin the stage with "
            "FROM --platform=$BUILDPLATFORM and cross-compile",
        )


def _direct(mounts: Sequence[PlannedMount]) -> bool:
    """Whether nothing can be known of what is mounted before its files are looked at."""
    return any(m.spec.type == "bind" and m.layers is None for m in mounts)


def _created_by(argv: Sequence[str], state: State) -> str:
    """As BuildKit writes it: the declared arguments with what they are in this step."""
    shown = " ".join(argv)
    known = [f"{name}={shown_arg(name, value or '')}" for name, value in state.args.items()]
    return f"RUN |{len(known)} {' '.join(known)} {shown}" if known else f"RUN {shown}"
