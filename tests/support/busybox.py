"""The image ``bb``: Debian's static busybox with its applets as links, a passwd and a group file."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from support.wherry import Wherry

PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1000::/:/bin/sh\n"
)
GROUP = b"root:x:0:\nnogroup:x:65534:\napp:x:1000:\nextra:x:1001:app\n"


def busybox_tar(path: Path) -> None:
    """Write a root file system of a few megabytes."""
    applets = subprocess.run(
        ["/bin/busybox", "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        tar.add("/bin/busybox", "bin/busybox")
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, content in (("etc/passwd", PASSWD), ("etc/group", GROUP)):
            file = tarfile.TarInfo(name)
            file.size = len(content)
            tar.addfile(file, io.BytesIO(content))


def import_busybox(wherry: Wherry, reference: str = "bb") -> None:
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "bb.tar"
        busybox_tar(tar)
        wherry("import", str(tar), reference)
