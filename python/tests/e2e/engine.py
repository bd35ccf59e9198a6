"""The engine under the tests, asked by its own command line: what is there, and the removal of what a test left."""

import json
import os
import subprocess
from typing import Any

HOST_IMAGE = "mngr-test:host"
BUSYBOX_IMAGE = "mngr-test:busybox"
PROVIDER_LABEL = "com.imbue.mngr.provider"
HOST_LABEL = "com.imbue.mngr.host-id"


class EngineError(Exception):
    """A docker command that failed, with what it complained of."""


def docker(*arguments: str, timeout: float = 60) -> str:
    """Runs a docker command and returns what it prints."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise EngineError(f"docker {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def socket_path() -> str:
    """Where the local engine listens."""
    host = os.environ.get("DOCKER_HOST", "")
    return host.removeprefix("unix://") if host.startswith("unix://") else "/var/run/docker.sock"


def has_image(name: str) -> bool:
    """Whether the engine has an image."""
    try:
        docker("image", "inspect", name)
    except EngineError:
        return False
    return True


def inspect(container: str) -> dict[str, Any]:
    """What the engine says of a container."""
    return json.loads(docker("container", "inspect", container))[0]


def containers(provider: str, *, all_states: bool = True, labelled: str | None = None) -> list[str]:
    """The ids of a provider's containers; with `labelled`, of those that have that label too."""
    state = ["--all"] if all_states else []
    labels = [f"{PROVIDER_LABEL}={provider}", *([labelled] if labelled else [])]
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    return docker("ps", *state, "--quiet", "--no-trunc", *filters).split()


def hosts(provider: str) -> list[str]:
    """The ids of a provider's containers that are hosts, so without a state container of the peer's."""
    return containers(provider, labelled=HOST_LABEL)


def remove_all(provider: str, prefix: str) -> None:
    """Removes the containers, images and volumes of one provider instance, and nothing else."""
    _remove_containers(containers(provider))
    remove_prefix(prefix, f"{PROVIDER_LABEL}={provider}")


def remove_prefix(prefix: str, *labels: str) -> None:
    """Removes what is named with a world's prefix or has a label of its: containers, images and volumes."""
    _remove_containers(docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"name=^/{prefix}").split())
    images = set()
    for label in (f"mngr.test.prefix={prefix}", *labels):
        images |= set(docker("images", "--quiet", "--no-trunc", "--filter", f"label={label}").split())
    # An image that another one is made from goes after it, so more rounds are given to what the first left.
    for _ in range(3):
        images = {image for image in images if not _removed(image)}
    volumes = set(docker("volume", "ls", "--quiet", "--filter", f"name=^{prefix}").split())
    # A volume that keeps a host's record has the prefix in the record, which is a label.
    named = (line.partition(" ") for line in docker("volume", "ls", "--format", "{{.Name}} {{.Labels}}").splitlines())
    volumes |= {name for name, _, labels in named if f'"{prefix}"' in labels}
    for label in labels:
        volumes |= set(docker("volume", "ls", "--quiet", "--filter", f"label={label}").split())
    if volumes:
        docker("volume", "rm", "--force", *sorted(volumes))


def _remove_containers(ids: list[str]) -> None:
    if ids:
        docker("rm", "--force", "--volumes", *ids, timeout=120)


def _removed(image: str) -> bool:
    try:
        docker("rmi", "--force", image)
    except EngineError as error:
        return "No such image" in str(error)
    return True
