"""``wherry info``."""

from __future__ import annotations

from wherry import __version__
from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "info",
    "[OPTIONS]",
    (Flag("format", "string", "Format output using a Go template", short="f"),),
    needs=LAYERS,
)


# Docker's storage drivers that do the same.
DRIVERS = {"overlay": "overlay2", "copy": "vfs"}


def run(options: Options) -> int:
    import os
    import platform

    from wherry.cli.core.template import Template
    from wherry.containers.state import all_containers
    from wherry.oci.platform import of_machine
    from wherry.sandbox.choose import choose
    from wherry.store import Store

    choice = choose(options.runtime)
    store = Store.open(options.runtime)
    records = all_containers(store)
    running = sum(1 for record in records if record.status == "running")
    value = {
        "ServerVersion": __version__,
        "Root": store.root,
        "Isolation": choice.isolation.name,
        "Driver": DRIVERS[choice.snapshots.name],
        "Snapshots": choice.snapshots.name,
        "Reason": choice.reason,
        "Runtime": getattr(choice.isolation, "runtime", ""),
        "Containers": len(records),
        "ContainersRunning": running,
        "ContainersStopped": len(records) - running,
        "Images": len(store.images.all()),
        "Platform": str(of_machine(os.uname().machine)),
        "KernelVersion": os.uname().release,
        "PythonVersion": platform.python_version(),
        "NCPU": os.cpu_count(),
    }
    form = options.string("format")
    if form == "json":
        form = "{{json .}}"
    if form:
        print(Template(form).render(value))
        return 0
    width = max(map(len, value)) + 2
    for name, each in value.items():
        print(f"{name + ':':<{width}}{each}")
    return 0
