"""The settings of one provider: a table `[providers.NAME]` of mngr's configuration.

What a value may be is checked twice: its type here, so that mngr can read its own keys, and all of it by the plugin,
whose words the user then sees.
"""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from imbue.mngr.config.data_types import ProviderInstanceConfig
from imbue.mngr.primitives import ActivitySource, DockerBuilder, IdleMode, ProviderBackendName
from pydantic import Field

# Directory of mngr's data in a host, where the settings name none.
DEFAULT_HOST_DIR = Path("/mngr")
# Keys that are mngr's alone, and not the provider's.
_MNGRS_OWN = {"backend", "plugin"}


class DockerProviderConfig(ProviderInstanceConfig):
    """Which engine, and how its hosts are made. Every key has a default."""

    backend: ProviderBackendName = Field(default=ProviderBackendName("docker"), description="Always this backend")
    plugin: str | None = Field(
        default=None,
        description="The plugin that decides: NAME@RANGE or NAME for an installed one, or a component's path. "
        "None takes the one that is built in",
    )
    allow_native: bool | None = Field(
        default=None, description="Whether the plugin may be a native library, which no sandbox holds"
    )
    plugin_limits: dict[str, Any] | None = Field(
        default=None, description="How much one call of the plugin may use: memory, handles, idle_seconds, ..."
    )
    host: str | None = Field(
        default=None,
        description="The engine: unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST. None takes the Docker CLI's choice",
    )
    docker_context: str | None = Field(default=None, description="Name of a Docker context, in place of host")
    identity_file: str | None = Field(default=None, description="Private key for an engine behind ssh")
    known_hosts_file: str | None = Field(default=None, description="Host keys for an engine behind ssh")
    ssh_config_file: str | None = Field(default=None, description="Configuration of ssh in place of ~/.ssh/config")
    ssh_options: dict[str, str] | None = Field(default=None, description="Options of ssh_config, by name")
    tls_directory: str | None = Field(default=None, description="Where ca.pem, cert.pem and key.pem are, for tcp")
    policy: str | None = Field(
        default=None,
        description="What the plugin may ask of the engine: strict, standard or open. "
        "None is standard for the plugin that is built in and strict for any other",
    )
    permissions: dict[str, Any] | None = Field(
        default=None, description="Single permissions, by name, that go before the policy's"
    )
    audit_log: str | bool | None = Field(
        default=None, description="File in which is written down what the plugin changes and is refused; false for none"
    )
    ledger: str | None = Field(
        default=None, description="File in which every acknowledgement is written down, for `mngr-docker check`"
    )
    engine_timeout_seconds: float | None = Field(default=None, description="Deadline of one call of the engine")
    docker_proxies: bool | None = Field(
        default=None, description="False keeps the proxies of the Docker CLI's config.json from hosts and builds"
    )
    default_image: str | None = Field(
        default=None, description="Image of a host that names none. None builds one with all that mngr needs"
    )
    default_agent_type: str | None = Field(default=None, description="Type of an agent that names none")
    default_start_args: list[str] | None = Field(default=None, description="Flags of `docker run` for every new host")
    default_cpus: float | None = Field(default=None, description="CPUs of a new host that names none")
    default_memory: str | None = Field(default=None, description="Memory of a new host that names none, without swap")
    docker_runtime: str | None = Field(default=None, description="Runtime of a new host that names none")
    gpu: dict[str, Any] | None = Field(
        default=None, description="GPUs of a new host that names none: count, memory-min, model, exclusive"
    )
    gpu_when_stopped: str | None = Field(
        default=None, description="Whether a stopped host keeps its GPUs: keep, release"
    )
    ssh_bind_address: IPv4Address | IPv6Address | None = Field(
        default=None, description="Address of the engine's machine on which a host's SSH port is published"
    )
    stop_timeout_seconds: int | None = Field(default=None, description="Seconds a host has to end before SIGKILL")
    snapshot_pause: bool | None = Field(default=None, description="Freeze a host while a snapshot of it is taken")
    snapshot_findings: dict[str, str] | None = Field(
        default=None, description="What a kind of finding does to a snapshot: warn, block or ignore"
    )
    secret_env: list[str] | None = Field(
        default=None, description="Environment variables that never leave the engine with a snapshot"
    )
    build_timeout_seconds: int | None = Field(default=None, description="Most seconds an image may take to be built")
    default_idle_timeout: int = Field(default=800, description="Seconds until a host is idle")
    default_idle_mode: IdleMode = Field(default=IdleMode.IO, description="What counts as idle")
    default_activity_sources: tuple[ActivitySource, ...] = Field(
        default=tuple(ActivitySource), description="What counts as activity"
    )
    host_dir: Path | None = Field(default=None, description="Directory of mngr's data in a host. None is /mngr")
    builder: DockerBuilder = Field(default=DockerBuilder.DOCKER, description="What builds images: only DOCKER does")
    is_host_volume_created: bool | None = Field(
        default=None, description="Of mngr's own provider; here a host's data is in its container, and in its snapshots"
    )
    isolate_host_volumes: bool | None = Field(
        default=None, description="Of mngr's own provider; here no host sees anything of another"
    )
    volume_mount_path: Path | None = Field(
        default=None, description="Of mngr's own provider; refused at create: mount a volume with default_start_args"
    )

    def settings(self, prefix: str) -> dict[str, Any]:
        """The table as the plugin checks it: what was given, and nothing that was not."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude=_MNGRS_OWN)
        table = {key: value for key, value in given.items() if value is not None and value != ""}
        # In a container's name the prefix stands beside the provider's name.
        table["container_prefix"] = prefix if prefix.endswith(("-", "_")) else f"{prefix}-"
        return table

    def data_dir(self) -> Path:
        """Directory of mngr's data in a new host."""
        return self.host_dir or DEFAULT_HOST_DIR
