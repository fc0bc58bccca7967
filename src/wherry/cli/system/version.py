"""``wherry version``."""

from __future__ import annotations

from wherry import __version__
from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "version",
    "[OPTIONS]",
    (Flag("format", "string", "Format output using a Go template", short="f"),),
)


def run(options: Options) -> int:
    form = options.string("format")
    if not form:
        print(f"wherry {__version__}")
        return 0
    import os
    import platform

    from wherry.cli.core.template import Template
    from wherry.oci.platform import of_machine

    machine = of_machine(os.uname().machine)
    about = {"Version": __version__, "Os": machine.os, "Arch": machine.architecture}
    # There is no daemon: what scripts ask of Docker's is answered by the same program.
    value = {
        "Client": {**about, "PythonVersion": platform.python_version()},
        "Server": {**about, "KernelVersion": os.uname().release},
    }
    print(Template("{{json .}}" if form == "json" else form).render(value))
    return 0
