"""What hosts have: resources, snapshots, volumes, tags, and what is kept of their agents."""

import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, override

from imbue.mngr.errors import (
    HostNotFoundError,
    SnapshotNotFoundError,
)
from imbue.mngr.hosts.offline_host import (
    OfflineHost,
)
from imbue.mngr.interfaces.data_types import (
    CpuResources,
    GpuResources,
    HostResources,
    ProviderResourceInfo,
    SnapshotInfo,
    VolumeInfo,
)
from imbue.mngr.interfaces.host import HostInterface
from imbue.mngr.interfaces.volume import HostVolume
from imbue.mngr.primitives import (
    AgentId,
    HostId,
    SnapshotId,
    SnapshotName,
    VolumeId,
)
from loguru import logger

from mngr_docker import peer
from mngr_docker._native import ProviderError as NativeError
from mngr_docker._native import clean
from mngr_docker.errors import of_mngr, translated
from mngr_docker.hosts import HostsOfEngine, Survey, id_of
from mngr_docker.records import agent_of, host_of
from mngr_docker.volume import ContainerVolume


class Belongings(HostsOfEngine):
    """What hosts of one provider have."""

    @override
    def get_host_resources(self, host: HostInterface) -> HostResources:
        return self._resources(host.id)

    @cached_property
    def _machine(self) -> tuple[int, int]:
        return self._provider.machine()

    def _resources(self, host_id: HostId) -> HostResources:
        """What the engine lets a host use; what it does not limit is the machine's."""
        with translated(self.name):
            try:
                limits = self._provider.resources(agent_of(host_id))
            except NativeError as error:
                if error.kind != "not_found":
                    raise
                limits = {"cpus": None, "memory_bytes": None, "gpus": [], "storage_bytes": None}
            cpus, memory = self._machine
        return HostResources(
            cpu=CpuResources(count=max(1, math.ceil(limits["cpus"] or cpus))),
            memory_gb=(limits["memory_bytes"] or memory) / 2**30,
            disk_gb=limits["storage_bytes"] / 2**30 if limits["storage_bytes"] else None,
            gpu=self._gpus(host_id) if limits["gpus"] else None,
        )

    def _gpus(self, host_id: HostId) -> GpuResources | None:
        """The devices that a host holds; model and memory where they are all alike."""
        with translated(self.name):
            devices = [gpu for gpu in self._provider.gpus()["gpus"] if agent_of(host_id) in gpu["agents"]]
        models = {device["model"] for device in devices}
        memory = {device["memory_bytes"] for device in devices}
        each = memory.pop() if len(memory) == 1 else None
        return GpuResources(
            count=len(devices),
            model=models.pop() if len(models) == 1 else None,
            memory_gb=each / 2**30 if each is not None else None,
        )

    def resize_host(self, host_id: HostId, *, cpus: float | None, memory_bytes: int | None) -> HostResources:
        """Changes what a host may use, running or stopped. What is `None` stays as it is."""
        limits: dict[str, Any] = {} if cpus is None else {"cpus": cpus}
        if memory_bytes is not None:
            limits |= {"memory_bytes": memory_bytes, "memory_swap_bytes": memory_bytes}
        with translated(self.name):
            updated = self._provider.update_limits(agent_of(host_id), **limits)
        for warning in updated["warnings"]:
            logger.warning(clean(warning))
        return self._resources(host_id)

    @override
    def create_snapshot(self, host: HostInterface | HostId, name: SnapshotName | None = None) -> SnapshotId:
        with translated(self.name):
            snapshot = self._provider.snapshot_create(agent_of(id_of(host)), name=str(name or ""))
            self._tell_peer(id_of(host))
        self._survey = None
        for finding in snapshot["findings"]:
            if finding["severity"] == "warn":
                what = finding["path"] or finding["kind"]
                logger.warning("Not in the snapshot: {} {}", clean(what), clean(finding["reason"]))
        return SnapshotId(snapshot["id"])

    @override
    def list_snapshots(self, host: HostInterface | HostId) -> list[SnapshotInfo]:
        return self._snapshots(id_of(host))

    def _snapshots(self, host_id: HostId) -> list[SnapshotInfo]:
        """A host's snapshots, newest first. All are asked for at once, and shown while they are fresh."""
        survey = self._survey
        if survey is None or not survey.is_fresh():
            survey = Survey(time.monotonic())
        with survey.lock:
            if survey.snapshots is None:
                survey.snapshots = self._all_snapshots()
        return survey.snapshots.get(host_id, [])

    def _all_snapshots(self) -> dict[HostId, list[SnapshotInfo]]:
        with translated(self.name):
            listed = self._provider.snapshot_list()
        found: dict[HostId, list[SnapshotInfo]] = {}
        for snapshot in listed:
            of_host = found.setdefault(host_of(snapshot["agent_id"]), [])
            of_host.append(
                SnapshotInfo(
                    id=SnapshotId(snapshot["id"]),
                    name=SnapshotName(snapshot["name"] or snapshot["id"]),
                    created_at=datetime.fromisoformat(snapshot["created_at"]),
                    size_bytes=snapshot["size_bytes"],
                    recency_idx=len(of_host),
                )
            )
        return found

    @override
    def delete_snapshot(self, host: HostInterface | HostId, snapshot_id: SnapshotId) -> None:
        try:
            self._provider.snapshot_delete(str(snapshot_id), agent=agent_of(id_of(host)))
        except NativeError as error:
            if error.kind == "not_found":
                raise SnapshotNotFoundError(self.name, snapshot_id) from error
            raise of_mngr(self.name, error) from error
        self._survey = None
        with translated(self.name):
            self._tell_peer(id_of(host))

    def _tell_peer(self, host_id: HostId) -> None:
        """Keeps the other provider's record of a host's snapshots up to date, where it is that one's host."""
        agent = self._agent(host_id)
        if agent is not None:
            peer.update_snapshots(self._provider, agent, host_id)

    @override
    def list_volumes(self) -> list[VolumeInfo]:
        with translated(self.name):
            volumes = self._provider.volumes()
        return [
            VolumeInfo(
                volume_id=_volume_id(volume["name"]),
                name=volume["name"],
                size_bytes=volume["size_bytes"] or 0,
                created_at=datetime.fromisoformat(volume["created_at"]) if volume["created_at"] else None,
                host_id=host_of(volume["agent_id"]) if volume["agent_id"] else None,
            )
            for volume in volumes
        ]

    @override
    def delete_volume(self, volume_id: VolumeId) -> None:
        with translated(self.name):
            for volume in self._provider.volumes():
                if _volume_id(volume["name"]) == volume_id:
                    self._provider.volume_delete(volume["name"])

    @override
    def get_volume_for_host(self, host: HostInterface | HostId) -> HostVolume | None:
        host_id = id_of(host)
        with translated(self.name):
            agent = self._agent(host_id)
            if agent is None:
                return None
            record = self._records.read(host_id).hosts.get(host_id)
        root = record.host_dir if record is not None else self.host_dir
        return HostVolume(volume=ContainerVolume(provider=self._provider, agent_id=agent["id"], root=str(root)))

    @override
    def get_volume_reference_for_host(self, host: HostInterface | HostId) -> HostVolume | None:
        host_id = id_of(host)
        root = host.host_dir if isinstance(host, OfflineHost) else self.host_dir
        return HostVolume(volume=ContainerVolume(provider=self._provider, agent_id=agent_of(host_id), root=str(root)))

    @override
    def gc_provider_resources(self, dry_run: bool) -> list[ProviderResourceInfo]:
        with translated(self.name):
            actions = self._provider.gc(dry_run=dry_run)
        removed = (action["subject"].partition(" ") for action in actions if action["verb"] == "remove")
        return [ProviderResourceInfo(provider_name=self.name, kind=kind, name=name) for kind, _, name in removed]

    @override
    def get_host_tags(self, host: HostInterface | HostId) -> dict[str, str]:
        host_id = id_of(host)
        survey = self._survey
        if survey is not None and survey.is_fresh() and host_id in survey.kept.hosts:
            return dict(survey.kept.hosts[host_id].certified.user_tags)
        with translated(self.name):
            record = self._records.read(host_id).hosts.get(host_id)
            agent = self._agent(host_id) if record is None else None
        if record is None and agent is None:
            raise HostNotFoundError(self.name, host_id)
        return dict(record.certified.user_tags if record is not None else agent["tags"] if agent else {})

    @override
    def set_host_tags(self, host: HostInterface | HostId, tags: Mapping[str, str]) -> None:
        with translated(self.name):
            self._changed(id_of(host), user_tags=dict(tags))

    @override
    def add_tags_to_host(self, host: HostInterface | HostId, tags: Mapping[str, str]) -> None:
        self.set_host_tags(host, {**self.get_host_tags(host), **tags})

    @override
    def remove_tags_from_host(self, host: HostInterface | HostId, keys: Sequence[str]) -> None:
        self.set_host_tags(host, {key: value for key, value in self.get_host_tags(host).items() if key not in keys})

    @override
    def list_persisted_agent_data_for_host(self, host_id: HostId) -> list[dict[str, Any]]:
        with translated(self.name):
            return list(self._records.read(host_id).agents.get(host_id, {}).values())

    @override
    def persist_agent_data(self, host_id: HostId, agent_data: Mapping[str, object]) -> None:
        if not agent_data.get("id"):
            logger.warning("An agent of host {} without an id is not kept", host_id)
            return
        with translated(self.name):
            self._records.keep_agent(host_id, agent_data)

    @override
    def remove_persisted_agent_data(self, host_id: HostId, agent_id: AgentId) -> None:
        with translated(self.name):
            self._records.forget_agent(host_id, agent_id)


def _volume_id(name: str) -> VolumeId:
    """An id that a volume of the engine always has, and no other."""
    from hashlib import sha256

    return VolumeId(f"vol-{sha256(name.encode()).hexdigest()[:32]}")
