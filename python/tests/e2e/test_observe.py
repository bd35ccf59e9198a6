"""`mngr observe` beside other commands."""

import os
import queue
import signal
import threading
from collections.abc import Callable

from .world import World


def test_observe_tells_of_an_agent_that_is_made_while_it_watches_and_ends_on_interrupt(
    new_world: Callable[..., World],
) -> None:
    world = new_world(discovery_poll_interval_seconds=2.0)
    world.create("o1")
    observer = world.start("observe", "--stream-events")
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in observer.stdout], daemon=True)
    reader.start()
    complaints: list[str] = []
    threading.Thread(target=lambda: complaints.extend(observer.stderr), daemon=True).start()
    try:
        _expect(lines, '"o1"', complaints)
        world.create("o2")
        _expect(lines, '"o2"', complaints)
    finally:
        os.killpg(observer.pid, signal.SIGINT)
        status = observer.wait(timeout=30)
    assert status in (0, 130, 1)
    assert not any("Traceback" in line for line in complaints), "".join(complaints)


def _expect(lines: "queue.Queue[str]", part: str, complaints: list[str]) -> None:
    seen: list[str] = []
    while True:
        try:
            seen.append(lines.get(timeout=60))
        except queue.Empty:
            raise AssertionError(f"{part} is in none of {seen}; {''.join(complaints)}") from None
        if part in seen[-1]:
            return
