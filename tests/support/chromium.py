# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium driven over a pipe, with the DevTools protocol and nothing else to install.

The pipe carries JSON messages that end with a zero byte (``--remote-debugging-pipe``: Chromium reads from descriptor 3
and writes to 4), so there is no port.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import time
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Message = dict[str, t.Any]

PATIENCE = 60
"""Seconds that Chromium may take for an answer."""

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
TROUBLE = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


class ChromiumError(Exception):
    """Chromium ended, kept silent, or refused what it was asked; or the page's script failed."""


def find_chromium() -> str | None:
    """The program, as Debian and others name it."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Page:
    """A tab.

    Attributes:
        heard: every event since it was opened.
    """

    browser: Browser
    session: str
    heard: list[Message] = field(default_factory=list)

    def ask(self, method: str, **parameters: t.Any) -> Message:
        return self.browser.ask(method, parameters, self)

    def open(self, path: Path) -> None:
        """Load a file and wait until its scripts have run."""
        self.go(path.as_uri())

    def go(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.browser.listen(lambda: any(event["method"] == "Page.loadEventFired" for event in self.heard))

    def run(self, script: str) -> t.Any:
        """The value of a JavaScript expression; a promise is waited for.

        Raises:
            ChromiumError: it threw.
        """
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise ChromiumError(json.dumps(done["exceptionDetails"]))
        return done["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys by name, such as Tab, Enter or Shift+Tab."""
        for key in keys:
            name, shift = key.removeprefix("Shift+"), key.startswith("Shift+")
            press = {
                "key": " " if name == "Space" else name,
                "code": name,
                "windowsVirtualKeyCode": KEYS[name],
                "modifiers": 8 if shift else 0,
            }
            text = {"Enter": "\r", "Space": " "}.get(name)
            self.ask("Input.dispatchKeyEvent", type="keyDown", **press, **({"text": text} if text else {}))
            self.ask("Input.dispatchKeyEvent", type="keyUp", **press)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def emulate(self, media: str = "screen", **features: str) -> None:
        """Look at the page as on another medium, or with another preference: C(prefers_color_scheme="dark")."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", media=media, features=wanted)

    def resize(self, width: int, height: int) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def print(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])

    def requested(self) -> list[str]:
        """Every address that was asked for."""
        events = (event for event in self.heard if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in events]

    def troubles(self) -> list[Message]:
        """What a developer would see on the console: messages, exceptions, violations of the content policy."""
        return [event for event in self.heard if event["method"] in TROUBLE]


KEYS: Mapping[str, int] = {"Tab": 9, "Enter": 13, "Space": 32, "Escape": 27}


class Browser:
    """The conversation with a Chromium that runs."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._received = b""
        self._answers: dict[int, Message] = {}
        self._number = 0
        self._pages: dict[str, Page] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(reader, selectors.EVENT_READ)

    def page(self) -> Page:
        """Open a tab that tells of its console and requests."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        return page

    def ask(self, method: str, parameters: Mapping[str, t.Any], page: Page | None = None) -> Message:
        """What Chromium answers.

        Raises:
            ChromiumError: it refuses, ends, or does not answer in time.
        """
        self._number += 1
        number = self._number
        message = {
            "id": number,
            "method": method,
            "params": parameters,
            **({"sessionId": page.session} if page else {}),
        }
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        self.listen(lambda: number in self._answers)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise ChromiumError(f"{method}: {answer['error']}")
        return t.cast(Message, answer["result"])

    def listen(self, until: t.Callable[[], bool]) -> None:
        """Take in messages until that is so.

        Raises:
            ChromiumError: it ends, or it takes too long.
        """
        deadline = time.monotonic() + PATIENCE
        while not until():
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise ChromiumError(f"Chromium said nothing for {PATIENCE} s")
            received = os.read(self._reader, 1 << 20)
            if not received:
                raise ChromiumError("Chromium ended")
            *messages, self._received = (self._received + received).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: Message) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].heard.append(message)


@contextmanager
def running_chromium(program: str, profile: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own, and end it by its process id."""
    asked, asks = os.pipe()
    answers, answered = os.pipe()
    shell = f'exec "$@" 3<&{asked} 4>&{answered}'
    command = [
        "bash",
        "-c",
        shell,
        "chromium",
        program,
        *OPTIONS,
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",
    ]
    with subprocess.Popen(
        command,
        pass_fds=(asked, answered),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(asked)
        os.close(answered)
        try:
            yield Browser(answers, asks)
        finally:
            os.close(asks)
            os.close(answers)
            process.terminate()
            process.wait(timeout=PATIENCE)
