"""A certificate authority of the test's own, by openssl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"
"""Without it openssl adds what the machine's configuration says."""


class Pair(NamedTuple):
    certificate: Path
    key: Path


class Authority:
    """Makes certificates below `folder`, for a day."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "openssl.cnf").write_text(CONFIG)
        usage = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        self.pair = self._make("ca", "/CN=authority of the tests", usage, ())

    @property
    def certificate(self) -> Path:
        return self.pair.certificate

    def server(self, name: str, subject: str, addresses: Sequence[str]) -> Pair:
        """`addresses` in openssl's form: ``IP:127.0.0.1``, ``DNS:localhost``."""
        return self._issue(name, subject, "serverAuth", f"subjectAltName={','.join(addresses)}")

    def client(self, name: str, subject: str) -> Pair:
        return self._issue(name, subject, "clientAuth")

    def _issue(self, name: str, subject: str, usage: str, *more: str) -> Pair:
        extensions = ["keyUsage=critical,digitalSignature", f"extendedKeyUsage={usage}", *more]
        signer = ("-CA", str(self.certificate), "-CAkey", str(self.pair.key))
        return self._make(name, subject, extensions, signer)

    def _make(self, name: str, subject: str, extensions: Sequence[str], signer: Sequence[str]) -> Pair:
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        words = ["req", "-x509", "-config", str(self.folder / "openssl.cnf"), "-days", "1", "-nodes"]
        words += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject, *signer]
        for extension in extensions:
            words += ["-addext", extension]
        openssl(*words, "-out", str(pair.certificate), "-keyout", str(pair.key))
        return pair

    def signing_key(self, name: str) -> Pair:
        """An RSA key that signs tokens, and its public half."""
        pair = Pair(self.folder / f"{name}.pub", self.folder / f"{name}.key")
        openssl("genrsa", "-out", str(pair.key), "2048")
        openssl("rsa", "-in", str(pair.key), "-pubout", "-out", str(pair.certificate))
        return pair


def openssl(*words: str, feed: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *words], input=feed, capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(words)}\n{done.stderr.decode()}"
    return done.stdout
