"""The record that mngr's own Docker provider keeps of a host it made, so that either provider can go on with the host.

It keeps a file for each host on a volume that is mounted in the host too, unless the host was made with
`isolate_host_volumes`. The file is read and written through the host's container, which works while that is stopped.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imbue.mngr.interfaces.data_types import CertifiedHostData
from imbue.mngr.primitives import HostId
from loguru import logger

from mngr_docker._native import Provider, ProviderError

_RECORDS = "/mngr-state/host_state"
# The type of an agent that the other provider made.
_TYPE = "host"


def read(provider: Provider, agent: dict[str, Any], host_id: HostId) -> tuple[CertifiedHostData, Path | None] | None:
    """What is certified of a host and where its data is; `None` where that provider has no record that can be read."""
    record = _record(provider, agent, host_id)
    if record is None:
        return None
    directory = (record.get("config") or {}).get("host_dir")
    return CertifiedHostData.model_validate(record["certified_host_data"]), Path(directory) if directory else None


def update(provider: Provider, agent: dict[str, Any], host_id: HostId, **certified: Any) -> None:
    """Changes fields of what is certified in that provider's record, where there is one."""
    record = _record(provider, agent, host_id)
    if record is None:
        return
    now = datetime.now(UTC).isoformat()
    record["certified_host_data"] = {**record["certified_host_data"], "updated_at": now, **certified}
    try:
        provider.write_file(agent["id"], _path(host_id), json.dumps(record, indent=2).encode())
    except ProviderError as error:
        logger.warning("The record of {} that mngr's own provider keeps is out of date ({})", host_id, error.kind)


def forget_agents(provider: Provider, agent: dict[str, Any], host_id: HostId) -> None:
    """Removes what that provider keeps of the host's agents. Only a command can, and only in a host that runs."""
    if agent["type"] != _TYPE or agent["state"] != "running":
        return
    try:
        provider.exec(agent["id"], ["rm", "-rf", f"{_RECORDS}/{host_id}"], user="root", workdir="/")
    except ProviderError as error:
        logger.warning("What mngr's own provider keeps of the agents of {} is left ({})", host_id, error.kind)


def update_snapshots(provider: Provider, agent: dict[str, Any], host_id: HostId) -> None:
    """Lists the host's snapshots in that provider's record, by the ids that it knows them by."""
    if agent["type"] != _TYPE:
        return
    snapshots = [
        {"id": each["image_id"], "name": each["name"] or each["id"], "created_at": each["created_at"]}
        for each in provider.snapshot_list(agent=agent["id"])
    ]
    update(provider, agent, host_id, snapshots=snapshots)


def _record(provider: Provider, agent: dict[str, Any], host_id: HostId) -> dict[str, Any] | None:
    if agent["type"] != _TYPE:
        return None
    try:
        record = json.loads(provider.read_file(agent["id"], _path(host_id)))
    except (ProviderError, ValueError):
        return None
    return record if isinstance(record, dict) and "certified_host_data" in record else None


def _path(host_id: HostId) -> str:
    return f"{_RECORDS}/{host_id}.json"
