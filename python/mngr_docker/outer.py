"""The engine's machine as a host of mngr: this one, or one behind ssh."""

from urllib.parse import urlsplit

from imbue.mngr.config.data_types import MngrContext
from imbue.mngr.hosts.outer_host import (
    OuterHost,
    create_local_pyinfra_host,
    create_ssh_pyinfra_host_using_user_config,
)
from imbue.mngr.interfaces.data_types import PyinfraConnector
from imbue.mngr.primitives import HostId, ProviderInstanceName


def outer_host_id(provider: ProviderInstanceName, endpoint: str) -> str | None:
    """The same for all hosts on one machine; `None` where there is no way to it."""
    url = urlsplit(endpoint)
    match url.scheme:
        case "unix":
            return f"outer:{provider}:local"
        case "ssh":
            return f"outer:{provider}:ssh:{url.username or 'default'}@{url.hostname}:{url.port or 22}"
        case _:
            return None


def open_outer_host(host_id: HostId, endpoint: str, ctx: MngrContext) -> OuterHost | None:
    """A connection to the machine; `None` where there is no way to it."""
    url = urlsplit(endpoint)
    if url.scheme == "unix":
        machine = create_local_pyinfra_host()
    elif url.scheme == "ssh" and url.hostname:
        machine = create_ssh_pyinfra_host_using_user_config(hostname=url.hostname, port=url.port, user=url.username)
    else:
        return None
    return OuterHost(id=host_id, connector=PyinfraConnector(machine), mngr_ctx=ctx)
