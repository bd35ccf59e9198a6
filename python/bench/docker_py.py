"""The steps of the benchmark by docker-py, on which `imbue-mngr-docker` stands, in one process that takes the times.

`python docker_py.py docker-py HOST PROVIDER IMAGE` says what it is, then answers each line of stdin, a JSON object,
with another: the seconds that the step took. `python docker_py.py list HOST PROVIDER` lists once and ends, to be
measured as a whole process. It needs the package `docker` and nothing else.
"""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker

COMMAND = ["tail", "-f", "/dev/null"]


class Steps:
    """What can be asked for, on one engine and for one provider instance."""

    def __init__(self, host: str, provider: str, image: str) -> None:
        self.client = docker.DockerClient(base_url=host, timeout=600, max_pool_size=64)
        self.provider = provider
        self.image = image

    def create(self, name: str) -> None:
        self._create(name, self.image)

    def start(self, name: str) -> None:
        container = self.client.containers.get(name)
        container.start()
        container.reload()

    def exec(self, name: str) -> None:
        status, _ = self.client.containers.get(name).exec_run(["true"])
        assert status == 0, status

    def snapshot(self, name: str) -> None:
        change = f"LABEL com.imbue.mngr.provider={self.provider}"
        self.client.containers.get(name).commit("mngr-snapshot", name, pause=True, changes=[change])

    def stop(self, name: str) -> None:
        container = self.client.containers.get(name)
        container.stop()
        container.reload()

    def restore(self, name: str) -> None:
        old = self.client.containers.get(name)
        old.rename(f"{name}.old")
        self._create(name, f"mngr-snapshot:{name}").start()
        old.remove(force=True, v=True)

    def destroy(self, name: str) -> None:
        self.client.containers.get(name).remove(force=True, v=True)

    def list(self, size: int | None = None) -> None:
        label = f"com.imbue.mngr.provider={self.provider}"
        listed = self.client.containers.list(all=True, filters={"label": label})
        assert size is None or len(listed) == size, len(listed)

    def create_at_once(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(len(names)) as threads:
            for made in [threads.submit(self.create, name) for name in names]:
                made.result()

    def _create(self, name: str, image: str) -> Any:
        labels = {"com.imbue.mngr.provider": self.provider}
        return self.client.containers.create(image, COMMAND, name=name, init=True, labels=labels)


def main() -> None:
    what, host, provider, *image = sys.argv[1:]
    steps = Steps(host, provider, *(image or [""]))
    if what == "list":
        steps.list()
        return
    print(json.dumps({"version": f"{what} {docker.__version__} on Python {sys.version.split()[0]}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        step = getattr(steps, request.pop("step"))
        began = time.perf_counter()
        step(**request)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


main()
