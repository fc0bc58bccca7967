"""The flags that ``run`` and ``create`` share."""

from __future__ import annotations

import os

from wherry.cli.core.flags import Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.containers.create import CreateOptions

FLAGS = (
    Flag("add-host", "list", "Add a custom host-to-IP mapping (host:ip)"),
    Flag("cidfile", "string", "Write the container ID to the file", metavar="FILE"),
    Flag("entrypoint", "string", "Overwrite the default ENTRYPOINT of the image"),
    Flag("env", "list", "Set environment variables", short="e", metavar="NAME=VALUE"),
    Flag("env-file", "list", "Read in a file of environment variables", metavar="FILE"),
    Flag("hostname", "string", "Container host name", short="h"),
    Flag("interactive", "bool", "Keep STDIN open", short="i"),
    Flag("label", "list", "Set meta data on a container", short="l", metavar="NAME=VALUE"),
    Flag("name", "string", "Assign a name to the container"),
    Flag(
        "network", "string", "Network of the container (default: host, or private with -p)", metavar="NET"
    ),
    Flag("publish", "list", "Publish a container's port(s) to the host", short="p", metavar="PORT"),
    Flag(
        "pull",
        "string",
        "Pull image before creating",
        choices=("always", "missing", "never"),
        default="missing",
    ),
    Flag("platform", "string", "Run the image for a platform", metavar="OS/ARCH[/VARIANT]"),
    Flag("quiet", "bool", "Suppress the pull output", short="q"),
    Flag("read-only", "bool", "Mount the container's root filesystem as read only"),
    Flag("rm", "bool", "Remove the container when it exits"),
    Flag("stop-signal", "string", "Signal to stop the container"),
    Flag("stop-timeout", "int", "Timeout (in seconds) to stop a container"),
    Flag("tty", "bool", "Allocate a pseudo-TTY", short="t"),
    Flag("user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", short="u"),
    Flag("volume", "list", "Bind mount a volume", short="v"),
    Flag("workdir", "string", "Working directory inside the container", short="w", metavar="DIR"),
)


def create_options(options: Options) -> CreateOptions:
    from wherry.containers.create import CreateOptions

    image, *command = options.args
    volumes = tuple(options.strings("volume"))
    return CreateOptions(
        image=image,
        callers=options.runtime.env,
        folder=os.getcwd() if any(volume.startswith(".") for volume in volumes) else "",
        command=tuple(command),
        name=options.string("name"),
        env=tuple(options.strings("env")),
        env_files=tuple(options.strings("env-file")),
        volumes=volumes,
        workdir=options.string("workdir"),
        user=options.string("user"),
        entrypoint=options.string("entrypoint"),
        publish=tuple(options.strings("publish")),
        labels=tuple(options.strings("label")),
        hostname=options.string("hostname"),
        network=options.string("network"),
        add_host=tuple(options.strings("add-host")),
        tty=options.flag("tty"),
        interactive=options.flag("interactive"),
        remove=options.flag("rm"),
        read_only=options.flag("read-only"),
        stop_signal=options.string("stop-signal"),
        stop_timeout=options.integer("stop-timeout"),
    )


def write_cidfile(options: Options, container: str) -> None:
    path = options.string("cidfile")
    if path:
        with open(path, "x", encoding="ascii") as file:
            file.write(container)
