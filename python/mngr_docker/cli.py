"""The commands `mngr docker …`."""

from pathlib import Path
from typing import Any

import click
from imbue.mngr.api.providers import get_provider_instance
from imbue.mngr.cli.address_params import HOST_ADDRESS
from imbue.mngr.cli.backend_hosts import resolve_host_on_backend
from imbue.mngr.cli.common_opts import add_common_options, setup_command_context
from imbue.mngr.cli.help_formatter import CommandHelpMetadata, add_pager_help_option
from imbue.mngr.cli.output_helpers import OperatorResultPart, emit_operator_result
from imbue.mngr.config.data_types import CommonCliOptions
from imbue.mngr.errors import UserInputError
from imbue.mngr.primitives import (
    DockerMemorySize,
    HostAddress,
    InvalidDockerMemorySizeError,
    ProviderBackendName,
)

from mngr_docker import _native
from mngr_docker.instance import DockerProviderInstance
from mngr_docker.plugin import backend_name


class ResizeOptions(CommonCliOptions):
    """What `resize` is told."""

    host: HostAddress
    cpus: float | None
    memory: str | None


@click.group(name=backend_name())
def docker_group() -> None:
    """Commands for hosts in Docker containers."""


@docker_group.command(name="resize")
@click.argument("host", type=HOST_ADDRESS)
@click.option("--cpus", type=float, default=None, help="CPUs that the host may use, whole or in part")
@click.option(
    "--memory", type=str, default=None, help="Memory that it may use, as Docker spells it (512m, 8g), without swap"
)
@add_common_options
@click.pass_context
def resize(ctx: click.Context, **kwargs: Any) -> None:
    """Changes what a host may use, running or stopped."""
    mngr_ctx, output, options = setup_command_context(
        ctx=ctx, command_name=f"{backend_name()}_resize", command_class=ResizeOptions
    )
    if options.cpus is None and options.memory is None:
        raise click.UsageError("Nothing to change: give --cpus, --memory or both")
    try:
        memory = DockerMemorySize(options.memory).size_bytes if options.memory is not None else None
    except InvalidDockerMemorySizeError as error:
        raise UserInputError(f"--memory must be a size such as 512m or 8g, got {options.memory!r}") from error
    ref = resolve_host_on_backend(options.host, mngr_ctx, ProviderBackendName(backend_name()))
    provider = get_provider_instance(ref.provider_name, mngr_ctx)
    if not isinstance(provider, DockerProviderInstance):
        raise UserInputError(
            f"Host {ref.host_name} is of the provider {ref.provider_name}, which is none of mngr-docker's"
        )
    resources = provider.resize_host(ref.host_id, cpus=options.cpus, memory_bytes=memory)
    emit_operator_result(
        "docker_host_resized",
        (
            OperatorResultPart.shown(
                f"Host {ref.host_name} has {resources.cpu.count} CPU(s) and {resources.memory_gb:g} GB",
                host_id=str(ref.host_id),
                host_name=str(ref.host_name),
                provider=str(ref.provider_name),
                cpu_count=resources.cpu.count,
                memory_gb=resources.memory_gb,
            ),
        ),
        output.output_format,
    )


@docker_group.command(name="trust")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask")
@click.option("--revoke", is_flag=True, help="Trust it no longer")
def trust(file: Path, yes: bool, revoke: bool) -> None:
    """Lets all that a project's settings file says of hosts in Docker containers take effect."""
    try:
        if revoke:
            was_trusted = _native.revoke_trust(file)
            click.echo(f"{file} is trusted no longer" if was_trusted else f"{file} was not trusted")
            return
        read = _native.read_settings_file(file)
        if not read["settings"]:
            click.echo(f"Nothing in {file} needs trust")
            return
        if not read["trusted"]:
            click.echo(f"{read['path']} says, beside what does no harm:")
            for setting in read["settings"]:
                click.echo(f"  {setting['field']} = {setting['value']} ({setting['reason']})")
            if not yes:
                click.confirm("Trust it?", abort=True)
            _native.trust_file(Path(read["path"]), read["sha256"])
        click.echo(f"{read['path']} is trusted as it is now")
    except _native.ProviderError as error:
        raise UserInputError(str(error)) from error


CommandHelpMetadata(
    key=f"{backend_name()}.resize",
    one_line_description="Change the CPUs and the memory of a host",
    synopsis=f"mngr {backend_name()} resize HOST [--cpus N] [--memory SIZE]",
    arguments_description="- `HOST`: name or id of the host, or `HOST.PROVIDER`",
    description="The engine changes the host's container at once, whether it runs or not, and keeps the change over "
    "stops and starts. Swap is capped at the memory, so that a host at its limit ends rather than swaps. What is not "
    "given stays as it is; what the engine's machine does not have is refused, and nothing is changed.",
    examples=(("Set both", f"mngr {backend_name()} resize my-host --cpus 4 --memory 8g"),),
    see_also=(("list", "List agents; host.resource is what each host may use"),),
).register()

CommandHelpMetadata(
    key=f"{backend_name()}.trust",
    one_line_description="Let all that a project's settings file says take effect",
    synopsis=f"mngr {backend_name()} trust FILE [--yes] [--revoke]",
    arguments_description="- `FILE`: the settings.toml or settings.local.toml of a project's directory",
    description="A project may be somebody else's repository. So of what its settings files say of hosts in Docker "
    "containers, that which could do harm (run code, write a file, pick a key or a machine, widen rights) is refused "
    "until the file is trusted. It is trusted as it is now: once it has changed it is refused again. `mngr-docker "
    "trust` remembers the same.",
    examples=(("Look at it and decide", f"mngr {backend_name()} trust .mngr/settings.toml"),),
    see_also=(("config", "Where mngr's settings are, and what they say"),),
).register()

add_pager_help_option(resize)
add_pager_help_option(trust)
