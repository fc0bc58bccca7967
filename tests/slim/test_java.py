"""Which modules of a JVM a program needs: as jdeps says, of real classes; of damaged files nothing."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.slim import closure, write
from wherry.layers.view import View
from wherry.slim.java.classfile import Named, named
from wherry.slim.java.jimage import modules
from wherry.slim.java.link import linking
from wherry.slim.java.needed import needed
from wherry.slim.static import Wish

JAVAC = shutil.which("javac")
HOME = Path(JAVAC).resolve().parents[1] if JAVAC else Path("/nothing")
jdk = pytest.mark.skipif(not (HOME / "lib/modules").is_file(), reason="needs a JDK")

PROGRAM = """
import java.util.function.*;
public class Main extends java.util.logging.Handler {
  java.net.http.HttpClient[] field;
  java.sql.Driver driver;
  static void take(javax.naming.Context context) {}
  public void publish(java.util.logging.LogRecord record) { Supplier<?> s = java.rmi.RemoteException::new; }
  public void flush() {}
  public void close() { long wide = 5000000000L; double other = 2.5; }
}
"""


def utf8(text: str) -> bytes:
    data = text.encode()
    return b"\1" + struct.pack(">H", len(data)) + data


def class_file(*entries: bytes, more: int = 0) -> bytes:
    return b"\xca\xfe\xba\xbe\0\0\0\x3d" + struct.pack(">H", len(entries) + 1 + more) + b"".join(entries)


def image(packages: Mapping[str, str], order: str = "<") -> bytes:
    """A file lib/modules whose index lists a class of each package."""
    strings, table, offsets = b"\0", b"", []
    for package, module in packages.items():
        offsets.append(len(table))
        at = len(strings), len(strings) + len(module) + 1
        table += struct.pack(">BHBH", 1 << 3 | 1, at[0], 2 << 3 | 1, at[1]) + b"\0"
        strings += f"{module}\0{package}\0".encode()
    number = len(offsets)
    head = struct.pack(f"{order}7I", 0xCAFEDADA, 1 << 16, 0, number, number, len(table), len(strings))
    return head + bytes(4 * number) + struct.pack(f"{order}{number}I", *offsets) + table + strings


PACKAGES = {
    "java/util": "java.base",
    "java/sql": "java.sql",
    "javax/net/ssl": "java.base",
    "sun/security/ec": "jdk.crypto.ec",
    "java/awt": "java.desktop",
}


@jdk
def test_a_program_needs_what_jdeps_says(tmp_path: Path) -> None:
    write(tmp_path / "Main.java", PROGRAM)
    subprocess.run(["javac", "-d", tmp_path / "classes", tmp_path / "Main.java"], check=True, timeout=120)
    with zipfile.ZipFile(tmp_path / "app.jar", "w", zipfile.ZIP_DEFLATED) as jar:
        jar.write(tmp_path / "classes/Main.class", "Main.class")
    command = [HOME / "bin/jdeps", "--list-deps", tmp_path / "app.jar"]
    done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    said = {line.strip().partition("/")[0] for line in done.stdout.splitlines()}
    found = needed(str(HOME / "lib/modules"), [str(tmp_path / "app.jar")])
    assert set(found) - {"jdk.crypto.ec"} == said and found[0] == "java.base"
    assert {"java.sql", "java.logging", "java.net.http", "java.naming", "java.rmi"} <= said


def test_classes_descriptors_and_modules_are_found_behind_a_long_that_takes_two_places() -> None:
    data = class_file(
        utf8("(I[Ljava/awt/Font;)V"), b"\5" + bytes(8), utf8("java/sql/Driver"), b"\7\0\4", utf8("a.b"),
        b"\x13\0\6", more=1,
    )  # fmt: skip
    assert named(data) == Named(frozenset({"java/sql", "java/awt"}), frozenset({"a.b"}))


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_index_of_a_jvm_s_classes(order: str) -> None:
    data = image({**PACKAGES, "": "java.base", "java/sql/x": "modules"}, order)
    assert modules(lambda at, size: data[at : at + size]) == PACKAGES


def test_jars_in_jars_and_classes_in_folders_count_and_damaged_ones_do_not(tmp_path: Path) -> None:
    (tmp_path / "modules").write_bytes(image(PACKAGES))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as jar:
        jar.writestr("a/B.class", class_file(utf8("java/sql/Driver"), b"\7\0\1"))
    with zipfile.ZipFile(tmp_path / "app.jar", "w") as jar:
        jar.writestr("BOOT-INF/lib/inner.jar", inner.getvalue())
        jar.writestr("BOOT-INF/lib/damaged.jar", b"PK\3\4 and no more")
        jar.writestr("no.class", b"\xca\xfe\xba\xbe\0\0\0\x3d\xff\xff")
    (tmp_path / "C.class").write_bytes(class_file(utf8("javax/net/ssl/SSLContext"), b"\7\0\1"))
    (tmp_path / "damaged.jar").write_bytes(b"nothing")
    paths = [str(tmp_path / name) for name in ("app.jar", "C.class", "damaged.jar", "none.jar")]
    found = needed(str(tmp_path / "modules"), paths)
    assert found == ["java.base", "java.sql", "jdk.crypto.ec"]
    assert needed(str(tmp_path / "C.class"), paths) == ["java.base"]


def test_jlink_is_named_where_it_is_there_and_leaves_something_out(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    write(tree / "jdk/bin/java", "", 0o755)
    write(tree / "jdk/lib/modules", "")
    (tree / "jdk/lib/modules").write_bytes(image(PACKAGES))
    write(tree / "app/a.class", "")
    (tree / "app/a.class").write_bytes(class_file(utf8("java/sql/Driver"), b"\7\0\1"))
    kept = closure(tree, "/jdk/bin/java", wish=Wish(("/jdk", "/app")))
    assert list(linking(View([str(tree)]), kept.nodes)) == []
    write(tree / "jdk/bin/jlink", "", 0o755)
    first, second, _ = linking(View([str(tree)]), kept.nodes)
    assert "2 modules" in first
    assert second.startswith("RUN /jdk/bin/jlink --add-modules java.base,java.sql --strip")
    (tree / "jdk/lib/modules").write_bytes(image({"java/util": "java.base", "java/sql": "java.sql"}))
    assert list(linking(View([str(tree)]), kept.nodes)) == []


PATCHES = st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)), max_size=6)


@settings(max_examples=200, deadline=None)
@given(PATCHES, st.booleans())
def test_damaged_files_are_read_or_not(patches: list[tuple[int, bytes]], of_class: bool) -> None:
    entries = (utf8("java/sql/Driver"), b"\7\0\1", utf8("(Ljava/awt/Font;)V"), b"\x13\0\1")
    data = bytearray(class_file(*entries) if of_class else image(PACKAGES))
    for at, patch in patches:
        data[at : at + len(patch)] = patch
    part = bytes(data)
    named(part)
    modules(lambda at, size: part[at : at + size])
