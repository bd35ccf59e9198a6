"""One provider of mngr: hosts in containers of one engine.

Translation and nothing else: what mngr asks in its words is asked of the plugin in the plugin's, and what comes back is
given in mngr's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import override

from imbue.mngr.errors import (
    HostNotFoundError,
    MngrError,
)
from imbue.mngr.interfaces.host import HostInterface, OuterHostInterface
from imbue.mngr.primitives import (
    HostId,
)
from pyinfra.api import Host as PyinfraHost

from mngr_docker.discovery import Discovery
from mngr_docker.errors import translated
from mngr_docker.hosts import id_of
from mngr_docker.life import Life
from mngr_docker.outer import open_outer_host, outer_host_id


class DockerProviderInstance(Life, Discovery):
    """Hosts in containers of one Docker engine."""

    @property
    def supports_snapshots(self) -> bool:
        return True

    @property
    def supports_shutdown_hosts(self) -> bool:
        return True

    @property
    def supports_volumes(self) -> bool:
        return True

    @property
    def supports_mutable_tags(self) -> bool:
        return True

    @property
    def is_agent_data_persistence_supported(self) -> bool:
        return True

    @override
    def get_connector(self, host: HostInterface | HostId) -> PyinfraHost:
        host_id = id_of(host)
        with translated(self.name):
            agent = self._agent(host_id)
            endpoint = self._access.endpoint(agent) if agent is not None else None
        if agent is None:
            raise HostNotFoundError(self.name, host_id)
        if endpoint is None:
            raise MngrError(
                f"Host {agent['name']} has no way in: it is {agent['state']}, and its SSH port is not published"
            )
        return self._access.connector(host_id, endpoint)

    @override
    def get_ssh_host_public_keys(self, host_id: HostId) -> tuple[str | None, str | None]:
        return None, self._access.host_key(host_id)[1]

    @override
    def outer_host_id_for(self, host_id: HostId) -> str | None:
        self._known(host_id)
        return outer_host_id(self.name, self._provider.endpoint)

    @contextmanager
    @override
    def outer_host_for(self, host_id: HostId) -> Iterator[OuterHostInterface | None]:
        self._known(host_id)
        outer = open_outer_host(host_id, self._provider.endpoint, self.mngr_ctx)
        try:
            yield outer
        finally:
            if outer is not None:
                outer.disconnect()

    def _known(self, host_id: HostId) -> None:
        with translated(self.name):
            if self._agent(host_id) is None and host_id not in self._records.read(host_id).hosts:
                raise HostNotFoundError(self.name, host_id)
