"""What a container needs of this machine to reach package indexes as this machine does."""

from __future__ import annotations

import os

PASSED = (
    "SSL_CERT",
    "PIP_",
    "UV_",
    "http",
    "HTTP",
    "no_proxy",
    "NO_PROXY",
    "REQUESTS_CA",
    "CURL_CA",
    "GOPROXY",
)
CERTIFICATES = ("/etc/ssl/certs", "/usr/local/share/ca-certificates")


def passed() -> list[str]:
    """``-e NAME`` for the variables of proxies, certificates and indexes."""
    return [word for name in os.environ if name.startswith(PASSED) for word in ("-e", name)]


def certificates() -> list[str]:
    """``-v FOLDER:FOLDER:ro`` for the machine's certificates: a company's proxy has its own."""
    there = [folder for folder in CERTIFICATES if os.path.isdir(folder)]
    return [word for folder in there for word in ("-v", f"{folder}:{folder}:ro")]
