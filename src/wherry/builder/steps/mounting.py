"""RUN --mount: what was planned, made ready for one step and put away after it.

Whatever a step writes to a bind mount is thrown away; the sources themselves are never touched.  A secret
lies in memory where mounting is possible; elsewhere in the step's own root, for as long as the step runs.
"""

from __future__ import annotations

import contextlib
import os
import stat

from wherry.dockerfile.flags import size_of
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError
from wherry.layers.rootpath import resolve
from wherry.layers.view import View
from wherry.sandbox.process import Mount
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.secrets import BuildSecrets
    from wherry.builder.steps.task import PlannedMount
    from wherry.layers.snapshots import Snapshots
    from wherry.store import Store


class Ready(NamedTuple):
    """`env` is for the step alone; `secrets` are the values that nobody else may see."""

    mounts: tuple[Mount, ...] = ()
    env: tuple[str, ...] = ()
    secrets: tuple[bytes, ...] = ()


class Mounting:
    """Makes mounts ready below `folder`, which is the caller's and goes away."""

    def __init__(
        self, store: Store, snapshots: Snapshots, folder: str, given: BuildSecrets, *, reproducible: bool
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._folder = folder
        self._given = given
        self._reproducible = reproducible
        self._secrets: list[bytes] = []
        self._count = 0

    @contextlib.contextmanager
    def ready(
        self, planned: Sequence[PlannedMount], scripts: Mapping[str, str], context: Callable[[], Context]
    ) -> Iterator[Ready]:
        """Everything is put away at the end, in the reverse order.  Raises DockerfileError."""
        mounts: list[Mount] = []
        env: list[str] = []
        with contextlib.ExitStack() as stack:
            for one in planned:
                try:
                    found = self._one(one, stack, env, context)
                except ContextError as error:
                    raise fail(one.place, f"RUN --mount failed: {error.message}", hint=error.hint) from None
                if found is not None:
                    mounts.append(found)
            for name, text in scripts.items():
                path = os.path.join(self._new(), name)
                _write(path, text.encode("utf-8", "surrogateescape"), 0o755)
                mounts.append(Mount("bind", os.path.dirname(path), "/dev/pipes", True, movable=True))
            yield Ready(tuple(mounts), tuple(env), tuple(self._secrets))

    def _one(
        self,
        one: PlannedMount,
        stack: contextlib.ExitStack,
        env: list[str],
        context: Callable[[], Context],
    ) -> Mount | None:
        if one.spec.type == "tmpfs":
            size = (f"size={size_of(one.spec.size)}",) if one.spec.size else ()
            return Mount("tmpfs", "", one.target, one.readonly, options=size, movable=True)
        if one.spec.type == "cache":
            return Mount("bind", self._cache(one, stack), one.target, one.readonly, movable=True)
        if one.spec.type == "secret":
            return self._secret(one, stack, env)
        if one.spec.type == "ssh":
            return self._agent(one, stack, env)
        return Mount("bind", self._bind(one, stack, context), one.target, one.readonly, movable=True)

    # -- bind --------------------------------------------------------------------------------------

    def _bind(self, one: PlannedMount, stack: contextlib.ExitStack, context: Callable[[], Context]) -> str:
        if one.layers is None:
            shown = one.context or context()
            if self._reproducible:
                from wherry.builder.context.copy import copy_context

                return copy_context(shown, one.spec.source or "/", self._new())
            trees = [shown.root]
            mask = self._mask(shown)
            if mask is not None:
                trees.append(mask)
        else:
            trees = list(one.layers)
        snapshot = self._snapshots.open(trees, self._new(), ())
        stack.callback(snapshot.close)
        path = resolve(snapshot.root, one.spec.source or "/")
        if not os.path.lexists(path):
            raise ContextError(f'"{one.spec.source}" is not in {one.label or "the build context"}')
        return path

    def _mask(self, context: Context) -> str | None:
        """A tree of whiteouts for what .dockerignore leaves out; None where it leaves out nothing."""
        from wherry.layers.whiteout import make_whiteout

        mask = None
        for name in context.hidden():
            mask = mask or self._new()
            os.makedirs(os.path.dirname(f"{mask}/{name}"), exist_ok=True)
            make_whiteout(f"{mask}/{name}")
        if mask is not None:
            for folder, _, _ in os.walk(mask):
                there = os.stat(os.path.join(context.root, os.path.relpath(folder, mask)))
                os.chmod(folder, stat.S_IMODE(there.st_mode))
        return mask

    # -- cache -------------------------------------------------------------------------------------

    def _cache(self, one: PlannedMount, stack: contextlib.ExitStack) -> str:
        assert one.spec.id is not None  # noqa: S101
        assert one.spec.sharing is not None  # noqa: S101
        # Where it is moved into the root there is room for one step at a time.
        sharing = one.spec.sharing if self._snapshots.name == "overlay" else "locked"
        path = stack.enter_context(self._store.cache_mounts.use(one.cache_name, sharing))
        if not os.path.isdir(path):
            self._fill(one, path)
        return path

    def _fill(self, one: PlannedMount, path: str) -> None:
        """A new cache: empty, or a copy of what `from` and `source` name."""
        from wherry import linux
        from wherry.layers.copied import copy_view

        fresh = self._new()
        if one.layers is not None:
            view = View(one.layers)
            top = view.find(one.spec.source or "/")
            if top is None or not top.is_folder:
                raise ContextError(f'"{one.spec.source}" is not a folder in {one.label}')
            copy_view(view, fresh, top)
        os.chown(fresh, *one.owner)
        os.chmod(fresh, one.mode)
        with contextlib.suppress(FileExistsError):  # another step was first
            linux.rename_new(fresh, path)

    # -- secret and ssh ----------------------------------------------------------------------------

    def _secret(self, one: PlannedMount, stack: contextlib.ExitStack, env: list[str]) -> Mount | None:
        assert one.spec.id is not None  # noqa: S101
        secret = self._given.secrets.get(one.spec.id)
        if secret is None:
            if one.spec.required:
                raise ContextError(
                    f"secret {one.spec.id}: not found",
                    hint=f"give it with --secret id={one.spec.id},src=FILE",
                )
            return None
        data = secret.read()
        self._secrets.append(data)
        if one.spec.env:
            env.append(f"{one.spec.env}={os.fsdecode(data)}")
        if not one.target:
            return None
        path = os.path.join(self._memory(stack), "secret")
        _write(path, data, one.mode)
        os.chown(path, *one.owner)
        return Mount("bind", path, one.target, True, movable=True)

    def _memory(self, stack: contextlib.ExitStack) -> str:
        """A folder whose files never reach a disk, where such a thing can be mounted."""
        from wherry import linux

        folder = self._new()
        if self._snapshots.name == "overlay":
            linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0700")
            stack.callback(linux.umount2, folder, linux.MNT_DETACH)
        return folder

    def _agent(self, one: PlannedMount, stack: contextlib.ExitStack, env: list[str]) -> Mount | None:
        from wherry.builder.steps.ssh_agent import Relay

        assert one.spec.id is not None  # noqa: S101
        agent = self._given.agents.get(one.spec.id)
        if agent is None:
            if one.spec.required:
                raise ContextError(
                    f"ssh agent {one.spec.id}: not found", hint=f"give it with --ssh {one.spec.id}"
                )
            return None
        path = os.path.join(self._new(), "agent")
        stack.enter_context(Relay(path, agent))
        os.chown(path, *one.owner)
        os.chmod(path, one.mode)
        env.append(f"SSH_AUTH_SOCK={one.target}")
        return Mount("bind", path, one.target, movable=True)

    def _new(self) -> str:
        self._count += 1
        path = os.path.join(self._folder, f"mount{self._count}")
        os.mkdir(path, 0o755)
        return path


def _write(path: str, data: bytes, mode: int) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with open(file, "wb") as out:
        out.write(data)
    os.chmod(path, mode)
