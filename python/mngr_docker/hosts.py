"""Hosts: how they are found on the engine, and opened for mngr.

A host of mngr is an agent of the plugin, with the same digits in its id.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, override

from imbue.concurrency_group.concurrency_group import ConcurrencyGroup
from imbue.mngr.errors import (
    HostNotFoundError,
)
from imbue.mngr.hosts.host import Host
from imbue.mngr.hosts.offline_host import (
    OfflineHost,
    make_readable_offline_host,
)
from imbue.mngr.interfaces.data_types import (
    CertifiedHostData,
    HostLifecycleOptions,
    PyinfraConnector,
    SnapshotInfo,
)
from imbue.mngr.interfaces.host import HostInterface
from imbue.mngr.primitives import (
    DiscoveredHost,
    HostId,
    HostName,
    HostState,
)
from imbue.mngr.providers.base_provider import BaseProviderInstance
from loguru import logger
from pydantic import Field, PrivateAttr

from mngr_docker import peer
from mngr_docker._native import Provider, clean
from mngr_docker._native import ProviderError as NativeError
from mngr_docker.access import Access, Endpoint
from mngr_docker.config import DEFAULT_HOST_DIR, DockerProviderConfig
from mngr_docker.errors import misconfigured, translated
from mngr_docker.records import HostRecord, Kept, Records, agent_of, host_of
from mngr_docker.trust import files_of_project

# Seconds for which what was listed is shown without being read again, in one command.
_FRESH = 5.0
# How a process ends that was told to.
_ENDED = (0, 143)


@dataclass
class Survey:
    """What one look at the engine has found."""

    at: float
    agents: dict[HostId, dict[str, Any]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    listings: dict[HostId, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[HostId, list[SnapshotInfo]] | None = None
    lock: Lock = field(default_factory=Lock)

    def is_fresh(self) -> bool:
        return time.monotonic() - self.at < _FRESH


class HostsOfEngine(BaseProviderInstance):
    """The hosts of one provider, with what is kept of them."""

    config: DockerProviderConfig = Field(frozen=True, description="The provider's settings")

    _survey: Survey | None = PrivateAttr(default=None)

    @cached_property
    def _provider(self) -> Provider:
        settings = self.config.settings(self.mngr_ctx.config.prefix)
        # What an agent that has it could widen its rights with: mngr's own directory, and what the project's says.
        of_project = [file for file in files_of_project(self.mngr_ctx) if file.exists()]
        try:
            provider = Provider(
                str(self.name),
                settings,
                plugin=self.config.plugin,
                settings_files=[self.mngr_ctx.profile_dir, *of_project],
            )
        except NativeError as error:
            raise misconfigured(self.name, error) from error
        for warning in provider.warnings:
            text = f"{warning['key']}: {warning['reason']}; {warning['remedy']}"
            logger.warning("providers.{}.{}", self.name, clean(text))
        return provider

    @cached_property
    def _records(self) -> Records:
        return Records(self._provider)

    @cached_property
    def _access(self) -> Access:
        keys = self.mngr_ctx.profile_dir / "providers" / "docker" / str(self.name) / "keys"
        return Access(self._provider, self.name, keys)

    @override
    def reset_caches(self) -> None:
        self._survey = None

    @override
    def close(self) -> None:
        self.__dict__.pop("_records", None)
        self.__dict__.pop("_access", None)
        self.__dict__.pop("_provider", None)

    def _agent(self, host_id: HostId) -> dict[str, Any] | None:
        """The container of a host; `None` where there is none."""
        try:
            return self._provider.get(agent_of(host_id))
        except NativeError as error:
            if error.kind == "not_found":
                return None
            raise

    def _is_ours(self, agent: dict[str, Any]) -> bool:
        """Whether it is of this environment of mngr: its prefix is what container names begin with."""
        prefix = self.config.settings(self.mngr_ctx.config.prefix)["container_prefix"]
        container, name = agent["container_name"], agent["name"]
        return container in (f"{prefix}{self.name}.{name}", f"{prefix}{name}", f"{self.mngr_ctx.config.prefix}{name}")

    def _look(self) -> Survey:
        """Every host and record of this environment, by two calls of the engine however many there are."""
        with translated(self.name):
            agents = {host_of(agent["id"]): agent for agent in self._provider.discover() if self._is_ours(agent)}
            kept = self._records.read()
        prefix = self.mngr_ctx.config.prefix
        ours = {
            host_id: record
            for host_id, record in kept.hosts.items()
            if host_id in agents or record.certified.tmux_session_prefix in (None, prefix)
        }
        survey = Survey(time.monotonic(), agents, Kept(ours, kept.agents))
        self._survey = survey
        return survey

    @override
    def discover_hosts(self, cg: ConcurrencyGroup, include_destroyed: bool = False) -> list[DiscoveredHost]:
        return self._discovered(self._look(), include_destroyed)

    def _discovered(self, survey: Survey, include_destroyed: bool) -> list[DiscoveredHost]:
        found = []
        for host_id in dict.fromkeys([*survey.agents, *survey.kept.hosts]):
            agent, record = survey.agents.get(host_id), survey.kept.hosts.get(host_id)
            state = self._state(agent, record)
            if state == HostState.DESTROYED and not include_destroyed:
                continue
            name = agent["name"] if agent is not None else record.certified.host_name if record else str(host_id)
            found.append(
                DiscoveredHost(host_id=host_id, host_name=HostName(name), provider_name=self.name, host_state=state)
            )
        return found

    def _state(self, agent: dict[str, Any] | None, record: HostRecord | None) -> HostState:
        """The engine's word where there is a container, else what is kept."""
        reason = record.certified.stop_reason if record is not None else None
        if agent is None:
            if record is not None and record.certified.failure_reason is not None:
                return HostState.FAILED
            return HostState(reason) if reason == HostState.DESTROYED.value else HostState.CRASHED
        match agent["state"]:
            case "running":
                return HostState.RUNNING
            case "paused":
                return HostState.PAUSED
            case "starting":
                return HostState.STARTING
            case "stopping":
                return HostState.STOPPING
            case "stopped" if reason not in (None, HostState.DESTROYED.value):
                return HostState(reason)
            case "stopped" if agent["exit_code"] in _ENDED:
                return HostState.STOPPED
            case _:
                return HostState.CRASHED

    @override
    def get_host(self, host: HostId | HostName) -> HostInterface:
        with translated(self.name):
            if isinstance(host, HostName):
                return self._named(host)
            cached = self._host_by_id_cache.get(host)
            if isinstance(cached, Host):
                return cached
            agent = self._agent(host)
            record = self._records.read(host).hosts.get(host)
            return self._host(host, agent, record)

    def _named(self, name: HostName) -> HostInterface:
        survey = self._look()
        for host in self._discovered(survey, include_destroyed=True):
            if host.host_name == name:
                host_id = host.host_id
                return self._host(host_id, survey.agents.get(host_id), survey.kept.hosts.get(host_id))
        raise HostNotFoundError(self.name, name)

    def _host(self, host_id: HostId, agent: dict[str, Any] | None, record: HostRecord | None) -> HostInterface:
        if agent is None and record is None:
            raise HostNotFoundError(self.name, host_id)
        if agent is not None and agent["state"] == "running":
            record = record or self._adopt(agent)
            endpoint = self._access.endpoint(agent)
            if endpoint is not None:
                return self._cached(self._online(host_id, HostName(agent["name"]), record.host_dir, endpoint))
        return self._offline(host_id, agent, record)

    def _online(self, host_id: HostId, name: HostName, host_dir: Path, endpoint: Endpoint) -> Host:
        cached = self._host_by_id_cache.get(host_id)
        if isinstance(cached, Host) and cached.host_name == name:
            data = cached.connector.host.data
            if cached.connector.name == endpoint.host and data.get("ssh_port") == endpoint.port:
                return cached
        return Host(
            id=host_id,
            host_name=name,
            connector=PyinfraConnector(self._access.connector(host_id, endpoint)),
            provider_instance=self,
            mngr_ctx=self.mngr_ctx,
            host_dir_override=host_dir,
            on_updated_host_data=self._certified,
        )

    def _cached(self, host: Host) -> Host:
        self._evict_cached_host(host.id, replacement=host)
        return host

    def _offline(self, host_id: HostId, agent: dict[str, Any] | None, record: HostRecord | None) -> OfflineHost:
        if record is None and agent is not None:
            record = self._adopt(agent)
        if record is None:
            raise HostNotFoundError(self.name, host_id)
        state = self._state(agent, record)
        return make_readable_offline_host(
            OfflineHost(
                id=host_id,
                certified_host_data=record.certified,
                # It runs, and can not be entered.
                observed_state=HostState.UNKNOWN if state == HostState.RUNNING else state,
                provider_instance=self,
                mngr_ctx=self.mngr_ctx,
                host_dir_override=record.host_dir,
                on_updated_host_data=self._certified,
            )
        )

    @override
    def to_offline_host(self, host_id: HostId) -> OfflineHost:
        with translated(self.name):
            return self._offline(host_id, self._agent(host_id), self._records.read(host_id).hosts.get(host_id))

    @override
    def get_connection_error_fallback_state(self, host_id: HostId) -> HostState | None:
        try:
            agent = self._agent(host_id)
        except NativeError as error:
            logger.warning("The state of host {} can not be asked ({})", host_id, error.kind)
            return None
        return HostState.UNKNOWN if agent is not None and agent["state"] == "running" else None

    @override
    def on_connection_error(self, host_id: HostId) -> None:
        self._evict_cached_host(host_id)
        self._survey = None

    def _adopt(self, agent: dict[str, Any]) -> HostRecord:
        """The record of a host that has none here: what it says itself, or what its container does."""
        host_id = host_of(agent["id"])
        kept = self._records.read(host_id).hosts.get(host_id)
        if kept is not None:
            return kept
        record = self._new_record(host_id, HostName(agent["name"]), agent["tags"], None)
        if (theirs := peer.read(self._provider, agent, host_id)) is not None:
            certified, host_dir = theirs
            record = HostRecord(certified, host_dir or self.host_dir)
            self._records.write(record, only_new=True)
            return record
        for directory in dict.fromkeys((self.host_dir, DEFAULT_HOST_DIR)):
            try:
                data = self._provider.read_file(agent["id"], str(directory / "data.json"))
                record = HostRecord(CertifiedHostData.model_validate_json(data), directory)
                break
            except (NativeError, ValueError):
                continue
        self._records.write(record, only_new=True)
        return record

    def _new_record(
        self,
        host_id: HostId,
        name: HostName,
        tags: Mapping[str, str] | None,
        lifecycle: HostLifecycleOptions | None,
    ) -> HostRecord:
        activity = (lifecycle or HostLifecycleOptions()).to_activity_config(
            default_idle_timeout_seconds=self.config.default_idle_timeout,
            default_idle_mode=self.config.default_idle_mode,
            default_activity_sources=self.config.default_activity_sources,
        )
        now = datetime.now(UTC)
        certified = CertifiedHostData(
            idle_timeout_seconds=activity.idle_timeout_seconds,
            activity_sources=activity.activity_sources,
            host_id=str(host_id),
            host_name=str(name),
            user_tags=dict(tags or {}),
            tmux_session_prefix=self.mngr_ctx.config.prefix,
            created_at=now,
            updated_at=now,
        )
        return HostRecord(certified, self.host_dir)

    def _certified(self, host_id: HostId, certified: CertifiedHostData) -> None:
        """Keeps what a host has just certified."""
        self._survey = None
        with translated(self.name):
            changed = self._records.change(host_id, lambda record: HostRecord(certified, record.host_dir))
            if changed is None:
                self._records.write(HostRecord(certified, self.host_dir))

    def _changed(self, host_id: HostId, **changes: Any) -> None:
        """Changes fields of what is certified of a host."""
        self._survey = None
        now = datetime.now(UTC)
        self._records.change(host_id, lambda record: record.with_certified(updated_at=now, **changes))


def id_of(host: HostInterface | HostId) -> HostId:
    return host.id if isinstance(host, HostInterface) else host


def is_agent(data: Any) -> bool:
    return isinstance(data, dict) and bool(data.get("id"))
