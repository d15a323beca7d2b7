"""A browser without a window, told over a pipe what to do: pages, clicks, pictures of what is shown."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """The first Chromium that is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab of Chromium, spoken to in its developer protocol: messages of JSON that end in a zero byte."""

    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False, patience: float = 120.0) -> None:
        program = find_browser()
        assert program is not None
        self._profile = tempfile.mkdtemp(prefix="browser")
        # It reads from 3 and writes to 4.
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        wrapped = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", wrapped, "bash", program, *FLAGS, f"--user-data-dir={self._profile}"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest, self._count, self._session, self._patience = b"", 0, "", patience
        self.errors: list[str] = []
        """What scripts threw, and what the console was told in red."""
        self.requests: list[str] = []
        """What the page asked for, other than what it holds itself."""
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have it do something; returns what it answers."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("the browser ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(line)
        method, found = answer.get("method", ""), answer.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(found["exceptionDetails"].get("exception", {}).get("description", found)))
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.errors.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent" and not found["request"]["url"].startswith(
            ("data:", "file:", "blob:")
        ):
            self.requests.append(found["request"]["url"])
        return answer

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, px."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, page: Path | str, ready: str = "true") -> None:
        """Show a file, or what lies at an address, and wait until an expression is true."""
        self.tell("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        self.wait(ready)

    def run(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true, for as many seconds as there is patience."""
        end = time.monotonic() + self._patience
        while not self.run(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression}; errors: {self.errors}")
            time.sleep(0.05)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        """The left button from one place of the page to another, px."""
        places = np.linspace(start, end, steps + 1)
        kinds = ["mousePressed", *["mouseMoved"] * steps, "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def point(self, x: float, y: float) -> None:
        """Move the mouse there, px of the page."""
        self.tell("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, px of the page."""
        found = self.run(
            f"(b => [b.x, b.y, b.width, b.height])(document.querySelector('{selector}').getBoundingClientRect())"
        )
        return tuple(found)

    def picture(self, selector: str | None = None, whole: bool = False) -> np.ndarray:
        """What is shown, of one element or of the whole page: uint8 H×W×3 RGB."""
        clip = {}
        if selector is not None:
            x, y, width, height = self.box(selector)
            clip = {"clip": {"x": x, "y": y, "width": width, "height": height, "scale": 1}}
        # Two frames: what was asked for is drawn in the first.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        data = np.frombuffer(base64.b64decode(shot["data"]), np.uint8)
        return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
        for pipe in (self._read, self._write):
            os.close(pipe)
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
