"""The table of commands.  It imports none of them: a command pays only for itself at start-up.

A command's module has ``COMMAND: flags.Command`` and ``run(options: flags.Options) -> int`` (the exit
code).  A group (``wherry proxy …``) is an entry whose words are separated by a space.  Help, the overview
and the shell completion take summaries from here.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module under wherry.cli, one-line summary)
    "bootstrap": ("image.bootstrap", "Make a base image from Debian packages"),
    "build": ("builder.build", "Build an image from a Dockerfile"),
    "cache": ("builder.cache", "List, export, import and remove the cache mounts of RUN steps"),
    "commit": ("container.commit", "Make an image of what a container changed"),
    "compare": ("image.compare", "Compare images: sizes, layers, files, packages, configuration"),
    "completion": ("system.completion", "Print a completion script for bash, zsh or fish"),
    "container inspect": ("container.inspect", "Show details of containers as JSON"),
    "container prune": ("container.prune", "Remove stopped containers"),
    "context": (
        "builder.context",
        "Show what the build context holds, by size, and what .dockerignore leaves out",
    ),
    "copy": ("image.copy", "Copy an image between registries, folders and archives, as it is"),
    "cp": ("container.cp", "Copy files between a container and the local file system"),
    "create": ("container.create", "Create a new container"),
    "explain": ("builder.explain", "Explain what a build took from the cache, and why not the rest"),
    "explore": (
        "image.explore",
        "Show what each layer of an image brings, and what it carries for nothing",
    ),
    "export": ("container.export", "Export a container's file system as a tar archive"),
    "history": ("image.history", "Show the history of an image"),
    "image inspect": ("image.inspect", "Show details of images as JSON"),
    "image prune": ("image.prune", "Remove images that no container uses"),
    "images": ("image.images", "List images"),
    "import": ("image.import_", "Make an image from the contents of a tar archive"),
    "info": ("system.info", "Show how and where wherry works on this machine"),
    "inspect": ("system.inspect", "Show details of containers, images and volumes as JSON"),
    "kill": ("container.kill", "Send a signal to running containers"),
    "load": ("image.load", "Load images from a tar archive or STDIN"),
    "login": ("registry.login", "Log in to a registry"),
    "logout": ("registry.logout", "Log out from a registry"),
    "logs": ("container.logs", "Show the output of a container"),
    "manifest inspect": ("image.manifest_inspect", "Show the manifest that a registry has"),
    "proxy generate": ("proxy.generate", "Keep the nginx configuration up to date"),
    "proxy manifests": ("proxy.manifests", "Print the Kubernetes manifests of the nginx pod"),
    "proxy render": ("proxy.render", "Write the nginx configuration once, and exit"),
    "proxy run": ("proxy.run", "Run nginx here and follow a folder or local containers"),
    "proxy serve": ("proxy.serve", "Run nginx and reload it when its configuration changes"),
    "proxy status": ("proxy.status", "Show what is served, what was set aside and why"),
    "prune": ("builder.prune", "Remove build cache"),
    "ps": ("container.ps", "List containers"),
    "pull": ("image.pull", "Download an image from a registry"),
    "push": ("image.push", "Upload an image to a registry"),
    "rm": ("container.rm", "Remove containers"),
    "rmi": ("image.rmi", "Remove images"),
    "run": ("container.run", "Create and run a container from an image"),
    "save": ("image.save", "Save images to a tar archive that docker load takes"),
    "search": ("registry.search", "Search a registry for images, or list a repository's tags"),
    "slim": ("image.slim", "Make an image of what an image's program needs, and prove that it works"),
    "start": ("container.start", "Start stopped containers"),
    "stop": ("container.stop", "Stop running containers"),
    "system check": ("system.check", "Verify everything in the store; say what is wrong, and mend it"),
    "system df": ("system.df", "Show what images, containers, volumes and build cache take on disk"),
    "system prune": ("system.prune", "Remove stopped containers, unused images and build cache"),
    "system reset": ("system.reset", "Remove the store: all images, containers, volumes and build cache"),
    "tag": ("image.tag", "Give an image another name"),
    "version": ("system.version", "Show the version"),
    "volume create": ("volume.create", "Create a volume"),
    "volume inspect": ("volume.inspect", "Show details of volumes as JSON"),
    "volume ls": ("volume.ls", "List volumes"),
    "volume prune": ("volume.prune", "Remove volumes that no container uses"),
    "volume rm": ("volume.rm", "Remove volumes"),
}

# Docker's management words: other names of the same commands.
ALIASES: dict[str, str] = {
    "builder build": "build",
    "builder prune": "prune",
    "buildx build": "build",
    "buildx prune": "prune",
    "container commit": "commit",
    "container cp": "cp",
    "container create": "create",
    "container export": "export",
    "container kill": "kill",
    "container list": "ps",
    "container logs": "logs",
    "container ls": "ps",
    "container ps": "ps",
    "container remove": "rm",
    "container rm": "rm",
    "container run": "run",
    "container start": "start",
    "container stop": "stop",
    "image build": "build",
    "image copy": "copy",
    "image history": "history",
    "image import": "import",
    "image list": "images",
    "image load": "load",
    "image ls": "images",
    "image pull": "pull",
    "image push": "push",
    "image remove": "rmi",
    "image rm": "rmi",
    "image save": "save",
    "image tag": "tag",
    "system info": "info",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}

# Commands of docker's that have no counterpart here: a near word would be another thing.
FOREIGN = {
    name
    for name in (
        *(
            "attach",
            "compose",
            "config",
            "diff",
            "events",
            "exec",
            "network",
            "node",
            "pause",
            "plugin",
            "port",
        ),
        *("rename", "restart", "secret", "service", "stack", "stats", "swarm", "top", "trust", "unpause"),
        *("update", "wait"),
        *(f"container {word}" for word in ("attach", "diff", "exec", "pause", "port", "rename", "restart")),
        *(f"container {word}" for word in ("stats", "top", "unpause", "update", "wait")),
        *(f"manifest {word}" for word in ("annotate", "create", "push", "rm")),
        *("system dial-stdio", "system events", "volume update"),
    )
    if name not in COMMANDS and name not in ALIASES
}


def find(words: Sequence[str]) -> tuple[str, int] | None:
    """The command that the first words name, and how many they are; None where they name none."""
    for count in (2, 1):
        name = " ".join(words[:count])
        name = ALIASES.get(name, name)
        if len(words) >= count and name in COMMANDS:
            return name, count
    return None


def below(group: str) -> list[str]:
    """The second words of a group, Docker's among them."""
    names = (*COMMANDS, *ALIASES)
    return sorted(name.removeprefix(group + " ") for name in names if name.startswith(group + " "))


def groups() -> list[str]:
    """The first words that need a second one."""
    return sorted({name.split(" ")[0] for name in (*COMMANDS, *ALIASES) if " " in name})
