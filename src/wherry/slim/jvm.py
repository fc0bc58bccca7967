"""What a JVM reads: its own folder, as a whole but for what compilers and people read, and the classes.

Which of its modules a program needs is for jlink (`wherry.slim.java`): they are one file.
"""

from __future__ import annotations

import posixpath
import re
import zipfile

from wherry.pattern import pattern
from wherry.slim.elf import COMMON
from wherry.slim.java.needed import DAMAGED
from wherry.slim.reason import LIKELY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

LEFT_OUT = frozenset(("jmods", "demo", "sample", "man", "include", "docs", "legal", "src.zip", "ct.sym"))
SETTINGS = ("/etc/java-*-openjdk", "/etc/ssl/certs/java")
CLASS_PATH = ("-cp", "-classpath", "--class-path", "-p", "--module-path")


MANIFEST = "META-INF/MANIFEST.MF"
LARGEST_MANIFEST = 1 << 16
STARTS = pattern(r"\bjava\b|\bJAVA")


def read(closure: Closure, node: Node, head: bytes) -> None:
    if node.name.endswith(".jar") and head.startswith(b"PK"):
        _beside_jar(closure, node)
    elif head.startswith(b"#!"):
        _of_script(closure, node)
    elif posixpath.basename(node.name) == "java" and head.startswith(b"\x7fELF"):
        _runtime(closure, node)


def _beside_jar(closure: Closure, node: Node) -> None:
    """The jars that a jar names in its manifest.  Source: the JAR file specification, Class-Path."""
    try:
        with zipfile.ZipFile(node.path) as jar, jar.open(MANIFEST) as file:
            text = file.read(LARGEST_MANIFEST).decode("utf-8", "replace")
    except DAMAGED:
        return
    lines = re.sub(r"\r?\n ", "", text).splitlines()
    given = next((line.partition(":")[2] for line in lines if line.startswith("Class-Path:")), "")
    for name in given.split():
        if "://" not in name:
            path = posixpath.join("/", posixpath.dirname(node.name), name.removeprefix("file:"))
            closure.keep(path, "its Class-Path", node.name, LIKELY, deep=name.endswith("/"))


def _of_script(closure: Closure, node: Node) -> None:
    """A program as Tomcat, Kafka and Gradle's are: in bin a script that starts Java, jars in lib, and what
    they serve and read."""
    above, _, folder = posixpath.dirname(f"/{node.name}").rpartition("/")
    if folder != "bin" or above.lstrip("/") in COMMON or not closure.files.is_folder(f"{above}/lib"):
        return
    if not any(name.endswith(".jar") for name in closure.files.names(f"{above}/lib")):
        return
    if STARTS.search(closure.files.text(f"/{node.name}")) is None:
        return
    for name in closure.files.names(above):
        closure.keep(f"{above}/{name}", "in the folder of the program", node.name, LIKELY, deep=True)
    if home := closure.start.env.get("JAVA_HOME"):
        closure.keep(f"{home}/bin/java", "JAVA_HOME", node.name, LIKELY)
    closure.program("java", "it starts Java", node.name, LIKELY)


def _runtime(closure: Closure, node: Node) -> None:
    home = posixpath.dirname(posixpath.dirname(f"/{node.name}"))
    for folder in ("lib", "conf", "bin", "jre"):  # that: until Java 8
        for name in closure.files.names(f"{home}/{folder}"):
            if name not in LEFT_OUT and (folder != "bin" or name in ("java", "keytool")):
                closure.keep(
                    f"{home}/{folder}/{name}", "the JVM reads its own folder", node.name, deep=True
                )
    closure.keep(f"{home}/release", "the JVM reads its own folder", node.name, LIKELY)
    for settings in SETTINGS:
        for path in closure.files.glob(settings):
            closure.keep(path, "settings of the JVM", node.name, LIKELY, deep=True)
    _classes(closure, node)


def _classes(closure: Closure, node: Node) -> None:
    words = list(closure.start.argv)
    given = [closure.start.env.get("CLASSPATH", "")]
    given += [words[number + 1] for number, word in enumerate(words[:-1]) if word in CLASS_PATH]
    for path in ":".join(given).split(":"):
        if path:
            place = posixpath.join("/", closure.start.workdir, path.removesuffix("*"))
            closure.keep(place, "classes", node.name, LIKELY, deep=True)
