"""What Ruby programs load, read without running them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.slim import closure, files, write
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.slim.ruby import Load, parse

LIBRARY = "usr/lib/ruby/3.1.0"
GEMS = "var/lib/gems/3.1.0"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A Ruby with some of its library, and the program ``/app/main.rb``, which the tests write."""
    top = tmp_path / "tree"
    (top / "usr/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", top / "usr/bin/ruby3.1")
    (top / "usr/bin/ruby").symlink_to("ruby3.1")
    for name in ("rubygems", "json", "json/ext", "unused", "set"):
        write(top / f"{LIBRARY}/{name}.rb", "")
    write(top / "usr/lib/x86_64-linux-gnu/ruby/3.1.0/json/ext/parser.so", "")
    write(top / "usr/lib/x86_64-linux-gnu/ruby/3.1.0/enc/encdb.so", "")
    return top


def test_a_gem_may_have_its_files_elsewhere_than_in_lib(tree: Path) -> None:
    for gem, paths in (("far-1.0", '"lib/far".freeze, "ext"'), ("out-1.0", '"../../../../../app/other"')):
        text = f"  s.require_paths = [{paths}]\n"
        write(tree / f"{GEMS}/specifications/{gem}.gemspec", text)
        write(tree / f"{GEMS}/gems/{gem}/lib/{gem}.rb", "")
    write(tree / f"{GEMS}/gems/far-1.0/lib/far/inside.rb", "require 'native'")
    write(tree / f"{GEMS}/gems/far-1.0/ext/native.so", "")
    write(tree / "app/other/outside.rb", "")
    write(tree / "srv/main.rb", "require 'inside'; require 'outside'")
    kept = files(closure(tree, "ruby", "/srv/main.rb"))
    assert {f"{GEMS}/gems/far-1.0/lib/far/inside.rb", f"{GEMS}/gems/far-1.0/ext/native.so"} <= kept
    assert "app/other/outside.rb" not in kept


def test_requires_autoloads_and_files_beside_the_program(tree: Path) -> None:
    write(
        tree / "app/main.rb",
        "require 'json'\nrequire_relative 'lib/helper'\n# require 'unused'\n=begin\nrequire 'unused'\n"
        "=end\nautoload :Late, 'late'\nload '/srv/settings.rb'\n",
    )
    write(tree / f"{LIBRARY}/json.rb", "require('json/ext')")
    write(tree / f"{LIBRARY}/json/ext.rb", "begin; require 'json/ext/parser'; rescue LoadError; end")
    write(tree / "app/lib/helper.rb", "  require 'set' unless defined?(Set)\n")
    write(tree / "usr/lib/ruby/vendor_ruby/late.rb", "")
    write(tree / "srv/settings.rb", "")
    kept = closure(tree, "ruby", "/app/main.rb")
    found = files(kept)
    assert {
        f"{LIBRARY}/rubygems.rb", f"{LIBRARY}/json.rb", f"{LIBRARY}/json/ext.rb", f"{LIBRARY}/set.rb",
        "usr/lib/x86_64-linux-gnu/ruby/3.1.0/json/ext/parser.so", "usr/lib/ruby/vendor_ruby/late.rb",
        "usr/lib/x86_64-linux-gnu/ruby/3.1.0/enc/encdb.so", "app/lib/helper.rb", "srv/settings.rb",
    } <= found  # fmt: skip
    assert f"{LIBRARY}/unused.rb" not in found
    assert kept.reasons[f"{LIBRARY}/set.rb"].confidence == LIKELY
    assert kept.reasons[f"{LIBRARY}/json.rb"].rule == "require of json"


def test_gems_come_with_their_data_and_what_was_compiled_for_them(tree: Path) -> None:
    write(tree / "app/main.rb", "require 'shop'\n")
    for gem in ("shop-1.0", "other-2.0"):
        write(tree / f"{GEMS}/specifications/{gem}.gemspec", "")
    write(tree / f"{GEMS}/gems/shop-1.0/lib/shop.rb", "require 'shop/native'\n")
    write(tree / f"{GEMS}/gems/shop-1.0/lib/shop/native.so", "")
    write(tree / f"{GEMS}/gems/shop-1.0/lib/shop/never.rb", "")
    write(tree / f"{GEMS}/gems/shop-1.0/data/rates.yml", "")
    write(tree / f"{GEMS}/gems/shop-1.0/spec/fixture.yml", "")
    write(tree / f"{GEMS}/extensions/x86_64-linux/3.1.0/shop-1.0/gem.build_complete", "")
    write(tree / f"{GEMS}/gems/other-2.0/lib/other.rb", "")
    found = {name.removeprefix(f"{GEMS}/") for name in files(closure(tree, "ruby", "/app/main.rb"))}
    assert {
        "gems/shop-1.0/lib/shop.rb", "gems/shop-1.0/lib/shop/native.so", "gems/shop-1.0/data/rates.yml",
        "extensions/x86_64-linux/3.1.0/shop-1.0/gem.build_complete",
        "specifications/shop-1.0.gemspec", "specifications/other-2.0.gemspec",
    } <= found, "RubyGems reads all specifications"  # fmt: skip
    assert not {
        "gems/shop-1.0/lib/shop/never.rb", "gems/shop-1.0/spec/fixture.yml", "gems/other-2.0/lib/other.rb",
    } & found  # fmt: skip


@pytest.mark.parametrize(
    "line", ["require name", 'require "shop/#{name}"', "autoload :Cart", "load(File.join(a, b))"]
)
def test_names_that_only_running_tells_keep_the_gem(tree: Path, line: str) -> None:
    write(tree / "app/main.rb", "require 'shop'\n")
    write(tree / f"{GEMS}/gems/shop-1.0/lib/shop.rb", f"def f(name)\n  {line}\nend\n")
    write(tree / f"{GEMS}/gems/shop-1.0/lib/shop/cart.rb", "")
    write(tree / f"{GEMS}/gems/other-1.0/lib/other.rb", "")
    found = files(closure(tree, "ruby", "/app/main.rb"))
    assert f"{GEMS}/gems/shop-1.0/lib/shop/cart.rb" in found
    assert f"{GEMS}/gems/other-1.0/lib/other.rb" not in found


def test_texts_that_name_files_of_libraries(tree: Path) -> None:
    write(tree / "app/main.rb", "require 'tilt'\n")
    write(tree / "usr/lib/ruby/vendor_ruby/tilt.rb", "register_lazy :ERB, 'tilt/erb'\n")
    write(tree / "usr/lib/ruby/vendor_ruby/tilt/erb.rb", "")
    kept = closure(tree, "ruby", "/app/main.rb")
    assert kept.reasons["usr/lib/ruby/vendor_ruby/tilt/erb.rb"].rule == "a text names tilt/erb"


def test_scripts_options_and_variables(tree: Path) -> None:
    write(tree / "usr/bin/serve", "#!/usr/bin/env ruby\nrequire 'server'\n", 0o755)
    write(tree / "opt/lib/server.rb", "")
    write(tree / "usr/lib/ruby/vendor_ruby/first.rb", "")
    write(tree / "work/config.ru", "run App\n")
    shutil.copy("/bin/busybox", tree / "usr/bin/env")
    kept = closure(
        tree, "serve", Env=["PATH=/usr/bin", "RUBYLIB=/opt/lib", "RUBYOPT=-rfirst"], WorkingDir="/work"
    )
    assert {"opt/lib/server.rb", "usr/lib/ruby/vendor_ruby/first.rb", "work/config.ru"} <= files(kept)


def test_a_script_that_starts_a_server_by_bundler(tree: Path) -> None:
    shutil.copy("/bin/busybox", tree / "usr/bin/sh")
    write(
        tree / "app/server.sh", "#!/usr/bin/sh\n# Starting it\nbundle exec puma -C config/puma.rb\n", 0o755
    )
    write(tree / "usr/bin/bundle", "#!/usr/bin/ruby\nrequire 'bundler/cli'\n", 0o755)
    write(tree / "usr/bin/puma", "#!/usr/bin/ruby\nrequire 'puma'\n", 0o755)
    write(tree / "usr/lib/ruby/vendor_ruby/bundler/cli.rb", "")
    write(tree / "usr/lib/ruby/vendor_ruby/puma.rb", "")
    write(tree / "app/config/puma.rb", "")
    write(tree / "app/Gemfile", "")
    found = files(closure(tree, "./server.sh", WorkingDir="/app"))
    assert {"usr/lib/ruby/vendor_ruby/bundler/cli.rb", "usr/lib/ruby/vendor_ruby/puma.rb"} <= found
    assert {"app/config/puma.rb", "app/Gemfile"} <= found


def test_where_a_require_stands_says_how_sure_it_is(tree: Path) -> None:
    assert parse("require 'a'\n  require 'b'\nrequire_relative \"c\"\n").loads == (
        Load("a", is_relative=False, late=False),
        Load("b", is_relative=False, late=True),
        Load("c", is_relative=True, late=False),
    )
    write(tree / "app/main.rb", "require 'json'\n")
    assert closure(tree, "ruby", "/app/main.rb").reasons["app/main.rb"].confidence in (CERTAIN, LIKELY)


@pytest.mark.parametrize(
    "text",
    [
        "=begin\n" * 2**18,
        "require" + " " * 2**22,
        "autoload :A," * 2**18,
        "require '" + "a/" * 2**20,
        " " * 2**22,
    ],
    ids=range(5),
)
def test_no_text_takes_for_ever(text: str) -> None:
    parse(text)


@given(st.text(alphabet="require_load autoload('\"#{})\n=begin:,x/", max_size=400))
def test_any_text_is_read(text: str) -> None:
    parse(text)
