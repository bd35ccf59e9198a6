"""mngr with our provider against mngr with `imbue-mngr-docker`, in one run: ratios first, then the times behind them.

Both are the same mngr in two virtual environments, on the same engine, image and agents; the commands alternate, so
that whatever else the machine does falls on both. Run by `cargo xtask bench --peers`, which makes the environments.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from e2e import engine  # noqa: E402
from e2e.world import World  # noqa: E402

STATE_CONTAINER_IMAGE = "alpine:latest"


@dataclass
class Measured:
    """The seconds of one thing, for each side."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def of(self, side: str) -> list[float]:
        return self.ours if side == "ours" else self.peer


@dataclass
class Bench:
    """What is measured, in the order in which it was begun."""

    venvs: dict[str, Path]
    folder: Path
    rounds: int
    jobs: int
    measured: dict[str, Measured] = field(default_factory=dict)
    worlds: list[World] = field(default_factory=list)

    def world(self, side: str) -> World:
        """A new home and provider instance for one side."""
        # To make a hundred hosts takes longer than an idle one lives.
        settings: dict[str, object] = {"default_idle_timeout": 86400}
        if side == "peer":
            settings["isolate_host_volumes"] = False
        root = self.folder / f"{side}{len(self.worlds)}"
        # The peer can not use an image that only the engine has, so both build one from the same Dockerfile.
        world = World(root, self.venvs[side], settings, builds_images=True)
        self.worlds.append(world)
        return world

    def add(self, what: str, side: str, seconds: float) -> None:
        self.measured.setdefault(what, Measured()).of(side).append(seconds)

    def timed(self, what: str, side: str, world: World, *arguments: str) -> None:
        """Times a whole command."""
        began = time.perf_counter()
        world.mngr(*arguments)
        self.add(what, side, time.perf_counter() - began)

    def sides(self, round: int) -> list[str]:
        """Who comes first changes from round to round."""
        return ["ours", "peer"] if round % 2 == 0 else ["peer", "ours"]

    def lives(self) -> None:
        """Create, snapshot, stop, start and destroy, each a whole command."""
        worlds = {side: self.world(side) for side in ("ours", "peer")}
        for round in range(self.rounds + 1):
            for side in self.sides(round):
                world, name = worlds[side], f"life{round}"
                if round == 0:
                    # Volumes, state container and caches are made by the first one; it is not counted.
                    world.create(name)
                    world.mngr("destroy", name, "--force")
                    continue
                began = time.perf_counter()
                world.create(name)
                self.add("create", side, time.perf_counter() - began)
                self.timed("exec", side, world, "exec", name, "true")
                self.timed("snapshot create", side, world, "snapshot", "create", name, "--name", "bench")
                self.timed("stop", side, world, "stop", name, "--stop-host")
                self.timed("start", side, world, "start", name)
                self.timed("destroy", side, world, "destroy", name, "--force")

    def lists(self, sizes: list[int]) -> None:
        """`mngr list`, the whole command and the provider's part, with more and more hosts."""
        worlds = {side: self.world(side) for side in ("ours", "peer")}
        # A home's first command makes its profile, and two first commands would make two.
        for world in worlds.values():
            world.create("host0")
        made = 1
        for size in sorted(sizes):
            with ThreadPoolExecutor(self.jobs) as jobs:
                names = [f"host{number}" for number in range(made, size)]
                making = [jobs.submit(world.create, name) for name in names for world in worlds.values()]
                for one in making:
                    one.result()
            made = size
            for side, world in worlds.items():
                states = [agent["host"]["state"] for agent in world.agents().values()]
                assert states == ["RUNNING"] * size, f"{side} lists {states}"
            for round in range(self.rounds):
                for side in self.sides(round):
                    world = worlds[side]
                    self.timed(f"list, {size} hosts", side, world, "list", "--provider", world.provider)
            for round in range(self.rounds):
                for side in self.sides(round):
                    # The first in a process loads the provider, as every command does; the next are an observer's.
                    first, *again = self.provider_part(worlds[side])
                    self.add(f"list, {size} hosts, provider part, first", side, first)
                    for seconds in again:
                        self.add(f"list, {size} hosts, provider part, again", side, seconds)

    def provider_part(self, world: World) -> list[float]:
        """The provider's part of a listing, measured inside the process."""
        script = Path(__file__).with_name("provider_part.py")
        done = subprocess.run(
            [world.venv / "bin" / "python", script, "3", "--provider", world.provider],
            cwd=world.repository,
            env=world.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def shown(seconds: list[float]) -> str:
    """A median with its spread."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


def report(measured: dict[str, Measured]) -> str:
    """The table: how many times as long the peer takes, then the medians."""
    lines = ["| | peer : ours | ours | imbue-mngr-docker |", "|---|---|---|---|"]
    for what, times in measured.items():
        ratio = statistics.median(times.peer) / statistics.median(times.ours)
        lines.append(f"| {what} | **{ratio:.2f}** | {shown(times.ours)} | {shown(times.peer)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True, help="the virtual environment with our provider")
    parser.add_argument("--peer", type=Path, required=True, help="the virtual environment with imbue-mngr-docker")
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100], help="how many hosts are listed")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is run")
    parser.add_argument("--jobs", type=int, default=4, help="how many hosts are made at a time")
    parser.add_argument("--json", type=Path, help="a file for the times of every run")
    options = parser.parse_args()

    tagged = not engine.has_image(STATE_CONTAINER_IMAGE)
    if tagged:
        engine.docker("tag", engine.BUSYBOX_IMAGE, STATE_CONTAINER_IMAGE)
    with tempfile.TemporaryDirectory(prefix="mngr-bench-", ignore_cleanup_errors=True) as folder:
        bench = Bench({"ours": options.ours, "peer": options.peer}, Path(folder), options.rounds, options.jobs)
        try:
            bench.lives()
            bench.lists(options.hosts)
        finally:
            for world in bench.worlds:
                world.clean_up()
            if tagged:
                engine.docker("rmi", "--no-prune", STATE_CONTAINER_IMAGE)
    print(report(bench.measured))
    times = {what: {"ours": both.ours, "peer": both.peer} for what, both in bench.measured.items()}
    if options.json:
        options.json.write_text(json.dumps(times, indent=2) + "\n")
    print("\n" + json.dumps(times))


if __name__ == "__main__":
    main()
