"""Word to a person: what became of a build, handed to a command or posted to a webhook."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

ATTEMPTS = 5
FIRST_WAIT = 2.0  # seconds until the second attempt; each further one waits twice as long
SECONDS = 60  # that one attempt may take


def notify(target: str, word: dict[str, Any], done: Callable[[], None]) -> None:
    """Sends `word` as JSON, from a thread of its own: a POST where `target` is an address, else a shell command that
    gets it on stdin. What fails is tried again; that all attempts have failed is told on stderr. `done` is called
    when nothing more is tried; where the process ends before, it never is."""
    body = json.dumps(word, ensure_ascii=False).encode()
    threading.Thread(target=_send, args=(target, body, done), daemon=True).start()


def _send(target: str, body: bytes, done: Callable[[], None]) -> None:
    if problem := _try(target, body):
        print(f"Nobody could be told what became of a build ({problem}): see GET /builds.", file=sys.stderr, flush=True)
    done()


def _try(target: str, body: bytes) -> str:
    """What the last attempt failed at; "" where one did not fail."""
    problem = ""
    for attempt in range(ATTEMPTS):
        try:
            if target.startswith(("http://", "https://")):
                headers = {"Content-Type": "application/json"}
                request = urllib.request.Request(target, body, headers, method="POST")
                urllib.request.urlopen(request, timeout=SECONDS).close()
            else:
                subprocess.run(target, shell=True, input=body, timeout=SECONDS, check=True)
            return ""
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            problem = type(error).__name__  # its text may hold the address, and with it a secret
            if attempt < ATTEMPTS - 1:
                time.sleep(FIRST_WAIT * 2**attempt)
    return problem
