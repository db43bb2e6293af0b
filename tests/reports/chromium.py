"""Debian's Chromium without a window, as the tests of the HTML report drive it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

#: Names of both programs, in Debian and elsewhere.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MISSING = [
    names[0]
    for names in (BROWSERS, ("chromedriver",))
    if not any(shutil.which(name) for name in names)
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

A4_INCHES = (8.27, 11.69)


class Browser:
    """One page at a time, at any width and in either colour scheme."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Load ``page`` as on a screen ``width`` CSS pixels wide; ``scheme``: light or dark."""
        # A window has a least width even without a screen, so the metrics are set instead.
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": "", "features": features}
        )
        self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # what was before
        self.driver.get(page.as_uri())

    def run(self, script: str) -> Any:
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(script)  # type: ignore[no-untyped-call]

    def console(self) -> list[str]:
        """What the page made the console say, errors and all else."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries]

    def screenshot(self, file: Path) -> None:
        """The whole page as a PNG."""
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
        )
        file.write_bytes(base64.b64decode(shot["data"]))

    def print_a4(self, file: Path) -> None:
        """The page as a PDF, on A4 unless its style sheet wishes otherwise."""
        width, height = A4_INCHES
        printed = self.driver.execute_cdp_cmd(
            "Page.printToPDF",
            {
                "paperWidth": width,
                "paperHeight": height,
                "printBackground": True,
                "preferCSSPageSize": True,
            },
        )
        file.write_bytes(base64.b64decode(printed["data"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with the new, empty user data directory ``profile``; closed at the end."""
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)), "")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
