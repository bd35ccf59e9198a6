"""The way into a host: sshd in its container, its keys, and the endpoint that mngr connects to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imbue.mngr.errors import HostCreationError, MngrError
from imbue.mngr.primitives import HostId, ProviderInstanceName, SSHInfo
from imbue.mngr.providers.host_key_store import format_as_known_hosts_address
from imbue.mngr.providers.ssh_host_setup import (
    REQUIRED_HOST_PACKAGES,
    build_add_authorized_keys_command,
    build_add_known_hosts_command,
    build_check_and_install_packages_command,
    build_configure_ssh_command,
    build_self_healing_host_entrypoint_command,
    build_start_activity_watcher_command,
    build_start_sshd_command,
    parse_warnings_from_output,
    resolve_host_log_dir,
)
from imbue.mngr.providers.ssh_utils import (
    add_host_to_known_hosts,
    create_pyinfra_host,
    load_or_create_per_host_client_keypair,
    load_or_create_per_host_host_keypair,
    resolve_per_host_client_keypair,
    resolve_per_host_host_keypair,
    wait_for_sshd,
)
from imbue.mngr.utils.ssh import build_ssh_connect_command
from loguru import logger
from pyinfra.api import Host as PyinfraHost

from mngr_docker._native import Provider, clean

# The names by which mngr's own Docker provider keeps keys, so that its hosts are opened with theirs.
_CLIENT_KEY = "docker_ssh_key"
_HOST_KEY = "host_key"
_KNOWN_HOSTS = "known_hosts"
_SSHD = 22
_USER = "root"
# Most seconds that sshd may take to answer, and packages to be installed.
_SSHD_ANSWERS = 60.0
_INSTALLED = 900.0
# What makes a snapshot of one host a host of its own: the state of the old one is not the new one's.
_FORGET = "rm -rf {0}/agents {0}/activity {0}/data.json {0}/host_lock {0}/host_lock.generation {0}/events"

# PID 1 of a host: it starts sshd once mngr has set it up, and ends when it is told to.
ENTRYPOINT = ("-c", build_self_healing_host_entrypoint_command())


@dataclass(frozen=True)
class Endpoint:
    """Where sshd of a host answers."""

    host: str
    port: int


class Access:
    """The keys of one provider's hosts, and how each is reached."""

    def __init__(self, provider: Provider, name: ProviderInstanceName, keys: Path) -> None:
        self._provider = provider
        self._name = name
        self._keys = keys

    @property
    def keys_dir(self) -> Path:
        return self._keys

    @property
    def known_hosts(self) -> Path:
        """The file that mngr's connections check host keys against."""
        return self._keys / _KNOWN_HOSTS

    def make_keys(self, host_id: HostId) -> None:
        """Gives a new host its own pair of each kind."""
        load_or_create_per_host_client_keypair(self._keys, host_id, _CLIENT_KEY, _KNOWN_HOSTS)
        load_or_create_per_host_host_keypair(self._keys, host_id, _HOST_KEY)

    def client_key(self, host_id: HostId) -> tuple[Path, str]:
        """The private key that opens a host, and its public half."""
        return resolve_per_host_client_keypair(self._keys, host_id, _CLIENT_KEY, _KNOWN_HOSTS)

    def host_key(self, host_id: HostId) -> tuple[Path, str]:
        """The private key of a host's sshd, and its public half."""
        return resolve_per_host_host_keypair(self._keys, host_id, _HOST_KEY)

    def endpoint(self, agent: dict[str, Any]) -> Endpoint | None:
        """Where sshd of a running host answers; `None` where its port is not published."""
        ports = (port for port in agent["ports"] if port["container_port"] == _SSHD and port["protocol"] == "tcp")
        # A port that is published on all addresses is listed for IPv4 and for IPv6.
        published = sorted((port for port in ports if port["host_port"]), key=lambda port: ":" in port["host_ip"])
        if not published:
            return None
        host, _ = self._provider.reached_at(published[0]["host_ip"])
        return Endpoint(host, published[0]["host_port"])

    def connector(self, host_id: HostId, endpoint: Endpoint) -> PyinfraHost:
        """What mngr runs commands in the host through."""
        self._pin(host_id, endpoint)
        private_key, _ = self.client_key(host_id)
        return create_pyinfra_host(endpoint.host, endpoint.port, private_key, self.known_hosts, _USER)

    def ssh_info(self, host_id: HostId, endpoint: Endpoint) -> SSHInfo:
        """How ssh gets in."""
        self._pin(host_id, endpoint)
        private_key, _ = self.client_key(host_id)
        host, port, known_hosts = endpoint.host, endpoint.port, self.known_hosts
        return SSHInfo(
            user=_USER,
            host=host,
            port=port,
            key_path=private_key,
            known_hosts_path=known_hosts,
            command=build_ssh_connect_command(_USER, host, port, private_key, known_hosts),
        )

    def _pin(self, host_id: HostId, endpoint: Endpoint) -> None:
        """Ties the endpoint to the host's own key, where it is not."""
        _, public_key = self.host_key(host_id)
        address = format_as_known_hosts_address(endpoint.host, endpoint.port)
        line = " ".join([address, *public_key.split()[:2]])
        if self.known_hosts.exists() and line in self.known_hosts.read_text().splitlines():
            return
        add_host_to_known_hosts(self.known_hosts, endpoint.host, endpoint.port, public_key, host_id=host_id)

    def set_up(
        self,
        agent_id: str,
        host_id: HostId,
        host_dir: Path,
        *,
        known_hosts: Sequence[str] = (),
        authorized_keys: Sequence[str] = (),
        forget: bool = False,
    ) -> None:
        """Puts keys and packages into a running host, and starts sshd. What is there already stays as it is."""
        _, client_public_key = self.client_key(host_id)
        host_private_key, host_public_key = self.host_key(host_id)
        prepare = build_check_and_install_packages_command(str(host_dir))
        if forget:
            prepare = f"{_FORGET.format(host_dir)}; {prepare}"
        configure = [
            build_configure_ssh_command(
                user=_USER,
                client_public_key=client_public_key,
                host_private_key=host_private_key.read_text(),
                host_public_key=host_public_key,
            ),
            build_add_known_hosts_command(_USER, tuple(known_hosts)),
            build_add_authorized_keys_command(_USER, tuple(authorized_keys)),
        ]
        self._prepare(agent_id, prepare)
        self._run(agent_id, " && ".join(command for command in configure if command), "set up sshd")
        self._provider.exec(agent_id, ["sh", "-c", build_start_sshd_command()], user=_USER, workdir="/", detach=True)

    def _prepare(self, agent_id: str, script: str) -> None:
        result = self._provider.exec(agent_id, ["sh", "-c", script], user=_USER, workdir="/", timeout=_INSTALLED)
        output = (result.stdout + result.stderr).decode(errors="replace")
        missing = parse_warnings_from_output(output)
        for warning in missing:
            logger.warning(clean(warning))
        if result.exit_code != 0:
            names = [
                package.package for package in REQUIRED_HOST_PACKAGES if any(package.package in m for m in missing)
            ]
            tail = clean("\n".join(output.strip().splitlines()[-3:]), lines=True)
            raise HostCreationError(
                self._name,
                f"The image lacks {', '.join(names) or 'packages'} and they could not be installed in it: use an image "
                f"that has them, or one with apt-get and a way to its package sources. It said: {tail}",
            )

    def _run(self, agent_id: str, script: str, what: str) -> None:
        result = self._provider.exec(agent_id, ["sh", "-c", script], user=_USER, workdir="/", timeout=_SSHD_ANSWERS)
        if result.exit_code != 0:
            output = clean((result.stdout + result.stderr).decode(errors="replace").strip(), lines=True)
            raise MngrError(f"Could not {what} in {agent_id} (exit code {result.exit_code}): {output}")

    def await_sshd(self, endpoint: Endpoint) -> None:
        """Waits until sshd answers."""
        wait_for_sshd(endpoint.host, endpoint.port, _SSHD_ANSWERS)

    def watch_activity(self, agent_id: str, host_dir: Path, log_dir: Path | None) -> None:
        """Starts what stops the host when it has been idle long enough."""
        logs = resolve_host_log_dir(str(host_dir), log_dir)
        self._run(agent_id, build_start_activity_watcher_command(str(host_dir), logs), "start the activity watcher")


def shutdown_script(log_dir: str) -> str:
    """What the activity watcher runs in a host that is idle: it ends PID 1, and with it the container."""
    return (
        "#!/bin/bash\n"
        "# Stops this host by ending its first process.\n"
        f'mkdir -p "{log_dir}"\n'
        f'echo "$(date "+%Y-%m-%d %H:%M:%S") stopping: ${{1:-PAUSED}}" >> "{log_dir}/shutdown.log"\n'
        "kill -TERM 1\n"
    )
