"""Images to be built: the arguments of `docker build` in parts, and the image of a host that names none."""

from collections.abc import Sequence
from pathlib import Path

from imbue.mngr.errors import UserInputError
from imbue.mngr.primitives import DockerBuilder
from imbue.mngr.providers.ssh_host_setup import REQUIRED_HOST_PACKAGES

from mngr_docker._native import read_build_args
from mngr_docker.config import DockerProviderConfig

_FILE_FLAGS = ("--file", "-f")
# What mngr's own Docker provider starts from.
_BASE = "debian:bookworm-slim"


def split_build_args(arguments: Sequence[str], config: DockerProviderConfig) -> tuple[Path, list[str]]:
    """The context's directory, and the flags."""
    if config.builder is not DockerBuilder.DOCKER:
        raise UserInputError(
            f"builder = {config.builder.value} is not supported: the engine builds images itself. Remove it, or build "
            "the image beforehand and name it with default_image"
        )
    contexts, flags = read_build_args(arguments)
    if len(contexts) != 1:
        raise UserInputError(
            f"Build arguments must name one context directory, and name {contexts or 'none'}: for example "
            "-b --file=Dockerfile -b ."
        )
    return Path(contexts[0]), [flag if value is None else f"{flag}={_at(flag, value)}" for flag, value in flags]


def _at(flag: str, value: str) -> str:
    """A Dockerfile is named from where the command is given, not from the context."""
    path = Path(value)
    return str(path.absolute()) if flag in _FILE_FLAGS and value and path.exists() else value


def default_context(directory: Path) -> Path:
    """Writes into a directory what an image with everything that mngr needs is built from."""
    packages = " ".join(sorted(package.package for package in REQUIRED_HOST_PACKAGES))
    dockerfile = (
        f"FROM {_BASE}\n"
        f"RUN apt-get update && apt-get install -y --no-install-recommends {packages} && rm -rf /var/lib/apt/lists/*\n"
    )
    (directory / "Dockerfile").write_text(dockerfile)
    return directory
