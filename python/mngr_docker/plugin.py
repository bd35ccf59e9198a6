"""What mngr loads of this package: the provider's backend and the commands `mngr docker …`.

mngr imports this for every command, so that nothing here loads the extension module or the provider.
"""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import click
import pluggy
from imbue.mngr.cli.help_formatter import CommandHelpMetadata, add_pager_help_option
from imbue.mngr.errors import MngrError
from imbue.mngr.interfaces.provider_backend import LazyProviderBackend, ProviderBackendInterface
from imbue.mngr.primitives import ProviderBackendName
from imbue.mngr.utils.click_utils import LazyProviderCliGroup

from mngr_docker.config import DockerProviderConfig

hookimpl = pluggy.HookimplMarker("mngr")

# The name under which mngr's configurations know the backend; this variable gives it another.
NAME_VARIABLE = "MNGR_DOCKER_BACKEND"
DEFAULT_NAME = "docker"
# The distribution whose backend bears the same name.
RIVAL = "imbue-mngr-docker"

BUILD_ARGS_HELP = "Arguments of `docker build`: a context directory and, for example, --file, --build-arg, --target."
START_ARGS_HELP = "Flags of `docker run`, for example --memory, --cpus, --volume, --gpus, --network, --env."


def backend_name() -> str:
    """What the backend is called here."""
    return os.environ.get(NAME_VARIABLE) or DEFAULT_NAME


def rival_version() -> str | None:
    """The version of the other provider of that name, where it is installed."""
    try:
        return version(RIVAL)
    except PackageNotFoundError:
        return None


def _load_backend() -> type[ProviderBackendInterface]:
    rival = rival_version()
    if rival is not None and backend_name() == DEFAULT_NAME:
        raise MngrError(
            f"Two packages offer the backend `{DEFAULT_NAME}`: {RIVAL} {rival} and mngr-docker. Uninstall one of them "
            f"(pip uninstall {RIVAL}), or set {NAME_VARIABLE}=NAME and write backend = NAME for the providers that are "
            "to be of mngr-docker"
        )
    from mngr_docker.backend import DockerProviderBackend

    return DockerProviderBackend


# Last, because mngr keeps the last of two backends that have one name, and only this one says that there are two.
@hookimpl(trylast=True)
def register_provider_backend() -> LazyProviderBackend:
    """The backend, whose class is imported when a provider of it is first used."""
    return LazyProviderBackend(
        name=ProviderBackendName(backend_name()),
        config_class=DockerProviderConfig,
        load=_load_backend,
        build_args_help=BUILD_ARGS_HELP,
        start_args_help=START_ARGS_HELP,
    )


def _load_commands() -> click.Group:
    from mngr_docker.cli import docker_group

    return docker_group


_HELP = CommandHelpMetadata(
    key=backend_name(),
    one_line_description="Commands for hosts in Docker containers",
    synopsis=f"mngr {backend_name()} (resize HOST | trust FILE) [OPTIONS]",
    description="What only hosts in containers of a Docker engine have. All else is done by the commands for any host.",
    examples=(
        ("Give a host 4 CPUs and 8 GiB", f"mngr {backend_name()} resize my-host --cpus 4 --memory 8g"),
        ("Let a project's settings take effect", f"mngr {backend_name()} trust .mngr/settings.toml"),
    ),
    see_also=(("create", "Create an agent, and a host for it"), ("list", "List agents and their hosts")),
)
_HELP.register()


@hookimpl
def register_cli_commands() -> Sequence[click.Command]:
    """The group `mngr docker`, whose commands are imported when one is used."""
    group = LazyProviderCliGroup(name=backend_name(), load=_load_commands, help=_HELP.one_line_description)
    return [add_pager_help_option(group)]
