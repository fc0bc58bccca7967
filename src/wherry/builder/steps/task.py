"""PURE: what a RUN is run with, for whoever runs it."""

from __future__ import annotations

import hashlib

from wherry.builder.options import Sandbox
from wherry.sandbox.users import id_number
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.builder.context.folder import Context
    from wherry.dockerfile.ast import Location, Run, RunMount


class PlannedMount(NamedTuple):
    """`spec` has its variables replaced; `target` is absolute ("" where only an environment variable is
    wanted).  `layers` are the trees of the image or stage that it shows, None for a context: `context` if
    --build-context gave it, else that of the build."""

    spec: RunMount
    target: str
    place: Location
    layers: tuple[str, ...] | None = None
    label: str = ""
    context: Context | None = None

    @property
    def mode(self) -> int:
        defaults = {"secret": 0o400, "ssh": 0o600}
        return int(self.spec.mode, 8) if self.spec.mode else defaults.get(self.spec.type, 0o755)

    @property
    def owner(self) -> tuple[int, int]:
        return id_number(self.spec.uid or "0"), id_number(self.spec.gid or "0")

    @property
    def cache_name(self) -> str:
        """A cache that begins as something else is another one, whatever its id."""
        spec = self.spec
        begun = [f"{name}={value}" for name in ("uid", "gid", "mode") if (value := getattr(spec, name))]
        if self.layers is not None:
            mark = hashlib.sha256("\0".join(self.layers).encode("utf-8", "surrogateescape")).hexdigest()
            begun += [f"from={spec.from_}@{mark[:12]}", f"source={spec.source or '/'}"]
        return f"{spec.id} ({','.join(begun)})" if begun else spec.id or ""

    @property
    def readonly(self) -> bool:
        return self.spec.readonly if self.spec.readonly is not None else self.spec.type == "bind"


class Task(NamedTuple):
    """Everything that decides how a RUN runs, but for the layers below it.

    `scripts` are files by their names that lie in heredoc.PIPES meanwhile.
    """

    run: Run
    argv: Sequence[str]
    env: Sequence[str]
    user: str
    workdir: str
    network: str
    mounts: Sequence[PlannedMount] = ()
    scripts: Mapping[str, str] = {}
    sandbox: Sandbox = Sandbox()
