"""What Perl programs load, read without running them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.slim import closure, files, write
from wherry.slim.perl import Load, parse
from wherry.slim.reason import LIKELY

CORE = "usr/share/perl/5.36"
NATIVE = "usr/lib/x86_64-linux-gnu/perl/5.36"
SHARED = "usr/share/perl5"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A Perl with some of its library, and the program ``/app/main.pl``, which the tests write."""
    top = tmp_path / "tree"
    (top / "usr/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", top / "usr/bin/perl")
    for name in ("strict", "Carp", "Unused", "parent"):
        write(top / f"{CORE}/{name}.pm", "")
    return top


def test_use_require_do_and_base_classes(tree: Path) -> None:
    write(
        tree / "app/main.pl",
        "#!/usr/bin/perl\nuse strict;\nuse lib '/app/lib';\nuse Shop::Cart qw(add);\n"
        "require 'old.pl';\n# use Unused;\n=pod\n\nuse Unused;\n\n=cut\nsub f { require Late; }\n"
        "__END__\nuse Unused;\n",
        0o755,
    )
    write(tree / "app/lib/Shop/Cart.pm", "package Shop::Cart;\nuse parent qw(Shop::Base -norequire);\n1;\n")
    write(tree / f"{SHARED}/Shop/Base.pm", "use Carp;\n")
    write(tree / f"{SHARED}/Late.pm", "")
    write(tree / f"{SHARED}/old.pl", "")
    kept = closure(tree, "/app/main.pl")
    assert {
        "usr/bin/perl", f"{CORE}/strict.pm", f"{CORE}/Carp.pm", "app/lib/Shop/Cart.pm",
        f"{SHARED}/Shop/Base.pm", f"{SHARED}/Late.pm", f"{SHARED}/old.pl",
    } <= files(kept)  # fmt: skip
    assert f"{CORE}/Unused.pm" not in kept.reasons
    assert kept.reasons[f"{SHARED}/Late.pm"].confidence == LIKELY
    assert kept.reasons[f"{SHARED}/Late.pm"].rule == "use of Late"


def test_libraries_of_a_module_and_functions_apart_from_it(tree: Path) -> None:
    write(tree / "app/main.pl", "use POSIX;\n")
    write(tree / f"{NATIVE}/POSIX.pm", "require XSLoader;\nXSLoader::load();\n")
    write(tree / f"{NATIVE}/auto/POSIX/POSIX.so", "")
    write(tree / f"{NATIVE}/auto/POSIX/autosplit.ix", "")
    write(tree / f"{NATIVE}/auto/Socket/Socket.so", "")
    kept = closure(tree, "perl", "/app/main.pl")
    assert kept.reasons[f"{NATIVE}/auto/POSIX/POSIX.so"].by == f"{NATIVE}/POSIX.pm"
    assert f"{NATIVE}/auto/POSIX/autosplit.ix" in kept.reasons
    assert f"{NATIVE}/auto/Socket/Socket.so" not in kept.reasons


def test_a_database_s_driver_by_the_name_of_its_source(tree: Path) -> None:
    write(tree / "app/main.pl", "use DBI;\nmy $db = DBI->connect('dbi:SQLite:dbname=x');\n")
    for name in ("DBI", "DBD/SQLite", "DBD/mysql"):
        write(tree / f"{SHARED}/{name}.pm", "")
    found = files(closure(tree, "perl", "/app/main.pl"))
    assert f"{SHARED}/DBD/SQLite.pm" in found and f"{SHARED}/DBD/mysql.pm" not in found


@pytest.mark.parametrize("line", ["require $file;", 'eval "require $class";', "load_class($name);"])
def test_names_that_only_running_tells_keep_the_distribution(tree: Path, line: str) -> None:
    write(tree / "app/main.pl", "use Mojo::App;\n")
    write(tree / f"{SHARED}/Mojo/App.pm", line)
    write(tree / f"{SHARED}/Mojo/Plugin/Never.pm", "")
    write(tree / f"{SHARED}/Mojo/resources/page.ep", "")
    write(tree / f"{SHARED}/Mojo/Guide.pod", "")
    write(tree / f"{SHARED}/Other/Thing.pm", "")
    found = files(closure(tree, "perl", "/app/main.pl"))
    assert {f"{SHARED}/Mojo/Plugin/Never.pm", f"{SHARED}/Mojo/resources/page.ep"} <= found
    assert not {f"{SHARED}/Other/Thing.pm", f"{SHARED}/Mojo/Guide.pod"} & found


def test_options_variables_and_the_folder_beside_the_program(tree: Path) -> None:
    write(
        tree / "opt/bin/run",
        '#!/usr/bin/perl -w\nuse FindBin;\nuse lib "$FindBin::Bin/../lib";\nuse Own;\n',
        0o755,
    )
    write(tree / "opt/lib/Own.pm", "")
    write(tree / "srv/perl/Given.pm", "")
    write(tree / f"{SHARED}/Asked.pm", "")
    kept = closure(tree, "/opt/bin/run", "-MAsked=x", Env=["PATH=/usr/bin", "PERL5LIB=/srv/perl"])
    assert {"opt/lib/Own.pm", f"{SHARED}/Asked.pm"} <= files(kept)
    write(tree / "opt/lib/Own.pm", "use Given;\n")
    kept = closure(tree, "/opt/bin/run", Env=["PATH=/usr/bin", "PERL5LIB=/srv/perl"])
    assert "srv/perl/Given.pm" in kept.reasons


def test_what_a_source_loads() -> None:
    module = parse("use A::B 1.2 ();\nBEGIN { require C; }\nif (1) { do 'x.pl' }\nno D;\nuse 5.010;\n")
    assert module.loads == (
        Load("A::B", late=False),
        Load("C", late=True),
        Load("D", late=False),
        Load("x.pl", late=True),
    )


@pytest.mark.parametrize(
    "text",
    [
        "eval" + " " * 2**22,
        "use parent " * 2**18,
        "=pod\n" * 2**19,
        "require (" * 2**18,
        "A" * 2**22,
        "A::" * 2**20,
    ],
    ids=range(6),
)
def test_no_text_takes_for_ever(text: str) -> None:
    parse(text)


@given(st.text(alphabet="use require('\"$:;{})\n=pod cut__END__ABx/", max_size=400))
def test_any_text_is_read(text: str) -> None:
    parse(text)
