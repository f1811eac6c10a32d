"""A headless Chromium that tests can click through, over a pipe: no driver, no port, no library."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from fcntl import F_DUPFD
from fcntl import fcntl
import json
import os
from pathlib import Path
import select
import shutil
import subprocess
import time
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = (
    '--headless',
    '--no-sandbox',  # it cannot be had as root, and the pages are our own
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-extensions',
    '--no-first-run',
    '--hide-scrollbars',
    '--remote-debugging-pipe',
)
KEYS: Mapping[str, int] = {'ArrowLeft': 37, 'ArrowRight': 39, 'Tab': 9, 'Home': 36, 'End': 35}
PATIENCE = 60.0
"""Seconds for an answer: machines of CI are slow."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _pipe() -> tuple[int, int]:
    """Open a pipe whose ends stay clear of 3 and 4: copying there must not overwrite one."""
    low = os.pipe()
    high = fcntl(low[0], F_DUPFD, 10), fcntl(low[1], F_DUPFD, 10)
    for end in low:
        os.close(end)
    return high


class Chromium:
    """One window; use it in a `with` statement.

    Attributes:
        problems: What the page complained about: exceptions, errors and warnings of the console.
        requests: Addresses that were asked for, without data URIs.
    """

    def __init__(self, program: str, profile: Path) -> None:
        # The browser reads commands from descriptor 3 and writes answers to 4.
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()

        def place() -> None:
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f'--user-data-dir={profile}', 'about:blank'],
            preexec_fn=place,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._buffer, self._number, self._session = b'', 0, ''
        self._loaded = False
        targets = self.send('Target.getTargets')['targetInfos']
        page = next(target for target in targets if target['type'] == 'page')
        attached = self.send('Target.attachToTarget', targetId=page['targetId'], flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.send(f'{domain}.enable')

    def __enter__(self) -> 'Chromium':
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, RuntimeError):
            self.send('Browser.close')
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command of the DevTools protocol and return the answer."""
        self._number += 1
        command: dict[str, Any] = {'id': self._number, 'method': method, 'params': parameters}
        if self._session and not method.startswith('Browser.'):
            command['sessionId'] = self._session
        data = json.dumps(command).encode() + b'\0'
        while data:
            data = data[os.write(self._out, data) :]
        while (message := self._receive()).get('id') != self._number:
            pass
        if 'error' in message:
            raise RuntimeError(f'{method}: {message["error"]}')
        result: dict[str, Any] = message['result']
        return result

    def resize(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Set the size of the window, in CSS pixels, and the scheme that the user prefers."""
        metrics = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False}
        self.send('Emulation.setDeviceMetricsOverride', **metrics)
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self.send('Emulation.setEmulatedMedia', features=[scheme])

    def open(self, page: Path) -> None:
        """Open a file, and wait until it has loaded."""
        self._loaded = False
        self.send('Page.navigate', url=page.resolve().as_uri())
        while not self._loaded:
            self._receive()

    def run(self, script: str) -> Any:
        """Run an expression in the page and return its value; a promise is waited for."""
        answer = self.send(
            'Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True
        )
        if 'exceptionDetails' in answer:
            raise RuntimeError(f'{script}: {answer["exceptionDetails"]}')
        return answer['result'].get('value')

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Scroll to an element and return its left, top, width and height in the window."""
        quoted = json.dumps(selector)
        element = f'document.querySelector({quoted})'
        self.run(f'{element}.scrollIntoView({{block: "center", behavior: "instant"}})')
        box = self.run(f'{element}.getBoundingClientRect().toJSON()')
        return box['left'], box['top'], box['width'], box['height']

    def click(self, selector: str) -> None:
        """Click into the middle of an element, as a mouse does: what lies over it is hit."""
        left, top, width, height = self.place(selector)
        self.drag((left + width / 2, top + height / 2), (left + width / 2, top + height / 2))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at one place of the window, release at another."""
        for kind, (x, y), buttons in (
            ('mouseMoved', start, 0),
            ('mousePressed', start, 1),
            ('mouseMoved', end, 1),
            ('mouseReleased', end, 0),
        ):
            button = 'none' if kind == 'mouseMoved' and not buttons else 'left'
            self.send(
                'Input.dispatchMouseEvent',
                **{'type': kind, 'x': x, 'y': y, 'button': button, 'buttons': buttons},
                clickCount=int(kind != 'mouseMoved'),
            )

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        self.send('Input.dispatchMouseEvent', **{'type': 'mouseMoved', 'x': x, 'y': y})

    def press(self, key: str) -> None:
        """Press a key: a letter, or one of `KEYS`."""
        code = KEYS.get(key, ord(key[0].upper()))
        text = {'text': key} if len(key) == 1 else {}
        about = {'key': key, 'windowsVirtualKeyCode': code}
        self.send('Input.dispatchKeyEvent', type='keyDown', **about, **text)
        self.send('Input.dispatchKeyEvent', type='keyUp', **about)

    def choose(self, selector: str, value: object) -> None:
        """Choose an option of a `select`, as its menu does."""
        element = f'document.querySelector({json.dumps(selector)})'
        self.run(f'{element}.value = {json.dumps(str(value))}')
        self.run(f'{element}.dispatchEvent(new Event("change", {{bubbles: true}}))')

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Save what the window, or the whole page, looks like."""
        picture = self.send('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture['data']))

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b'\0' not in self._buffer:
            ready = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]
            data = os.read(self._in, 1 << 20) if ready else b''
            if not data:
                raise RuntimeError('Chromium ended' if ready else 'Chromium does not answer')
            self._buffer += data
        data, self._buffer = self._buffer.split(b'\0', 1)
        message: dict[str, Any] = json.loads(data)
        self._notice(message.get('method', ''), message.get('params', {}))
        return message

    def _notice(self, event: str, about: dict[str, Any]) -> None:
        if event == 'Page.loadEventFired':
            self._loaded = True
        elif event == 'Runtime.exceptionThrown':
            self.problems.append(json.dumps(about['exceptionDetails']))
        elif event == 'Runtime.consoleAPICalled' and about['type'] in ('error', 'warning'):
            self.problems.append(json.dumps(about['args']))
        elif event == 'Log.entryAdded' and about['entry']['level'] in ('error', 'warning'):
            self.problems.append(json.dumps(about['entry']))
        elif event == 'Network.requestWillBeSent':
            url = about['request']['url']
            if not url.startswith('data:'):
                self.requests.append(url)
