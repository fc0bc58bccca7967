"""What a program needs, found by reading: real programs, compiled here, and hostile images."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.programs import compile_, place
from support.slim import closure, files, write
from wherry.slim.reason import CERTAIN, GUESS, LIKELY, chain
from wherry.slim.static import Wish

MAIN = "int main(void){return 0;}"
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = "lib/x86_64-linux-gnu"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An image with the C library, a shell, and a file that nobody needs."""
    top = tmp_path / "tree"
    place(top, "/" + LOADER, LOADER)
    place(top, f"/{LIBRARIES}/libc.so.6", f"{LIBRARIES}/libc.so.6")
    place(top, "/bin/dash", "bin/sh")
    write(top / "usr/share/doc/nobody", "nothing")
    return top


def test_a_static_program_is_all_that_it_needs(tree: Path) -> None:
    compile_(tree / "app", MAIN, "-static")
    assert files(closure(tree, "/app")) == {"app"}


def test_a_dynamic_program_has_its_loader_and_its_libraries_libraries(tree: Path) -> None:
    libraries = tree / "opt/lib"
    compile_(libraries / "libdeep.so", "int deep(void){return 1;}", "-shared", "-fPIC")
    compile_(
        libraries / "libnear.so", "int deep(void); int near_(void){return deep();}", "-shared", "-fPIC",
        f"-L{libraries}", "-ldeep", "-Wl,-rpath,$ORIGIN",
    )  # fmt: skip
    compile_(
        tree / "opt/bin/app", "int near_(void); int main(void){return near_();}",
        f"-L{libraries}", "-lnear", f"-Wl,-rpath-link,{libraries}", "-Wl,-rpath,$ORIGIN/../lib",
    )  # fmt: skip
    (libraries / "libother.so").write_bytes(b"nobody's")
    kept = closure(tree, "/opt/bin/app")
    wanted = {"opt/bin/app", "opt/lib/libnear.so", "opt/lib/libdeep.so", LOADER, f"{LIBRARIES}/libc.so.6"}
    assert files(kept) == wanted
    reasons = chain(kept.reasons, "opt/lib/libdeep.so")
    assert [name for name, _ in reasons] == ["opt/lib/libdeep.so", "opt/lib/libnear.so", "opt/bin/app"]
    assert [each.rule for _, each in reasons] == [
        "library libdeep.so",
        "library libnear.so",
        "the image starts it",
    ]
    assert {each.confidence for _, each in reasons} == {CERTAIN}


def test_links_on_the_way_are_kept_and_loops_are_not_followed(tree: Path) -> None:
    compile_(tree / "opt/v2/real", MAIN, "-static")
    (tree / "opt/current").symlink_to("v2")
    (tree / "opt/one").symlink_to("two")
    (tree / "opt/two").symlink_to("one")
    (tree / "bin/app").symlink_to("/opt/current/real")
    kept = closure(tree, "app", "/opt/one", "/opt/../../opt/two/x")
    assert {"bin/app", "opt/current", "opt/v2/real"} <= files(kept)
    assert kept.nodes["bin/app"].is_symlink


def test_a_library_s_variants_for_other_processors_come_with_it(tree: Path) -> None:
    compile_(tree / f"{LIBRARIES}/libx.so", "int x(void){return 1;}", "-shared", "-fPIC")
    compile_(tree / "app", "int x(void); int main(void){return x();}", f"-L{tree / LIBRARIES}", "-lx")
    place(tree, tree / f"{LIBRARIES}/libx.so", f"{LIBRARIES}/glibc-hwcaps/x86-64-v3/libx.so")
    place(tree, tree / f"{LIBRARIES}/libx.so", f"{LIBRARIES}/glibc-hwcaps/x86-64-v3/liby.so")
    found = files(closure(tree, "/app"))
    assert f"{LIBRARIES}/glibc-hwcaps/x86-64-v3/libx.so" in found
    assert f"{LIBRARIES}/glibc-hwcaps/x86-64-v3/liby.so" not in found


def test_what_is_opened_by_name_is_likely(tree: Path) -> None:
    compile_(tree / f"{LIBRARIES}/libplug.so.1", "int x(void){return 1;}", "-shared", "-fPIC")
    text = '#include <dlfcn.h>\nint main(void){return dlopen("libplug.so.1", RTLD_NOW) == 0;}'
    compile_(tree / "app", text)
    kept = closure(tree, "/app")
    assert kept.reasons[f"{LIBRARIES}/libplug.so.1"].confidence == LIKELY
    assert kept.reasons[f"{LIBRARIES}/libplug.so.1"].rule == "opened as libplug.so.1"
    certain = closure(tree, "/app", wish=Wish(trust=CERTAIN))
    assert f"{LIBRARIES}/libplug.so.1" not in certain.reasons


def test_a_library_of_the_cache_alone(tree: Path) -> None:
    """As in images whose ld.so.conf was left out; the loader reads the cache alone anyway."""
    compile_(
        tree / "opt/odd/libodd.so.1",
        "int x(void){return 1;}",
        "-shared",
        "-fPIC",
        "-Wl,-soname,libodd.so.1",
    )
    compile_(
        tree / "app", "int x(void); int main(void){return x();}", f"-L{tree}/opt/odd", "-l:libodd.so.1"
    )
    assert "opt/odd/libodd.so.1" not in closure(tree, "/app").reasons
    write(tree / "etc/ld.so.conf", "/opt/odd\n")
    subprocess.run(["ldconfig", "-r", tree], check=True)
    (tree / "etc/ld.so.conf").unlink()
    assert "opt/odd/libodd.so.1" in closure(tree, "/app").reasons


def test_a_shell_script_has_its_interpreter_and_the_commands_in_it(tree: Path) -> None:
    for name in ("fetch", "sorter", "word", "unused", "again", "inside"):
        compile_(tree / f"bin/{name}", MAIN, "-static")
    write(
        tree / "start.sh",
        '#!/bin/sh\n# unused\nset -e\nfetch "$1" | sorter -r > /tmp/out || exec again\nif inside; then\n'
        'echo "$(cat /etc/app.conf) word"\nfi\n',
        0o755,
    )
    write(tree / "etc/app.conf", "# /etc/not.conf\nfile = /etc/other.conf\n")
    write(tree / "etc/other.conf", "")
    write(tree / "etc/not.conf", "")
    kept = closure(tree, "/start.sh")
    programs = {"bin/sh", "bin/fetch", "bin/sorter", "bin/again", "bin/inside"}
    found = files(kept)
    assert programs <= found and "bin/unused" not in found and "bin/word" not in found
    assert {"etc/app.conf", "etc/other.conf"} <= found and "etc/not.conf" not in found
    assert "bin/word" in closure(tree, "/start.sh", wish=Wish(trust=GUESS)).reasons


def test_what_settings_include(tree: Path) -> None:
    compile_(tree / "app", '#include <stdio.h>\nint main(void){puts("/etc/app.conf");}')
    write(tree / "etc/app.conf", "@includedir /etc/app.d\n  !include '/srv/*.ini'\n# include nothing\n")
    for name in ("etc/app.d/one", "etc/app.d/deep/two", "srv/three.ini", "srv/four.txt"):
        write(tree / name, "")
    found = files(closure(tree, "/app"))
    assert {"etc/app.d/one", "etc/app.d/deep/two", "srv/three.ini"} <= found and "srv/four.txt" not in found


def test_what_sh_c_and_a_health_check_name(tree: Path) -> None:
    for name in ("one", "two", "three"):
        compile_(tree / f"bin/{name}", MAIN, "-static")
    kept = closure(
        tree, "sh", "-c", "one && exec two", Healthcheck={"Test": ["CMD-SHELL", "three || exit 1"]}
    )
    assert {"bin/sh", "bin/one", "bin/two", "bin/three"} <= files(kept)


def test_nginx_includes_modules_and_documents(tree: Path) -> None:
    built = "--prefix=/opt/web --conf-path=/etc/nginx/nginx.conf"
    text = f'#include <stdio.h>\nint main(void){{puts("{built}");}}'
    compile_(tree / "usr/bin/nginx", text)
    compile_(tree / "opt/web/modules/echo.so", "int x;", "-shared", "-fPIC")
    compile_(tree / "opt/web/modules/other.so", "int x;", "-shared", "-fPIC")
    write(
        tree / "etc/nginx/nginx.conf",
        "load_module modules/echo.so; # other.so\nhttp { include mime.types; include sites/*.conf; "
        "access_log /var/log/nginx/a.log; server { root '/srv/a site'; } }",
    )
    write(tree / "etc/nginx/mime.types", "types { text/html html; }")
    write(tree / "etc/nginx/sites/a.conf", "server { ssl_certificate certs/a.pem; }")
    write(tree / "etc/nginx/sites/b.off", "")
    write(tree / "etc/nginx/certs/a.pem", "")
    write(tree / "srv/a site/deep/index.html", "hello")
    (tree / "var/log/nginx").mkdir(parents=True)
    kept = closure(tree, "nginx", "-g", "daemon off;")
    assert {
        "etc/nginx/nginx.conf", "etc/nginx/mime.types", "etc/nginx/sites/a.conf", "etc/nginx/certs/a.pem",
        "opt/web/modules/echo.so", "srv/a site/deep/index.html",
    } <= files(kept)  # fmt: skip
    assert "etc/nginx/sites/b.off" not in kept.reasons and "opt/web/modules/other.so" not in kept.reasons
    assert "var/log/nginx" in kept.reasons, "logs are made, their folder has to be there"


def test_nginx_that_another_program_starts_may_have_another_configuration(tree: Path) -> None:
    built = "--prefix=/opt/web --conf-path=/etc/nginx/gone.conf"
    compile_(tree / "usr/bin/nginx", f'#include <stdio.h>\nint main(void){{puts("{built}");}}')
    assert closure(tree, "nginx").lacking == ("/etc/nginx/gone.conf",)
    assert closure(tree, "sh", "-c", "nginx -c /tmp/made.conf").lacking == ()


def test_zones_locales_and_services_by_what_the_image_says(tree: Path) -> None:
    compile_(tree / "app", MAIN)
    for zone in ("Europe/Vienna", "Asia/Tokyo"):
        write(tree / "usr/share/zoneinfo" / zone, "TZif2")
    write(tree / "usr/lib/locale/de_AT.utf8/LC_CTYPE", "x")
    write(tree / "usr/lib/locale/en_US.utf8/LC_CTYPE", "x")
    write(tree / "etc/nsswitch.conf", "passwd: files extra\nhosts: files dns # nothing\n")
    for name in ("extra", "nothing"):
        compile_(tree / f"{LIBRARIES}/libnss_{name}.so.2", "int x;", "-shared", "-fPIC")
    found = files(closure(tree, "/app", Env=["TZ=Europe/Vienna", "LANG=de_AT.UTF-8"]))
    assert "usr/share/zoneinfo/Europe/Vienna" in found and "usr/share/zoneinfo/Asia/Tokyo" not in found
    assert (
        "usr/lib/locale/de_AT.utf8/LC_CTYPE" in found and "usr/lib/locale/en_US.utf8/LC_CTYPE" not in found
    )
    assert f"{LIBRARIES}/libnss_extra.so.2" in found and f"{LIBRARIES}/libnss_nothing.so.2" not in found


def test_folders_that_programs_write_to_are_kept(tree: Path) -> None:
    compile_(tree / "app", MAIN, "-static")
    for name, mode in (("var/lib/data", 0o750), ("tmp", 0o1777), ("var/lib/plain", 0o755)):
        (tree / name).mkdir(parents=True)
        (tree / name).chmod(mode)
    kept = closure(tree, "/app", WorkingDir="/work")
    assert {"var/lib/data", "tmp"} <= set(kept.reasons) and "var/lib/plain" not in kept.reasons
    assert kept.lacking == ("/work",)


def test_keep_and_drop(tree: Path) -> None:
    compile_(tree / "app", MAIN)
    for name in ("a", "b", "c/d"):
        write(tree / "data" / name, "x")
    kept = files(
        closure(tree, "/app", wish=Wish(keep=("/data", "/usr/share/*/nobody"), drop=("/data/c", "/lib64")))
    )
    assert {"data/a", "data/b", "usr/share/doc/nobody"} <= kept
    assert "data/c/d" not in kept and LOADER not in kept


def test_what_containers_are_given_is_not_the_image_s(tree: Path) -> None:
    compile_(tree / "app", '#include <stdio.h>\nint main(void){puts("/etc/hosts.allow /dev/thing");}')
    for name in ("etc/hosts", "etc/hosts.allow", "dev/thing"):
        write(tree / name, "x")
    kept = closure(tree, "/app", wish=Wish(keep=("/etc",))).reasons
    assert "dev" in kept and "etc/hosts.allow" in kept
    assert "etc/hosts" not in kept and "dev/thing" not in kept


def test_an_image_without_its_program_is_read_all_the_same(tree: Path) -> None:
    assert closure(tree, "/nothing").lacking == ("/nothing",)
    assert closure(tree, "nothing").lacking == ("nothing",)
    assert files(closure(tree)) == set()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 8192), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(64, 1 << 20),
)
def test_damaged_programs_are_read_or_not(
    tmp_path: Path, changes: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(Path("/bin/true").read_bytes())
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    (tmp_path / "app").write_bytes(bytes(data[:cut]))
    assert "app" in closure(tmp_path, "/app").reasons


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300), st.binary(max_size=300))
def test_any_script_and_any_settings_are_read(tmp_path: Path, text: str, data: bytes) -> None:
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "bin").mkdir(exist_ok=True)
    shutil.copy("/bin/busybox", tmp_path / "bin/sh")
    (tmp_path / "app").write_bytes(b"#!/bin/sh\n/etc/x\n" + text.encode("utf-8", "surrogatepass"))
    os.chmod(tmp_path / "app", 0o755)
    (tmp_path / "etc/x").write_bytes(data)
    assert {"app", "bin/sh", "etc/x"} <= set(closure(tmp_path, "/app").reasons)


def test_a_jvm_is_kept_without_what_compilers_read(tree: Path) -> None:
    home = tree / "usr/lib/jvm/java-17"
    compile_(home / "bin/java", MAIN)
    compile_(home / "bin/javac", MAIN)
    for name in (
        "lib/modules",
        "lib/server/libjvm.so",
        "lib/src.zip",
        "jmods/java.base.jmod",
        "conf/net.properties",
    ):
        write(home / name, "x")
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/java").symlink_to("/usr/lib/jvm/java-17/bin/java")
    write(tree / "app/app.jar", "x")
    write(tree / "app/lib/other.jar", "x")
    kept = files(closure(tree, "java", "-cp", "/app/app.jar:/app/lib/*", "Main"))
    found = {name.removeprefix("usr/lib/jvm/java-17/") for name in kept if "jvm" in name}
    assert found == {"bin/java", "lib/modules", "lib/server/libjvm.so", "conf/net.properties"}
    assert {"usr/bin/java", "app/app.jar", "app/lib/other.jar"} <= kept


def test_a_java_program_is_kept_with_what_lies_beside_its_script(tree: Path) -> None:
    """As Tomcat: what it serves is in no jar, and which pages are asked for nobody knows."""
    compile_(tree / "usr/lib/jvm/17/bin/java", MAIN)
    script = '#!/bin/sh\nexec "$JAVA_HOME/bin/java" -classpath "$HERE/lib/*" Main\n'
    write(tree / "opt/server/bin/serve.sh", script, 0o755)
    for name in ("lib/main.jar", "webapps/shop/page.jsp", "conf/server.xml"):
        write(tree / "opt/server" / name, "x")
    write(tree / "opt/other/page.jsp", "x")
    config = {"Env": ["PATH=/bin:/opt/server/bin", "JAVA_HOME=/usr/lib/jvm/17"]}
    kept = files(closure(tree, "serve.sh", "run", **config))
    below = {name.removeprefix("opt/server/") for name in kept if name.startswith("opt/server/")}
    assert below == {"bin/serve.sh", "lib/main.jar", "webapps/shop/page.jsp", "conf/server.xml"}
    assert "usr/lib/jvm/17/bin/java" in kept and "opt/other/page.jsp" not in kept
    write(tree / "usr/bin/script", script, 0o755)
    write(tree / "usr/lib/a.jar", "x")
    assert "opt/other/page.jsp" not in files(closure(tree, "/usr/bin/script", **config))
    assert "usr/lib/a.jar" not in files(closure(tree, "/usr/bin/script", **config))


def test_jars_that_a_jar_names_are_kept(tree: Path) -> None:
    compile_(tree / "usr/bin/java", MAIN)
    for name in ("app/lib/one.jar", "app/lib/two.jar", "app/more/classes/A.class", "app/lib/unused.jar"):
        write(tree / name, "x")
    with zipfile.ZipFile(tree / "app/app.jar", "w") as jar:
        lines = (
            "Main-Class: Main",
            "Class-Path: lib/one.jar lib/t",
            " wo.jar more/classes/ http://x/y.jar",
            "",
        )
        jar.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines))
    kept = files(closure(tree, "java", "-jar", "/app/app.jar"))
    assert {"app/lib/one.jar", "app/lib/two.jar", "app/more/classes/A.class"} <= kept
    assert "app/lib/unused.jar" not in kept
    for damaged in (b"PK\3\4", b"PK\5\6" + bytes(18)):
        (tree / "app/app.jar").write_bytes(damaged)
        assert "app/app.jar" in files(closure(tree, "java", "-jar", "/app/app.jar"))


def test_a_jdk_of_java_8_has_its_classes_in_a_folder_of_their_own(tree: Path) -> None:
    home = tree / "opt/jdk8"
    compile_(home / "bin/java", MAIN)
    for name in ("jre/lib/rt.jar", "jre/lib/jsse.jar", "jre/lib/amd64/server/libjvm.so", "include/jni.h"):
        write(home / name, "x")
    found = files(closure(tree, "/opt/jdk8/bin/java", "-jar", "/app.jar"))
    assert {
        f"opt/jdk8/jre/lib/{name}" for name in ("rt.jar", "jsse.jar", "amd64/server/libjvm.so")
    } <= found
    assert "opt/jdk8/include/jni.h" not in found


def test_what_an_image_lacked_before_is_said(tree: Path) -> None:
    compile_(tree / "opt/libgone.so", "int x(void){return 1;}", "-shared", "-fPIC")
    compile_(tree / "app", "int x(void); int main(void){return x();}", f"-L{tree}/opt", "-lgone")
    write(tree / "start", "#!/bin/nothing\n", 0o755)
    assert closure(tree, "/app").lacking == ("libgone.so (for /app)",)
    assert closure(tree, "/start").lacking == ("/bin/nothing",)
    (tree / "start").chmod(0o644)
    assert closure(tree, "sh", "/start").lacking == (), "no line for the kernel"


def test_a_library_that_another_one_loads_first_is_not_lacking(tree: Path) -> None:
    """As libjvm.so, which the JVM loads by its path, and then those that need it."""
    compile_(tree / "opt/server/libmine.so", "int x(void){return 1;}", "-shared", "-fPIC")
    compile_(
        tree / "opt/libother.so", "int x(void); int y(void){return x();}", "-shared", "-fPIC",
        f"-L{tree}/opt/server", "-lmine",
    )  # fmt: skip
    compile_(tree / "app", MAIN)
    assert closure(tree, "/app", wish=Wish(keep=("/opt",))).lacking == ()
    (tree / "opt/server/libmine.so").unlink()
    said = closure(tree, "/app", wish=Wish(keep=("/opt",))).lacking
    assert said == ("libmine.so (for /opt/libother.so)",)
