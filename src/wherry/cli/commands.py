"""The table of commands.  It imports none of them: a command pays only for itself at start-up.

A command's module has ``COMMAND: flags.Command`` and ``run(options: flags.Options) -> int`` (the exit
code).  A group (``wherry proxy …``) is an entry whose words are separated by a space.
"""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module under wherry.cli, one-line summary)
    "bootstrap": ("bootstrap", "Make a base image from Debian packages"),
    "build": ("build", "Build an image from a Dockerfile"),
    "cache": ("cache", "List, save, load and remove the cache mounts of RUN steps"),
    "completion": ("completion", "Print a completion script for bash, zsh or fish"),
    "context": ("context", "Show what the build context holds, and what .dockerignore leaves out"),
    "cp": ("cp", "Copy files between a container and the local file system"),
    "create": ("create", "Create a new container"),
    "explain": ("explain", "Explain what a build took from the cache, and why not the rest"),
    "history": ("history", "Show the history of an image"),
    "images": ("images", "List images"),
    "import": ("import_", "Make an image from the contents of a tar archive"),
    "info": ("info", "Show how and where wherry works on this machine"),
    "inspect": ("inspect", "Show details of images and containers as JSON"),
    "kill": ("kill", "Send a signal to running containers"),
    "load": ("load", "Load images from a tar archive or STDIN"),
    "logs": ("logs", "Show the output of a container"),
    "proxy generate": ("proxy_generate", "Keep the nginx configuration up to date"),
    "proxy manifests": ("proxy_manifests", "Print the Kubernetes manifests of the nginx pod"),
    "proxy render": ("proxy_render", "Write the nginx configuration once, and exit"),
    "proxy run": ("proxy_run", "Run nginx here and follow a folder or local containers"),
    "proxy serve": ("proxy_serve", "Run nginx and reload it when its configuration changes"),
    "proxy status": ("proxy_status", "Show what is served, what was set aside and why"),
    "prune": ("prune", "Remove build cache"),
    "ps": ("ps", "List containers"),
    "rm": ("rm", "Remove containers"),
    "rmi": ("rmi", "Remove images"),
    "run": ("run", "Create and run a container from an image"),
    "save": ("save", "Save images to a tar archive that docker load takes"),
    "start": ("start", "Start stopped containers"),
    "stop": ("stop", "Stop running containers"),
    "system check": ("system_check", "Verify everything in the store, and mend it"),
    "tag": ("tag", "Give an image another name"),
    "version": ("version", "Show the version"),
}
