"""The packages in Java archives, and archives that were made to do harm."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from wherry.packages import java

PLACE = "META-INF/maven/{0}/{1}/pom.properties"


def properties(group: str, name: str, version: str) -> dict[str, bytes]:
    text = f"#Created\nversion={version}\ngroupId = {group}\nartifactId={name}\n"
    return {PLACE.format(group, name): text.encode()}


def jar(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment
    return out.getvalue()


def found(data: bytes) -> list[str]:
    return [package.purl for package in java.packages(io.BytesIO(data), "/app.jar")]


LIB = jar(properties("org.slf4j", "slf4j-api", "2.0.9"))


def test_an_archive_names_itself_what_it_was_shaded_with_and_those_inside() -> None:
    data = jar(
        {
            **properties("com.example", "app", "1.0-SNAPSHOT"),
            **properties("com.google.guava", "guava", "32.1.3-jre"),
            "BOOT-INF/lib/slf4j-api.jar": LIB,
            "BOOT-INF/classes/pom.properties": b"groupId=x\nartifactId=y\nversion=1\n",
            "META-INF/maven/half/half/pom.properties": b"groupId=half\n",
        },
        comment=b"of the archive",
    )
    packages = list(java.packages(io.BytesIO(data), "/app.jar"))
    assert [each.purl for each in packages] == [
        "pkg:maven/com.example/app@1.0-SNAPSHOT",
        "pkg:maven/com.google.guava/guava@32.1.3-jre",
        "pkg:maven/org.slf4j/slf4j-api@2.0.9",
    ]
    assert packages[2].path == "/app.jar!/BOOT-INF/lib/slf4j-api.jar"


def test_an_executable_jar_has_a_program_in_front() -> None:
    assert found(b'#!/bin/sh\nexec java -jar "$0"\n' + LIB) == ["pkg:maven/org.slf4j/slf4j-api@2.0.9"]


def test_archives_inside_archives_come_to_an_end() -> None:
    data = LIB
    for _ in range(java.DEEPEST + 3):
        data = jar({"a.jar": data})
    assert found(data) == []
    crowd = jar({f"{number}.jar": LIB for number in range(java.MOST)})
    assert len(found(crowd)) == java.MOST // 2, "archives and packages are counted together"


def test_what_unpacks_to_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"groupId=a\nartifactId=b\nversion=1\n" + b"#" * java.LARGEST_PROPERTIES
    assert found(jar({PLACE.format("a", "b"): long, "lib.jar": LIB})) != []
    assert not any("b@1" in each for each in found(jar({PLACE.format("a", "b"): long})))
    monkeypatch.setattr(java, "LARGEST_INSIDE", 1 << 16)
    bombs = {f"{number}.jar": bytes(1 << 17) for number in range(8)}
    assert found(jar({**bombs, "z.jar": LIB})) == [], "all together, too"
    assert found(jar({"z.jar": LIB})) != []


def test_a_table_of_contents_of_gigabytes_is_not_read() -> None:
    data = bytearray(LIB)
    struct.pack_into("<I", data, len(data) - 10, java.LARGEST_DIRECTORY + 1)
    assert found(bytes(data)) == []
    end = LIB[-java.END_SIZE :]
    assert found(LIB[: -java.END_SIZE] + java.END64.ljust(java.LOCATOR_SIZE, b"\0") + end) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_methods_that_take_any_memory_are_not_followed(method: int) -> None:
    assert found(jar(properties("a", "b", "1"), method)) == []


def test_damage_anywhere_raises_nothing() -> None:
    data = jar({**properties("a", "b", "1"), "lib.jar": LIB})
    for cut in range(0, len(data), 3):
        found(data[:cut])
    for at in range(len(data)):
        for byte in (0x00, 0x7F, 0xFF):
            found(data[:at] + bytes([byte]) + data[at + 1 :])
