"""Everything that mngr asks of a provider is there."""

import inspect

from imbue.mngr.interfaces.provider_backend import ProviderBackendInterface
from imbue.mngr.interfaces.provider_instance import ProviderInstanceInterface

from mngr_docker.backend import DockerProviderBackend
from mngr_docker.instance import DockerProviderInstance

# What has a meaning for other kinds of provider only, and is answered as mngr answers it for any.
_NOT_FOR_CONTAINERS = {
    "get_host_name",
    "get_outer_ssh_port",
    "get_container_loopback_ssh_port",
    "discover_host_and_agents",
    "discover_hosts_and_agents_within_timeouts",
    "supports_incremental_host_discovery",
    "read_host_for_incremental_discovery",
    "heal_persisted_agent_data",
    "get_max_destroyed_host_persisted_seconds",
    "get_min_online_host_age_seconds",
    "bootstrap_for_host_creation",
}


def _asked_of(interface: type) -> set[str]:
    return {
        name
        for name, _ in inspect.getmembers(interface)
        if name in vars(interface) and not name.startswith(("_", "model_"))
    }


def _made_here(kind: type) -> set[str]:
    own = [base for base in kind.__mro__ if base.__module__.startswith("mngr_docker.")]
    return {name for base in own for name in vars(base)}


def test_every_method_of_a_provider_is_answered_here_or_by_mngr_for_a_reason() -> None:
    asked = _asked_of(ProviderInstanceInterface)
    assert asked - _made_here(DockerProviderInstance) == _NOT_FOR_CONTAINERS & asked
    assert not inspect.isabstract(DockerProviderInstance)


def test_every_method_of_a_backend_is_answered() -> None:
    asked = _asked_of(ProviderBackendInterface)
    assert asked - _made_here(DockerProviderBackend) == _NOT_FOR_CONTAINERS & asked
    assert not inspect.isabstract(DockerProviderBackend)
