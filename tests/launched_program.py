"""A scripted server as a program that the gate starts, with the faults that programs have.

It writes `up NAME` and `down NAME` into a diary, where one is given.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import select
import signal
import sys
from pathlib import Path

from scripted_server import Exchange, ScriptedServer, says


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="server")
    parser.add_argument("--diary", type=Path)
    parser.add_argument("--prints", default="loading", help="what it prints first")
    parser.add_argument("--exits", type=int, help="ends at once with this code")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--ignores-sigterm", action="store_true")
    parser.add_argument("--dies-after", type=int, help="answers, then it kills itself")
    parser.add_argument("--wrong-every", type=int, default=0)
    options = parser.parse_args()
    sys.stdout.write(f"{options.prints}\n")
    if options.exits is not None:
        sys.exit(options.exits)
    over, end = os.pipe()  # an event may be locked by whom the signal interrupts: itself
    signal.signal(signal.SIGTERM, lambda *_: options.ignores_sigterm or os.write(end, b"."))
    left = itertools.count() if options.dies_after is None else iter(range(options.dies_after))

    def reply(exchange: Exchange) -> None:
        prompt = json.loads(exchange.body)["messages"][-1]["content"]
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        number = int(prompt.rsplit(maxsplit=1)[-1])
        wrong = options.wrong_every and number % options.wrong_every == 0
        says("I forgot" if wrong else f"answer {prompt}")(exchange)

    with ScriptedServer(default=reply, port=options.port) as server:
        _note(options.diary, f"up {options.name}")
        sys.stdout.write("serving\n")
        # Only now: whoever finds it ready may end it in the next moment.
        page = None if options.never_ready else {"status": "ok"}
        server.pages = {"/health": page, "/v1/models": {"data": [{"id": options.name}]}}
        select.select([over], [], [], 600)
        _note(options.diary, f"down {options.name} {server.requests}")


def _note(diary: Path | None, text: str) -> None:
    if diary is not None:
        with diary.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


if __name__ == "__main__":
    _main()
