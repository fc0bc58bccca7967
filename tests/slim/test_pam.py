"""PAM: the rules of a program's service, their modules, and what these read."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import compile_
from support.slim import closure, files, write

SECURITY = "usr/lib/x86_64-linux-gnu/security"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program that links a libpam and calls its service ``shop``, and rules for it."""
    top = tmp_path / "tree"
    library = top / "usr/lib/x86_64-linux-gnu"
    compile_(library / "libpam.so.0", "int pam_start(const char *s){return *s;}", "-shared", "-fPIC",
             "-Wl,-soname,libpam.so.0")  # fmt: skip
    text = 'int pam_start(const char *); int main(void){return pam_start("shop") + "/usr/sbin/shop"[0];}'
    compile_(top / "bin/till", text, f"-L{library}", "-l:libpam.so.0")
    write(
        top / "etc/pam.d/shop",
        "#%PAM-1.0\nauth [success=1 default=ignore] pam_unix.so nullok # pam_not.so\n@include common\n"
        "-session optional pam_gone.so\nsession substack deep\n",
    )
    write(top / "etc/pam.d/common", "session required pam_env.so readenv=1\n@include shop\n")
    write(top / "etc/pam.d/deep", "session required /opt/pam_own.so\n")
    write(top / "etc/pam.d/other", "auth required pam_deny.so\n")
    write(top / "etc/pam.d/login", "auth required pam_not.so\n")
    for name in ("unix", "env", "deny", "not"):
        write(top / f"{SECURITY}/pam_{name}.so", "")
    for name in ("opt/pam_own.so", "etc/environment", "etc/shadow", "etc/security/limits.conf"):
        write(top / name, "")
    return top


def test_the_rules_of_its_service_and_their_modules(tree: Path) -> None:
    kept = closure(tree, "till")
    found = files(kept)
    assert {f"etc/pam.d/{name}" for name in ("shop", "common", "deep", "other")} <= found
    assert {f"{SECURITY}/pam_{name}.so" for name in ("unix", "env", "deny")} | {"opt/pam_own.so"} <= found
    assert {"etc/environment", "etc/shadow"} <= found
    assert not {"etc/pam.d/login", f"{SECURITY}/pam_not.so", "etc/security/limits.conf"} & found
    assert kept.reasons[f"{SECURITY}/pam_env.so"].by == "etc/pam.d/common"


def test_programs_without_pam_have_none_of_it(tree: Path) -> None:
    compile_(tree / "bin/plain", 'int main(void){return "shop"[0];}')
    assert not [name for name in files(closure(tree, "plain")) if "pam" in name]
