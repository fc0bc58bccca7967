"""PURE.  Who uses wherry, and with what: decided once, from explicit options, and handed down.

`cli.core.surroundings` makes it for commands from their options and environment.  What is handed one asks
no environment.
"""

from __future__ import annotations

from wherry.errors import NeedsNamespace
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = "root"
NAMESPACE = "user namespace"
PLAIN = "plain user"
AUTO = "auto"
COLLECT_AFTER = 50_000
"""Objects between two looks of Python's garbage collector, for programs that end soon or do little."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Runtime(NamedTuple):
    """`store` is the store's folder, absolute.  `identity` is one of

    - ROOT: may own files for anybody, as root of the machine or of whatever container this is;
    - NAMESPACE: root of a user namespace that wherry made for a plain user;
    - PLAIN: that user outside it, who may read most of a store, and make or remove no layer.

    `isolation` is "auto", "oci" or "chroot"; `oci_runtime` the name or path of the one to use ("": crun,
    else runc).  `env` is the environment of the caller: tools that are started get parts of it.  `umask` is
    the caller's, for files that the caller names.
    """

    store: str
    identity: str = ROOT
    isolation: str = AUTO
    oci_runtime: str = ""
    env: Mapping[str, str] = {}
    umask: int = 0o022

    @property
    def path(self) -> str:
        """Where programs are looked for."""
        return self.env.get("PATH", DEFAULT_PATH)

    @property
    def in_namespace(self) -> bool:
        return self.identity == NAMESPACE

    def need_layers(self) -> None:
        """To be called before layers are written, or read whatever their modes say.

        Raises NeedsNamespace for a plain user: their files belong to subordinate ids.
        """
        if self.identity == PLAIN:
            raise NeedsNamespace
