"""The images of the nginx pod, which wherry builds from Debian packages and keeps in a cache."""

from __future__ import annotations

import os

from bench.peers.go_programs import cache_folder

from support.checkout import ROOT
from support.wherry import Wherry

BASE = "debian:trixie-slim"
EXAMPLE = "examples/nginx-on-kubernetes"
IMAGES = {"init": "nginx-init", "generator": "nginx-generator", "nginx": "nginx-reload"}
"""The example's Dockerfiles, and what their images are called."""


def pod_images(name: str = "wherry:0.1.0") -> Wherry:
    """A store that holds `name` (deploy/nginx), `wherry-python` and the example's three."""
    wherry = Wherry(cache_folder().parent / "pods")
    if not wherry("images", "-q", BASE):
        _run(wherry, "bootstrap", BASE, "--suite", "trixie", "--include", "ca-certificates")
    pod = ("build", "-q", "-f", "deploy/nginx/Dockerfile", *of_the_machine())
    _run(wherry, *pod, "-t", name, ".")
    _run(wherry, *pod, "-t", "wherry-python", "--target", "wherry", ".")
    for file, image in IMAGES.items():
        _run(wherry, "build", "-q", "-f", f"{EXAMPLE}/Dockerfile.{file}", "-t", image, ".")
    # Each change of wherry makes other images: of the old ones a gigabyte is kept.
    _run(wherry, "image", "prune", "-f")
    _run(wherry, "builder", "prune", "-f", "--keep-storage", "1GB")
    return wherry


def builder_image(name: str) -> Wherry:
    """A store that holds `name`: the image of the pods of ``build --on kubernetes``."""
    wherry = pod_images()
    _run(wherry, "build", "-q", "-f", "deploy/builder/Dockerfile", *of_the_machine(), "-t", name, ".")
    return wherry


def of_the_machine() -> list[str]:
    """To reach a package index as this machine does: its certificates, its proxy."""
    file = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    words = ["--secret", f"id=certificates,src={file}"] if os.path.isfile(file) else []
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        words += ["--build-arg", name] if os.environ.get(name) else []
    return words


def _run(wherry: Wherry, *words: str) -> None:
    wherry(*words, cwd=ROOT, timeout=600)
