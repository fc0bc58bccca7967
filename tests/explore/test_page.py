"""The page, in a real browser."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explore.drawn import explored, layer
from support.browser import barriers, browser
from wherry.explore.explore import Explored
from wherry.explore.page.data import data
from wherry.explore.page.write import page

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

HOSTILE = "</script><img src=x onerror=alert(1)>&\u202e\x1b[2J"
IMAGE = explored(
    layer(
        "app/",
        ("app/big", "x" * 5000),
        ("app/small", "y" * 50),
        "app/link=app/big",
        ("usr/include/a.h", "z" * 900),
    ),
    layer(("app/big", "x" * 5000), big=0o755),
    layer("-app/small", (f"dir/{HOSTILE}", "q" * 700), ("ünï/😀", "1"), ("ünï/😀2", "22")),
    commands=("COPY . /app", "RUN chmod +x /app/big", f"RUN {HOSTILE}"),
)
browsers = pytest.mark.browser


def unpacked(value: dict[str, Any]) -> list[str]:
    """Paths as page.js reads them."""
    found, path = [], b""
    items = value["rows"]["path"]
    for shared, rest in zip(items[::2], items[1::2], strict=True):
        path = path[: 2 * shared] + rest.encode("utf-16-le")
        found.append(path.decode("utf-16-le"))
    return found


def test_the_data_has_every_change_once() -> None:
    value = data(IMAGE)
    paths = unpacked(value)
    assert len(paths) == sum(len(each.changes) for each in IMAGE.layers)
    assert {"app/big", "ünï/😀", "ünï/😀2"} < set(paths) and not any("\x1b" in path for path in paths)
    rows = value["rows"]
    hidden = [(paths[n], rows["layer"][n]) for n in rows["hidden"]]
    assert ("app/small", 1) in hidden and ("app/big", 2) not in hidden
    assert [paths[n] for n in rows["links"]] == ["app/link"]
    counted = sum(size for n, size in enumerate(rows["size"]) if n not in rows["links"])
    assert counted == IMAGE.size


def test_no_text_of_the_image_is_markup() -> None:
    text = page(IMAGE)
    assert (
        "<img" not in text and text.count("</script>") == 2 and "\x1b" not in text and "\u202e" not in text
    )
    (inside,) = re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert any("onerror" in path for path in unpacked(json.loads(inside)))
    assert "http://" not in text and "https://" not in text


def test_an_image_of_30_000_files_takes_less_than_3_mb() -> None:
    words = [
        (f"usr/lib/{os.urandom(4).hex()}/{n:05d}-{os.urandom(6).hex()}.so", "x" * (n % 50))
        for n in range(30_000)
    ]
    assert len(page(explored(layer(*words))).encode()) < 3_000_000


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser() as found:
        yield found


@pytest.fixture
def opened(driver: WebDriver, tmp_path: Path) -> Iterator[WebDriver]:
    """The page in the browser; nothing may be said in its console."""
    yield shown(driver, IMAGE, tmp_path)
    assert driver.get_log("browser") == []


def shown(driver: WebDriver, image: Explored, folder: Path) -> WebDriver:
    (folder / "page.html").write_text(page(image))
    driver.get((folder / "page.html").as_uri())
    return driver


def count(driver: WebDriver) -> str:
    return str(driver.find_element("id", "count").text)


def column(driver: WebDriver, number: int) -> list[str]:
    cells = driver.find_elements("css selector", f"#table tbody tr > :nth-child({number})")
    return [cell.text for cell in cells]


@browsers
def test_search_filters_and_order(opened: WebDriver) -> None:
    total = sum(len(each.changes) for each in IMAGE.layers)
    assert count(opened).startswith(f"{total} of {total} entries, {IMAGE.size / 1000:.1f}kB")
    search = opened.find_element("id", "search")
    search.send_keys("APP big")
    assert column(opened, 1) == ["app/big", "app/big"] and count(opened).startswith("2 of")
    assert column(opened, 4) == ["added", "changed"]
    search.clear()
    search.send_keys("app/")
    opened.find_element("id", "hidden").click()
    assert column(opened, 1) == ["app/small"] and column(opened, 4) == ["added, hidden"]
    opened.find_element("id", "hidden").click()
    search.clear()
    search.send_keys(" ")
    opened.find_element("css selector", "[data-sort=size]").click()
    assert column(opened, 2)[0] == "5kB"
    heading = opened.find_element("css selector", "th:has([data-sort=size])")
    assert heading.get_attribute("aria-sort") == "descending"
    opened.find_element("css selector", "[data-sort=size]").click()
    assert column(opened, 2)[-1] == "5kB" and heading.get_attribute("aria-sort") == "ascending"


@browsers
def test_the_package_of_a_file_is_a_column_to_sort_by(driver: WebDriver, tmp_path: Path) -> None:
    status = "".join(f"Package: {name}\nVersion: 1<b>\n\n" for name in ("b-two", "a-one"))
    image = explored(
        layer(
            ("var/lib/dpkg/status", status),
            ("var/lib/dpkg/info/b-two.list", "/bin/x\n"),
            ("var/lib/dpkg/info/a-one.list", "/bin/y\n"),
            ("bin/x", "1"),
            ("bin/y", "1"),
        )
    )
    shown(driver, image, tmp_path)
    driver.find_element("css selector", "[data-sort=package]").click()
    assert column(driver, 7) == ["", "", "", "a-one 1<b>", "b-two 1<b>"]
    assert column(driver, 1)[-2:] == ["bin/y", "bin/x"]
    assert driver.get_log("browser") == []


@browsers
def test_a_layer_s_button_shows_its_files(opened: WebDriver) -> None:
    opened.find_element("css selector", '[data-layer="2"]').click()
    assert column(opened, 1) == ["app/big"] and column(opened, 3) == ["2"]


@browsers
def test_the_map_is_opened_by_click_and_key(opened: WebDriver) -> None:
    from selenium.webdriver.common.keys import Keys

    def labels() -> list[str]:
        boxes = opened.find_elements("css selector", "#map > button")
        return [str(box.get_attribute("aria-label")) for box in boxes]

    assert [label.partition(",")[0] for label in labels()] == ["layer 1", "layer 2", "layer 3"]
    opened.find_element("css selector", "#map > button").click()
    assert [label.partition(",")[0] for label in labels()] == ["app", "usr"]
    first = opened.switch_to.active_element
    first.send_keys(Keys.ARROW_RIGHT)
    assert str(opened.switch_to.active_element.get_attribute("aria-label")).startswith("usr, 900B")
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert labels() == ["a.h, 900B, a file"]
    opened.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert "app" in labels()[0]
    opened.find_element("css selector", "#trail button").click()
    assert len(labels()) == 3


@browsers
def test_boxes_are_as_large_as_their_bytes_and_fill_the_map(opened: WebDriver) -> None:
    area = opened.execute_script(
        "return [...document.getElementById('map').children].map(box => [box.getAttribute('aria-label'),"
        " parseFloat(box.style.width) * parseFloat(box.style.height)]);"
    )
    sizes = {f"layer {each.number}": each.size for each in IMAGE.layers}
    assert sum(part for _, part in area) == pytest.approx(10_000)
    for label, part in area:
        assert part / 10_000 == pytest.approx(sizes[label.partition(",")[0]] / IMAGE.size)


@browsers
def test_axe_finds_nothing_serious_in_either_theme(opened: WebDriver) -> None:
    for _ in range(2):
        opened.find_element("id", "theme").click()
        opened.execute_script("document.querySelectorAll('[data-layer]')[0].click()")
        assert barriers(opened) == []
    pressed = opened.find_element("id", "theme").get_attribute("aria-pressed")
    back = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (pressed == "true") == (back != "rgb(255, 255, 255)")


@browsers
def test_what_runs_is_the_page_s_own_script(driver: WebDriver, tmp_path: Path) -> None:
    shown(driver, IMAGE, tmp_path)
    driver.execute_script(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
        "document.body.append(made);"
    )
    assert driver.execute_script("return window.ran") is None
    assert any("Content Security Policy" in each["message"] for each in driver.get_log("browser"))


@browsers
def test_a_narrow_screen_and_paper_lose_nothing(opened: WebDriver) -> None:
    opened.set_window_size(500, 900)
    try:
        wide = opened.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        printed = opened.execute_cdp_cmd("Page.printToPDF", {})
        assert len(printed["data"]) > 10_000
    finally:
        opened.set_window_size(1300, 1000)


@browsers
def test_an_image_without_a_file_has_a_page(driver: WebDriver, tmp_path: Path) -> None:
    shown(driver, explored(), tmp_path)
    assert count(driver).startswith("0 of 0 entries") and driver.get_log("browser") == []


@browsers
def test_axe_would_find_something(driver: WebDriver, tmp_path: Path) -> None:
    """The test above can fail."""
    shown(driver, IMAGE, tmp_path)
    driver.execute_script(
        "document.querySelector('#search').closest('label').replaceWith(document.querySelector('#search'))"
    )
    assert any(line.startswith("label") for line in barriers(driver))
