"""Runs `mngr list` in this process and times the provider's part of it: discovery and the details of every host.

Everything before (Python's start, settings, plugins) and after (rendering) is left out. The same listing is done
several times in one process, with the provider's caches emptied before each. Used by `bench_mngr.py`, in the
environment that is measured: `python provider_part.py ROUNDS mngr-arguments…`; prints each round's seconds as JSON.
"""

import json
import sys
import time
from typing import Any

import imbue.mngr.cli.list as command
from imbue.mngr.main import cli


def main() -> None:
    rounds, arguments = int(sys.argv[1]), sys.argv[2:]
    seconds: list[float] = []
    real = command.api_list_agents

    def timed(*positional: Any, **named: Any) -> Any:
        named["reset_caches"] = True
        for _ in range(rounds):
            began = time.perf_counter()
            result = real(*positional, **named)
            seconds.append(time.perf_counter() - began)
        return result

    command.api_list_agents = timed
    stdout, sys.stdout = sys.stdout, sys.stderr
    cli(["list", "--format", "json", *arguments], standalone_mode=False)
    print(json.dumps(seconds), file=stdout)


main()
