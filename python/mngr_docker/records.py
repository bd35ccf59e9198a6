"""What mngr remembers of a host, kept on the engine beside the container.

Each host has one document `host`, and one for each of its agents. They are there while the host is stopped, once it is
destroyed, and for one that never came to be; the host itself can not get at them. A change is written only over the
revision that was read, so that of two that change a record at once none is lost.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imbue.mngr.interfaces.data_types import CertifiedHostData
from imbue.mngr.primitives import AgentId, HostId
from loguru import logger

from mngr_docker._native import Provider, ProviderError, clean

_HOST = "host"
_AGENT = "agent-"


def agent_of(host_id: HostId) -> str:
    """The id that the provider has for a host."""
    return f"agent-{host_id.get_uuid().hex}"


def host_of(agent_id: str) -> HostId:
    """The id that mngr has for an agent of the provider."""
    return HostId(f"host-{agent_id.removeprefix('agent-')}")


@dataclass(frozen=True)
class HostRecord:
    """What mngr certifies of a host, and where its data is inside."""

    certified: CertifiedHostData
    host_dir: Path
    revision: int = 0

    @property
    def host_id(self) -> HostId:
        return HostId(self.certified.host_id)

    def with_certified(self, **changes: Any) -> "HostRecord":
        """The record with these fields of the certified data changed."""
        return replace(self, certified=self.certified.model_copy(update=changes))


@dataclass(frozen=True)
class Kept:
    """Every record and what is kept of each host's agents."""

    hosts: Mapping[HostId, HostRecord] = field(default_factory=dict)
    agents: Mapping[HostId, Mapping[str, dict[str, Any]]] = field(default_factory=dict)


class Records:
    """The documents of one provider, as records of mngr."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def read(self, host_id: HostId | None = None) -> Kept:
        """All that is kept of one host, or of all, by one call of the engine."""
        agent_id = agent_of(host_id) if host_id is not None else None
        hosts: dict[HostId, HostRecord] = {}
        agents: dict[HostId, dict[str, dict[str, Any]]] = {}
        for document in self._provider.documents(agent_id=agent_id):
            owner, key = host_of(document["agent_id"]), document["key"]
            try:
                if key == _HOST:
                    hosts[owner] = _decode(document["body"], document["revision"])
                elif key.startswith(_AGENT):
                    agents.setdefault(owner, {})[key] = json.loads(document["body"])
            except ValueError as error:
                logger.warning("The record {} of host {} can not be read ({})", clean(key), owner, type(error).__name__)
        return Kept(hosts, agents)

    def write(self, record: HostRecord, *, only_new: bool = False) -> None:
        """Keeps a record, whatever is there; with `only_new` only where there is none."""
        body = _encode(record)
        try:
            self._provider.document_write(agent_of(record.host_id), _HOST, body, revision=0 if only_new else None)
        except ProviderError as error:
            if not (only_new and error.kind == "conflict"):
                raise

    def change(self, host_id: HostId, change: Callable[[HostRecord], HostRecord]) -> HostRecord | None:
        """Changes the record that is there; `None` where there is none."""
        while True:
            record = self.read(host_id).hosts.get(host_id)
            if record is None:
                return None
            changed = change(record)
            try:
                self._provider.document_write(agent_of(host_id), _HOST, _encode(changed), revision=record.revision)
                return changed
            except ProviderError as error:
                if error.kind != "conflict":
                    raise

    def keep_agent(self, host_id: HostId, data: Mapping[str, object]) -> None:
        """Keeps what mngr knows of one agent of a host."""
        key = _agent_key(str(data["id"]))
        self._provider.document_write(agent_of(host_id), key, json.dumps(dict(data), separators=(",", ":")))

    def forget_agent(self, host_id: HostId, agent_id: AgentId | str) -> None:
        """Forgets one agent of a host."""
        self._provider.document_write(agent_of(host_id), _agent_key(str(agent_id)), None)

    def forget(self, host_id: HostId) -> None:
        """Forgets a host and its agents; the host last, so that what a crash leaves is found again."""
        documents = self._provider.documents(agent_id=agent_of(host_id))
        for document in sorted(documents, key=lambda document: document["key"] == _HOST):
            self._provider.document_write(document["agent_id"], document["key"], None)


def _agent_key(agent_id: str) -> str:
    return f"{_AGENT}{agent_id.removeprefix(_AGENT)}"


def _encode(record: HostRecord) -> str:
    certified = record.certified.model_dump(by_alias=True, mode="json")
    return json.dumps({"certified_host_data": certified, "host_dir": str(record.host_dir)}, separators=(",", ":"))


def _decode(body: str, revision: int) -> HostRecord:
    values = json.loads(body)
    certified = CertifiedHostData.model_validate(values["certified_host_data"])
    return HostRecord(certified, Path(values["host_dir"]), revision)
