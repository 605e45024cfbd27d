"""A Firefox whose software WebGPU has `shader-f16`, which Chromium's SwiftShader lacks.

Its Vulkan is Mesa's lavapipe. Playwright can't drive the system's Firefox, so this speaks WebDriver
BiDi to it (https://w3c.github.io/webdriver-bidi/): the few commands that tests need.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

INSTALL = (
    "There is no Firefox with a software Vulkan here: apt-get install --no-install-recommends "
    "firefox-esr mesa-vulkan-drivers libvulkan1"
)
DRIVERS = Path("/usr/share/vulkan/icd.d")
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
STARTS_WITHIN_S = 120
ANSWERS_WITHIN_S = 400

PREFERENCES: Mapping[str, bool | int | str] = {
    "dom.webgpu.enabled": True,
    "dom.webgpu.workers.enabled": True,
    "gfx.webgpu.ignore-blocklist": True,
    # Nothing but this machine can be reached: a page that needs more fails its test.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "remote.prefs.recommended": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
}


class Firefox:
    """Its first page."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._commands = 0
        self._command("session.new", capabilities={})
        self._page = self._command("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def evaluate(self, function: str, argument: object = None) -> Any:
        """What a JavaScript function of one argument resolves to; both travel as JSON. Raises
        AssertionError with what it threw."""
        answer = self._command(
            "script.callFunction",
            functionDeclaration=(
                f"async (text) => JSON.stringify(await ({function})(JSON.parse(text)) ?? null)"
            ),
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self._page},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def _command(self, method: str, **params: object) -> Any:
        self._commands += 1
        body = {"id": self._commands, "method": method, "params": params}
        self._connection.send(json.dumps(body))
        while True:
            answer = json.loads(self._connection.recv(timeout=ANSWERS_WITHIN_S))
            if answer.get("id") != self._commands:
                continue  # an event
            if answer["type"] == "error":
                raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
            return answer["result"]


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """`profile`: an empty folder; Firefox fills it."""
    program, driver = _program(), _driver()
    if program is None or (driver is None and sys.platform == "linux"):
        raise AssertionError(INSTALL)
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
    (profile / "user.js").write_text("\n".join((*lines, "")))
    with subprocess.Popen(
        [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"],
        env={**os.environ, "VK_ICD_FILENAMES": str(driver)} if driver else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            address = f"{_address(process)}/session"
            with connect(address, max_size=None, open_timeout=STARTS_WITHIN_S) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            process.communicate()


def _program() -> str | None:
    """$DVA_FIREFOX, else the system's."""
    return os.environ.get("DVA_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


def _driver() -> Path | None:
    """Of lavapipe, as Vulkan's loader wants it."""
    return next(iter(sorted(DRIVERS.glob("lvp_icd.*.json"))), None)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if found := LISTENING.search(line):
            return found[1]
    raise AssertionError(f"Firefox ended: {''.join(said[-5:])}")
