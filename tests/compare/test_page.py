"""The page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.browser import barriers, browser
from wherry.cli.compare.html import MOST, page
from wherry.compare.compare import compare
from wherry.compare.layers import Base
from wherry.compare.model import FILE, File, Layer, Subject
from wherry.packages.package import Package

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser
DARK = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}


def image(name: str, files: dict[str, int], version: str) -> Subject:
    layers = (Layer("a", 50_000_000, "COPY / /"), Layer(name, 1_000_000, f"RUN {name}"))
    made = {path: File(FILE, 0o644, 0, 0, size, place=name) for path, size in files.items()}
    packages = (Package("deb", "openssl", version), Package("deb", "zlib", version))
    return Subject(name, name, "linux/amd64", {"Env": [f"A={name}"]}, layers, made, packages=packages)


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser(width=1100) as found:
        yield found


@pytest.fixture
def opened(driver: WebDriver, tmp_path: Path) -> WebDriver:
    """Two images, of the first of which more files are gone than a table has rows."""
    gone = {f"opt/{number:05}": number for number in range(MOST + 5)}
    one = image("one", {**gone, "etc/group": 1, "etc/passwd": 1}, "3.0.11")
    other = image("registry.example/other:1", {"etc/group": 2, "new": 5}, "3.0.17")
    found = compare([one, other], [Base("base", ("a",))], lambda first, second: False)
    (tmp_path / "a.html").write_text(page(found))
    driver.get((tmp_path / "a.html").as_uri())
    return driver


def test_a_word_leaves_the_rows_with_it(opened: WebDriver) -> None:
    for summary in opened.find_elements("css selector", "summary"):
        summary.click()
    field = opened.find_element("css selector", "input[aria-controls=packages]")
    field.send_keys("SSL")
    rows = opened.find_elements("css selector", "#packages tbody tr")
    assert [row.text.split()[0] for row in rows if row.is_displayed()] == ["openssl"]
    assert "1 shown" in opened.page_source and opened.get_log("browser") == []


def test_a_table_is_cut_and_says_so(opened: WebDriver) -> None:
    assert len(opened.find_elements("css selector", "#d1r tbody tr")) == MOST
    assert f"({MOST + 6}, the first {MOST} of them here; the JSON has all)" in opened.page_source


def test_axe_finds_nothing_serious_in_either_theme(opened: WebDriver) -> None:
    # Every kind of row, and not thousands of each: axe-core would take minutes.
    opened.execute_script("document.querySelectorAll('tr:nth-child(n+9)').forEach(row => row.remove())")
    opened.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert barriers(opened) == []
    light = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", DARK)
    try:
        assert opened.execute_script("return getComputedStyle(document.body).backgroundColor") != light
        assert barriers(opened) == []
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_no_other_script_runs_and_nothing_is_fetched(opened: WebDriver) -> None:
    opened.execute_script(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
        "document.body.append(made);"
    )
    assert opened.execute_script("return window.ran") is None
    assert any("Content Security Policy" in each["message"] for each in opened.get_log("browser"))
    assert not re.search(r"(?:src|href)\s*=|url\(", opened.page_source)


def test_a_narrow_screen_scrolls_inside_the_tables_alone(opened: WebDriver) -> None:
    opened.set_window_size(500, 900)
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
        assert len(opened.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000
    finally:
        opened.set_window_size(1100, 1000)
