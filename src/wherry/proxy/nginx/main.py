"""PURE: the main ``nginx.conf`` around ``default.conf``, for an nginx that wherry starts itself.

Every file of that nginx lies in one directory that wherry owns, so it runs with a read-only root and as any
user.  The generation number is served on a unix socket in there: no client can reach it.
"""

from __future__ import annotations

from wherry.proxy.nginx.config import Directive, block, simple, text
from wherry.proxy.nginx.quote import Code
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_TIMEOUT_SINCE = (1, 27, 4)
"""``keepalive_min_timeout``: a worker that is told to end lets idle client connections live that long."""

MOST_COMPILED = 100
"""Regular expressions that are compiled to machine code: it saves a request 0.7 us, and costs a reload some
0.02 ms and a worker 18 KB for each (a path with capital letters is one).  Measured on nginx 1.22."""

TEMP_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Binary(NamedTuple):
    """What an nginx binary can do: its version, and modules it was built without ("uwsgi")."""

    version: tuple[int, ...] = (1, 22, 1)
    without: frozenset[str] = frozenset()


class MainOptions(NamedTuple):
    """`state` is the directory of all files, `user` who workers run as ("" leaves it to nginx).

    `connections` of a worker count both sides; each takes one of its `descriptors` (0 leaves their number
    to nginx), so no more are promised than there are.

    `drain` is how many seconds old workers may go on with requests and websockets after a reload;
    `linger` how many milliseconds idle client connections stay open meanwhile (nginx >= 1.27.4).
    """

    state: str
    user: str = ""
    workers: str = "auto"
    connections: int = 4096
    descriptors: int = 0
    drain: int = 240
    linger: int = 5000


def main(
    options: MainOptions, binary: Binary, default_conf: str, generation: int, expressions: int = 0
) -> str:
    """The text of ``nginx.conf`` that includes the file `default_conf`, of so many expressions, and serves
    `generation`."""
    return text(_main(options, binary, default_conf, generation, expressions))


def socket_path(state: str) -> str:
    return state + "/generation.sock"


def _main(
    o: MainOptions, binary: Binary, default_conf: str, generation: int, expressions: int
) -> Iterator[Directive]:
    yield simple("daemon", "off")
    yield simple("pid", o.state + "/nginx.pid")
    yield simple(
        "error_log", "stderr", "error"
    )  # a warning for each upload that goes to a file helps nobody
    if o.user:
        yield simple("user", o.user)
    if expressions <= MOST_COMPILED:
        yield simple("pcre_jit", "on")  # where memory cannot be made executable, nginx goes on without
    yield simple("worker_processes", o.workers)
    yield simple("worker_shutdown_timeout", f"{o.drain}s")
    if o.descriptors:
        yield simple("worker_rlimit_nofile", o.descriptors)
    yield block("events", (), [simple("worker_connections", o.connections)])
    yield block("http", (), _http(o, binary, default_conf, generation))


def _http(o: MainOptions, binary: Binary, default_conf: str, generation: int) -> Iterator[Directive]:
    for name in TEMP_PATHS:
        if name not in binary.without:
            yield simple(f"{name}_temp_path", f"{o.state}/temp/{name}")
    yield simple("access_log", "off")
    if binary.version >= MIN_TIMEOUT_SINCE:
        yield simple("keepalive_min_timeout", f"{o.linger}ms")
    yield simple("include", default_conf)
    yield generation_server(socket_path(o.state), generation)


def generation_server(socket: str, generation: int) -> Directive:
    """Answers every request on the unix socket with the generation and the worker's process id."""
    return block(
        "server",
        (),
        [
            simple("listen", "unix:" + socket),
            simple("access_log", "off"),
            simple("return", 200, Code(f"{generation} $pid")),
        ],
    )
