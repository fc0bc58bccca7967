"""Debian's Chromium, driven as a person would use it; and axe-core, which looks for barriers in a page."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.peers.go_programs import cache_folder

from support.machine import require

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

AXE = "axe-core@4.10.3"
SERIOUS = ("serious", "critical")


@contextlib.contextmanager
def browser(*, width: int = 1300, height: int = 1000) -> Iterator[WebDriver]:
    """One of its own, without network, for as long as the block takes."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    require(bool(program and driver), "needs chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program or ""
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--window-size={width},{height}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield found
    finally:
        found.quit()


def axe() -> str:
    """The script, fetched once from the npm registry and kept outside the checkout."""
    kept = cache_folder() / f"{AXE}.js"
    if not kept.exists():
        require(shutil.which("npm") is not None, "needs npm, to fetch axe-core once")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as work:
            subprocess.run(["npm", "pack", "--silent", AXE], cwd=work, check=True, timeout=120)
            (archive,) = Path(work).glob("*.tgz")
            with tarfile.open(archive) as tar:
                file = tar.extractfile("package/axe.min.js")
                assert file is not None
                (Path(work) / "axe.js").write_bytes(file.read())
            (Path(work) / "axe.js").rename(kept)
    return kept.read_text()


def barriers(page: WebDriver) -> list[str]:
    """What axe-core finds serious or worse in the page as it is now."""
    page.execute_script(axe())
    found: dict[str, Any] = page.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run().then(done, error => done({failed: String(error)}))"
    )
    assert "failed" not in found, found
    return [
        f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
