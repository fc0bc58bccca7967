"""RUN: what it starts, what its result depends on, and how it reads in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.build import keys

if TYPE_CHECKING:
    from wherry.build.stage import StageBuilder
    from wherry.dockerfile.ast import Run


def run_step(stage: StageBuilder, run: Run) -> bool:
    """Take the step from the cache or run it.  Whether it came from the cache."""
    state = stage.state
    argv = state.argv(run.command)
    env = state.run_env()
    network = run.network if run.network not in (None, "default") else "host"
    assert network is not None  # noqa: S101
    key = keys.run_key(stage.chain, argv, env, state.user, state.workdir, network)
    shown = " ".join(argv)
    args = [f"{n}={v}" for n, v in sorted(state.args.items())]
    if args:
        shown = f"|{len(args)} {' '.join(args)} {shown}"
    environment = [*(f"{n}={v}" for n, v in stage.predefined.items()), *env]
    return stage.layer(
        key,
        f"RUN {shown}",
        lambda: stage.build.worker().run(
            run, stage.diff_ids, argv, environment, state.user, state.workdir, network
        ),
    )
