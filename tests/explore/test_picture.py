"""The picture: boxes as large as their bytes, as SVG and as PNG."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from explore.drawn import explored, layer
from support.browser import browser
from wherry.errors import UsageError
from wherry.explore.figure import MOST_LAYERS, figure
from wherry.picture.png import SCALE, png
from wherry.picture.shapes import Figure, Place
from wherry.picture.svg import svg
from wherry.picture.treemap import treemap

HOSTILE = '</text><script>"&\x1b\u202e'
IMAGE = explored(
    layer("app/", ("app/big", "x" * 5000), ("app/small", "y" * 50), "app/link=app/big"),
    layer(("app/big", "z" * 5000), "-app/link"),
    layer((f"{HOSTILE}/a", "q" * 2000)),
    commands=("COPY . /app", f"RUN {HOSTILE}", "RUN " + "very long " * 50),
)


@given(st.lists(st.floats(1, 1e6), max_size=40), st.floats(1, 1000), st.floats(1, 1000))
def test_boxes_fill_the_area_and_do_not_overlap(sizes: list[float], width: float, height: float) -> None:
    sizes.sort(reverse=True)
    places = treemap(sizes, Place(5, 7, width, height))
    assert len(places) == len(sizes)
    total = sum(sizes)
    for size, place in zip(sizes, places, strict=True):
        assert place.width * place.height == pytest.approx(
            width * height * size / total, rel=1e-2, abs=1e-3
        )
        assert place.x >= 4.99 and place.x + place.width <= 5.01 + width
        assert place.y >= 6.99 and place.y + place.height <= 7.01 + height
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert wide <= 0.01 or high <= 0.01


def test_equal_boxes_are_about_square() -> None:
    for place in treemap([1.0] * 12, Place(0, 0, 400, 300)):
        assert 0.5 < place.width / place.height < 2


def drawn() -> Figure:
    return figure(IMAGE)


def test_hard_links_count_once_and_hidden_bytes_have_stripes() -> None:
    boxes = {box.title: box for box in drawn().boxes}
    assert boxes["app/big: 5kB, 5kB hidden"].is_striped
    assert not any(title.startswith("app/link") for title in boxes)
    assert not boxes["layer 1: 5.05kB"].is_striped and not boxes["app/big: 5kB"].is_striped


def test_labels_stay_within_the_picture() -> None:
    found = drawn()
    assert any(label.text.endswith("…") for label in found.labels)
    assert all(label.x + 5 * len(label.text) < found.width for label in found.labels)
    many = figure(explored(*[layer((str(n), "x")) for n in range(MOST_LAYERS + 5)]))
    assert any(label.text == "and 5 more layers" for label in many.labels)


def test_svg_is_xml_in_which_no_text_is_markup() -> None:
    text = svg(drawn())
    root = ElementTree.fromstring(text)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        *("svg", "title", "style", "defs", "pattern", "path", "rect", "text"),
    }
    assert "<script" not in text and "\x1b" not in text and "\u202e" not in text


def test_png_has_the_boxes_in_their_colours() -> None:
    found = drawn()
    picture = Image.open(io.BytesIO(png(found)))
    assert picture.size == (found.width * SCALE, found.height * SCALE)
    box = next(box for box in found.boxes if box.title.startswith("layer 3"))
    x, y = int((box.place.x + 4) * SCALE), int((box.place.y + box.place.height / 2) * SCALE)
    assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((x, y))) == found.palette.light[box.colour]
    assert png(found) == png(drawn())


def test_an_image_without_a_file_has_a_picture() -> None:
    ElementTree.fromstring(svg(figure(explored())))
    assert png(figure(explored())).startswith(b"\x89PNG")


@pytest.mark.browser
def test_a_browser_shows_it(tmp_path: Path) -> None:
    (tmp_path / "picture.svg").write_text(svg(drawn()))
    with browser() as driver:
        driver.get((tmp_path / "picture.svg").as_uri())
        wide = driver.execute_script("return document.querySelector('text').getComputedTextLength()")
        assert wide > 100 and driver.get_log("browser") == []


def test_without_pillow_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match="needs the Python package pillow") as caught:
        png(drawn())
    assert "wherry[pictures]" in str(caught.value.hint)
