"""One provider of mngr: hosts in containers of one engine.

Translation and nothing else: what mngr asks in its words is asked of the plugin in the plugin's, and what comes back is given in
mngr's. A host of mngr is an agent of the plugin, with the same digits in its id.
"""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, override

from imbue.concurrency_group.concurrency_group import ConcurrencyGroup
from imbue.mngr.errors import (
    HostCreationError,
    HostNameConflictError,
    HostNotFoundError,
    MngrError,
    ProviderUnavailableError,
    SnapshotNotFoundError,
)
from imbue.mngr.hosts.host import Host
from imbue.mngr.hosts.offline_host import (
    OfflineHost,
    make_readable_offline_host,
    validate_and_create_discovered_agent,
)
from imbue.mngr.interfaces.agent import AgentInterface
from imbue.mngr.interfaces.cleanup_failures import collecting_cleanup_failures
from imbue.mngr.interfaces.data_types import (
    AgentDetails,
    CertifiedHostData,
    CleanupFailure,
    CleanupFailureCategory,
    CpuResources,
    GpuResources,
    HostDetails,
    HostLifecycleOptions,
    HostResources,
    ProviderResourceInfo,
    PyinfraConnector,
    SnapshotInfo,
    VolumeInfo,
)
from imbue.mngr.interfaces.host import HostInterface, OnlineHostInterface, OuterHostInterface
from imbue.mngr.interfaces.provider_instance import build_agent_details_from_offline_ref
from imbue.mngr.interfaces.volume import HostVolume
from imbue.mngr.primitives import (
    ActivitySource,
    AgentId,
    CreatePhase,
    DiscoveredAgent,
    DiscoveredHost,
    HostId,
    HostName,
    HostState,
    ImageReference,
    ProgressStepId,
    SnapshotId,
    SnapshotName,
    SSHInfo,
    VolumeId,
)
from imbue.mngr.providers.base_provider import BaseProviderInstance
from imbue.mngr.providers.host_key_store import has_host_key_store, remove_host_key_record
from imbue.mngr.providers.ssh_host_setup import resolve_host_log_dir
from imbue.mngr.providers.ssh_utils import per_host_key_dir
from imbue.mngr.utils.ssh import build_ssh_connect_command
from imbue.mngr.utils.thread_cleanup import mngr_executor
from loguru import logger
from pydantic import Field, PrivateAttr
from pyinfra.api import Host as PyinfraHost

from mngr_docker import listing
from mngr_docker._native import Provider
from mngr_docker._native import ProviderError as NativeError
from mngr_docker.access import ENTRYPOINT, Access, Endpoint, shutdown_script
from mngr_docker.build import default_context, split_build_args
from mngr_docker.config import DEFAULT_HOST_DIR, DockerProviderConfig
from mngr_docker.errors import OUT_OF_REACH, misconfigured, of_mngr, translated
from mngr_docker.outer import open_outer_host, outer_host_id
from mngr_docker.records import HostRecord, Kept, Records, agent_of, host_of
from mngr_docker.volume import ContainerVolume

# How many hosts are read at once.
_AT_ONCE = 16
# Seconds for which what was listed is shown without being read again, in one command.
_FRESH = 5.0
# How a process ends that was told to.
_ENDED = (0, 143)


@dataclass
class _Survey:
    """What one look at the engine has found."""

    at: float
    agents: dict[HostId, dict[str, Any]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    listings: dict[HostId, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[HostId, list[SnapshotInfo]] | None = None

    def is_fresh(self) -> bool:
        return time.monotonic() - self.at < _FRESH


class DockerProviderInstance(BaseProviderInstance):
    """Hosts in containers of one Docker engine."""

    config: DockerProviderConfig = Field(frozen=True, description="The provider's settings")
    _survey: _Survey | None = PrivateAttr(default=None)

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

    @cached_property
    def _provider(self) -> Provider:
        settings = self.config.settings(self.mngr_ctx.config.prefix)
        try:
            provider = Provider(str(self.name), settings, plugin=self.config.chosen_plugin())
        except NativeError as error:
            raise misconfigured(self.name, error) from error
        for warning in provider.warnings:
            logger.warning("providers.{}.{}: {}; {}", self.name, warning["key"], warning["reason"], warning["remedy"])
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

    # Life.

    @override
    def create_host(
        self,
        name: HostName,
        image: ImageReference | None = None,
        tags: Mapping[str, str] | None = None,
        build_args: Sequence[str] | None = None,
        start_args: Sequence[str] | None = None,
        lifecycle: HostLifecycleOptions | None = None,
        known_hosts: Sequence[str] | None = None,
        authorized_keys: Sequence[str] | None = None,
        snapshot: SnapshotName | None = None,
    ) -> Host:
        logger.info("Creating host {} in {} ...", name, self.name)
        if self.config.volume_mount_path is not None:
            raise HostCreationError(
                self.name,
                f"providers.{self.name}.volume_mount_path is not supported: a host's data is in its container and in its "
                "snapshots. Remove it, or mount a volume with default_start_args",
            )
        self._survey = None
        with self._failure_kept(name, tags):
            agent = self._make(name, image, tags or {}, build_args or (), start_args or (), snapshot)
        host_id = host_of(agent["id"])
        # Ctrl-C too: what was made and is not to be used goes.
        try:
            with self._failure_kept(name, tags), translated(self.name):
                self._access.make_keys(host_id)
                record = self._new_record(host_id, name, tags, lifecycle)
                return self._bring_in(
                    agent,
                    record,
                    known_hosts=known_hosts or (),
                    authorized_keys=authorized_keys or (),
                    forget=snapshot is not None,
                )
        except BaseException:
            self._provider.destroy(agent["id"])
            self._records.forget(host_id)
            raise

    def _make(
        self,
        name: HostName,
        image: ImageReference | None,
        tags: Mapping[str, str],
        build_args: Sequence[str],
        start_args: Sequence[str],
        snapshot: SnapshotName | None,
    ) -> dict[str, Any]:
        source: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as scratch, self._progress("docker.create", "Making the container") as told:
            if snapshot is not None:
                source = {"snapshot": str(snapshot)}
            elif build_args:
                context, arguments = split_build_args(build_args, self.config)
                source = {"build": context, "build_args": arguments}
            elif image is not None:
                source = {"image": str(image)}
            elif self.config.default_image is None:
                source = {"build": default_context(Path(scratch))}
            try:
                return self._provider.create(
                    str(name),
                    **source,
                    tags=dict(tags),
                    start_args=[*start_args, "--entrypoint=sh"],
                    command=ENTRYPOINT,
                    publish_ssh=True,
                    on_progress=told,
                )
            except NativeError as error:
                if error.kind == "already_exists":
                    raise HostNameConflictError(self.name, name, remediation=error.remedy) from error
                raise of_mngr(self.name, error) from error

    @contextmanager
    def _progress(self, step: str, title: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        with self.mngr_ctx.progress_reporter.step(ProgressStepId(step), title, CreatePhase.CREATING_HOST.step_id):
            yield lambda progress: logger.debug("{} {}", progress["step"], progress["subject"])

    @contextmanager
    def _failure_kept(self, name: HostName, tags: Mapping[str, str] | None) -> Iterator[None]:
        """Keeps the record of a host that could not be made, with the reason."""
        try:
            yield
        except (HostNameConflictError, ProviderUnavailableError):
            raise
        except (MngrError, OSError) as error:
            record = self._new_record(HostId.generate(), name, tags, None)
            self._records.write(record.with_certified(failure_reason=str(error)))
            raise

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

    def _bring_in(
        self,
        agent: dict[str, Any],
        record: HostRecord,
        known_hosts: Sequence[str] = (),
        authorized_keys: Sequence[str] = (),
        *,
        forget: bool = False,
    ) -> Host:
        """Sets a running container up as a host of mngr."""
        host_id, agent_id, host_dir = record.host_id, agent["id"], record.host_dir
        self._access.set_up(
            agent_id, host_id, host_dir, known_hosts=known_hosts, authorized_keys=authorized_keys, forget=forget
        )
        endpoint = self._access.endpoint(agent)
        if endpoint is None:
            raise MngrError(
                f"Host {record.certified.host_name} does not publish the port of its sshd: destroy it and create it with mngr"
            )
        with self._progress("docker.wait_ssh", "Waiting for the host's SSH"):
            self._access.await_sshd(endpoint)
        certified = record.certified.model_copy(update={"stop_reason": None, "image": agent["image"]})
        self._records.write(HostRecord(certified, host_dir))
        host = self._online(host_id, HostName(certified.host_name), host_dir, endpoint)
        host.record_activity(ActivitySource.BOOT)
        host.set_certified_data(certified)
        log_dir = resolve_host_log_dir(str(host_dir), self.config.host_log_dir)
        host.write_text_file(host_dir / "commands" / "shutdown.sh", shutdown_script(log_dir), mode="755")
        self._access.watch_activity(agent_id, host_dir, self.config.host_log_dir)
        self._evict_cached_host(host_id, replacement=host)
        self._survey = None
        return host

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

    @override
    def stop_host(
        self, host: HostInterface | HostId, create_snapshot: bool = True, timeout_seconds: float = 60.0
    ) -> None:
        host_id = _id_of(host)
        if isinstance(host, Host):
            host.disconnect()
        self._evict_cached_host(host_id)
        with translated(self.name):
            agent = self._agent(host_id)
            if agent is not None:
                self._adopt(agent)
                if create_snapshot and agent["state"] == "running":
                    try:
                        self._provider.snapshot_create(agent["id"])
                    except NativeError as error:
                        logger.warning("Stopping {} without a snapshot: {}", agent["name"], error)
                self._provider.stop(agent["id"], timeout_seconds=max(0, int(timeout_seconds)))
            self._changed(host_id, stop_reason=HostState.STOPPED.value)

    @override
    def start_host(self, host: HostInterface | HostId, snapshot_id: SnapshotId | None = None) -> Host:
        host_id = _id_of(host)
        with translated(self.name):
            agent = self._agent(host_id)
            record = self._records.read(host_id).hosts.get(host_id)
            if record is None and agent is not None:
                record = self._adopt(agent)
            if record is not None and record.certified.failure_reason is not None and agent is None:
                raise MngrError(
                    f"Host {record.certified.host_name} could not be created and can not be started: "
                    f"{record.certified.failure_reason}"
                )
            if agent is None and snapshot_id is None:
                snapshot_id = next((snapshot.id for snapshot in self._snapshots(host_id)), None)
                if snapshot_id is None:
                    raise HostNotFoundError(self.name, host_id)
            if agent is not None and agent["state"] == "running" and snapshot_id is None and record is not None:
                endpoint = self._access.endpoint(agent)
                if endpoint is not None:
                    return self._cached(self._online(host_id, HostName(agent["name"]), record.host_dir, endpoint))
            started = self._provider.start(agent_of(host_id), snapshot=str(snapshot_id) if snapshot_id else None)
            return self._bring_in(started, record or self._adopt(started))

    @override
    def destroy_host(self, host: HostInterface | HostId) -> None:
        host_id = _id_of(host)
        self._evict_cached_host(host_id)
        with self._cleaned_up(host_id):
            agent = self._agent(host_id)
            if agent is not None:
                self._adopt(agent)
            self._provider.destroy(agent_of(host_id))
            self._changed(host_id, stop_reason=HostState.DESTROYED.value)

    @override
    def delete_host(self, host: HostInterface) -> None:
        with self._cleaned_up(host.id):
            self._provider.destroy(agent_of(host.id))
            for snapshot in self._snapshots(host.id):
                self._provider.snapshot_delete(str(snapshot.id))
            self._records.forget(host.id)
        if has_host_key_store(self._access.known_hosts):
            remove_host_key_record(self._access.known_hosts, host.id)
        shutil.rmtree(per_host_key_dir(self._access.keys_dir, host.id), ignore_errors=True)
        self._evict_cached_host(host.id)
        self._survey = None

    @contextmanager
    def _cleaned_up(self, host_id: HostId) -> Iterator[None]:
        """Tells what could not be removed as mngr wants it told."""
        with collecting_cleanup_failures() as failures:
            try:
                yield
            except NativeError as error:
                failure = CleanupFailure(
                    category=CleanupFailureCategory.HOST_RESOURCE_REMAINS, message=str(error), host_id=host_id
                )
                failures.append(failure)

    @override
    def on_connection_error(self, host_id: HostId) -> None:
        self._evict_cached_host(host_id)
        self._survey = None

    @override
    def rename_host(self, host: HostInterface | HostId, name: HostName) -> HostInterface:
        host_id = _id_of(host)
        try:
            agent = self._agent(host_id)
            if agent is not None:
                self._adopt(agent)
                self._provider.rename(agent["id"], str(name))
        except NativeError as error:
            if error.kind == "already_exists":
                raise HostNameConflictError(self.name, name, remediation=error.remedy) from error
            raise of_mngr(self.name, error) from error
        self._evict_cached_host(host_id)
        renamed = self.get_host(host_id)
        certified = renamed.get_certified_data().model_copy(update={"host_name": str(name)})
        renamed.set_certified_data(certified)
        return renamed

    # Finding.

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

    def _look(self) -> _Survey:
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
        survey = _Survey(time.monotonic(), agents, Kept(ours, kept.agents))
        self._survey = survey
        return survey

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
    def discover_hosts(self, cg: ConcurrencyGroup, include_destroyed: bool = False) -> list[DiscoveredHost]:
        return self._discovered(self._look(), include_destroyed)

    def _discovered(self, survey: _Survey, include_destroyed: bool) -> list[DiscoveredHost]:
        found = []
        for host_id in dict.fromkeys([*survey.agents, *survey.kept.hosts]):
            agent, record = survey.agents.get(host_id), survey.kept.hosts.get(host_id)
            state = self._state(agent, record)
            if state == HostState.DESTROYED and not include_destroyed:
                continue
            name = agent["name"] if agent is not None else record.certified.host_name if record else str(host_id)
            found.append(
                DiscoveredHost(
                    host_id=host_id, host_name=HostName(name), provider_name=self.name, host_state=state
                )
            )
        return found

    @override
    def discover_hosts_and_agents(
        self, cg: ConcurrencyGroup, include_destroyed: bool = False
    ) -> dict[DiscoveredHost, list[DiscoveredAgent]]:
        survey = self._look()
        hosts = self._discovered(survey, include_destroyed)
        running = [host for host in hosts if host.host_state == HostState.RUNNING]
        read: dict[HostId, Future[dict[str, Any] | None]] = {}
        with mngr_executor(parent_cg=cg, name=f"list_{self.name}", max_workers=_AT_ONCE) as executor:
            for host in running:
                read[host.host_id] = executor.submit(self._list, survey, host.host_id)
        for host_id, future in read.items():
            found = future.result()
            if found is not None:
                survey.listings[host_id] = found
        return {host: self._agents_of(survey, host.host_id) for host in hosts}

    def _list(self, survey: _Survey, host_id: HostId, timeout: float | None = None) -> dict[str, Any] | None:
        """What a running host says of itself, with what is kept of its agents brought in line with it."""
        record, agent = survey.kept.hosts.get(host_id), survey.agents[host_id]
        try:
            record = record or self._adopt(agent)
            found = listing.collect(self._provider, self.mngr_ctx, agent["id"], record.host_dir, timeout)
            if found is not None and not found.get("is_lock_held"):
                self._heal(host_id, found, survey.kept.agents.get(host_id, {}))
            return found
        except NativeError as error:
            logger.debug("Host {} is listed by what is kept of it: {}", agent["name"], error)
            return None

    def _heal(self, host_id: HostId, found: dict[str, Any], kept: Mapping[str, dict[str, Any]]) -> None:
        """Keeps agents that were made inside the host, and forgets those that are gone from it.

        What is kept was read before the host was asked whether it is locked, and that before its agents were listed; an agent that
        is being made holds the lock, so that one that is kept and not listed is gone.
        """
        live = {data["id"]: data for each in found.get("agents", ()) if _is_agent(data := each.get("data"))}
        for agent_id in live.keys() - kept.keys():
            self._records.keep_agent(host_id, live[agent_id])
        for agent_id in kept.keys() - live.keys():
            self._records.forget_agent(host_id, agent_id)

    def _agents_of(self, survey: _Survey, host_id: HostId) -> list[DiscoveredAgent]:
        found = survey.listings.get(host_id)
        if found is not None:
            all_data = [each.get("data") for each in found.get("agents", ())]
        else:
            all_data = list(survey.kept.agents.get(host_id, {}).values())
        agents = (validate_and_create_discovered_agent(data, host_id, self.name) for data in all_data if _is_agent(data))
        return [agent for agent in agents if agent is not None]

    @override
    def read_host_agents_for_bounded_discovery(
        self, host_ref: DiscoveredHost, timeout_seconds: float
    ) -> tuple[list[DiscoveredAgent], SSHInfo | None]:
        survey = self._survey if self._survey is not None and self._survey.is_fresh() else self._look()
        host_id, agent = host_ref.host_id, survey.agents.get(host_ref.host_id)
        if agent is None or agent["state"] != "running":
            return self._agents_of(survey, host_id), None
        found = self._list(survey, host_id, timeout_seconds)
        if found is not None:
            survey.listings[host_id] = found
        return self._agents_of(survey, host_id), self._ssh_info(host_id, agent)

    @override
    def get_host_and_agent_details(
        self,
        host_ref: DiscoveredHost,
        agent_refs: Sequence[DiscoveredAgent],
        field_generators: Mapping[str, Mapping[str, Callable[[AgentInterface, OnlineHostInterface], Any]]]
        | None = None,
        offline_field_generators: Mapping[str, Mapping[str, Callable[[DiscoveredAgent, HostDetails], Any]]]
        | None = None,
        on_error: Callable[[DiscoveredAgent | DiscoveredHost, BaseException], None] | None = None,
    ) -> tuple[HostDetails, list[AgentDetails]]:
        survey = self._survey
        if survey is None or not survey.is_fresh():
            survey = self._look()
        host_id, agent = host_ref.host_id, survey.agents.get(host_ref.host_id)
        is_running = agent is not None and agent["state"] == "running"
        # Fields of other plugins are made of live objects, which only a connection gives.
        if agent is None or not is_running or field_generators:
            return super().get_host_and_agent_details(
                host_ref, agent_refs, field_generators, offline_field_generators, on_error
            )
        found = survey.listings.pop(host_id, None) or self._list(survey, host_id)
        if found is None:
            return super().get_host_and_agent_details(
                host_ref, agent_refs, field_generators, offline_field_generators, on_error
            )
        record = survey.kept.hosts.get(host_id) or self._adopt(agent)
        certified = listing.certified_of(found, record.certified)
        host = listing.host_details(
            host_ref,
            found,
            certified,
            image=agent["image"],
            resource=self._resources(host_id),
            ssh=self._ssh_info(host_id, agent),
            snapshots=self._snapshots(host_id),
        )
        agents = []
        for ref in agent_refs:
            details = listing.agent_details(self.mngr_ctx, ref, found, certified, host)
            agents.append(
                details or build_agent_details_from_offline_ref(ref, host, offline_field_generators)
            )
        return host, agents

    def _ssh_info(self, host_id: HostId, agent: dict[str, Any]) -> SSHInfo | None:
        with translated(self.name):
            endpoint = self._access.endpoint(agent)
        if endpoint is None:
            return None
        host = self._online(host_id, HostName(agent["name"]), self.host_dir, endpoint)
        self._cached(host)
        connection = host.get_ssh_connection_info()
        if connection is None:
            return None
        user, hostname, port, key = connection
        known_hosts = host.get_ssh_known_hosts_path()
        command = build_ssh_connect_command(user, hostname, port, key, known_hosts)
        return SSHInfo(
            user=user, host=hostname, port=port, key_path=key, known_hosts_path=known_hosts, command=command
        )

    def _cached(self, host: Host) -> Host:
        self._evict_cached_host(host.id, replacement=host)
        return host

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
            logger.warning("The state of host {} can not be asked: {}", host_id, error)
            return None
        return HostState.UNKNOWN if agent is not None and agent["state"] == "running" else None

    def _adopt(self, agent: dict[str, Any]) -> HostRecord:
        """The record of a host that has none here: what it says itself, or what its container does."""
        host_id = host_of(agent["id"])
        kept = self._records.read(host_id).hosts.get(host_id)
        if kept is not None:
            return kept
        record = self._new_record(host_id, HostName(agent["name"]), agent["tags"], None)
        for directory in dict.fromkeys((self.host_dir, DEFAULT_HOST_DIR)):
            try:
                data = self._provider.read_file(agent["id"], str(directory / "data.json"))
                record = HostRecord(CertifiedHostData.model_validate_json(data), directory)
                break
            except (NativeError, ValueError):
                continue
        self._records.write(record, only_new=True)
        return record

    # Resources, snapshots, volumes, tags.

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
        gpus = sum(len(request["device_ids"]) or max(request["count"] or 0, 0) for request in limits["gpus"])
        return HostResources(
            cpu=CpuResources(count=max(1, math.ceil(limits["cpus"] or cpus))),
            memory_gb=(limits["memory_bytes"] or memory) / 2**30,
            disk_gb=limits["storage_bytes"] / 2**30 if limits["storage_bytes"] else None,
            gpu=GpuResources(count=gpus) if gpus else None,
        )

    def resize_host(self, host_id: HostId, *, cpus: float | None, memory_bytes: int | None) -> HostResources:
        """Changes what a host may use, running or stopped. What is `None` stays as it is."""
        limits: dict[str, Any] = {} if cpus is None else {"cpus": cpus}
        if memory_bytes is not None:
            limits |= {"memory_bytes": memory_bytes, "memory_swap_bytes": memory_bytes}
        with translated(self.name):
            updated = self._provider.update_limits(agent_of(host_id), **limits)
        for warning in updated["warnings"]:
            logger.warning(warning)
        return self._resources(host_id)

    @override
    def create_snapshot(self, host: HostInterface | HostId, name: SnapshotName | None = None) -> SnapshotId:
        with translated(self.name):
            snapshot = self._provider.snapshot_create(agent_of(_id_of(host)), name=str(name or ""))
        self._survey = None
        for finding in snapshot["findings"]:
            if finding["severity"] == "warn":
                logger.warning("Not in the snapshot: {} {}", finding["path"] or finding["kind"], finding["reason"])
        return SnapshotId(snapshot["id"])

    @override
    def list_snapshots(self, host: HostInterface | HostId) -> list[SnapshotInfo]:
        return self._snapshots(_id_of(host))

    def _snapshots(self, host_id: HostId) -> list[SnapshotInfo]:
        """A host's snapshots, newest first. All hosts' are asked for at once, and shown for as long as they are fresh."""
        survey = self._survey
        if survey is None or not survey.is_fresh():
            survey = _Survey(time.monotonic())
        if survey.snapshots is None:
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
            survey.snapshots = found
        return survey.snapshots.get(host_id, [])

    @override
    def delete_snapshot(self, host: HostInterface | HostId, snapshot_id: SnapshotId) -> None:
        try:
            self._provider.snapshot_delete(str(snapshot_id), agent=agent_of(_id_of(host)))
        except NativeError as error:
            if error.kind == "not_found":
                raise SnapshotNotFoundError(self.name, snapshot_id) from error
            raise of_mngr(self.name, error) from error
        self._survey = None

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
        host_id = _id_of(host)
        with translated(self.name):
            agent = self._agent(host_id)
            if agent is None:
                return None
            record = self._records.read(host_id).hosts.get(host_id)
        root = record.host_dir if record is not None else self.host_dir
        return HostVolume(volume=ContainerVolume(provider=self._provider, agent_id=agent["id"], root=str(root)))

    @override
    def get_volume_reference_for_host(self, host: HostInterface | HostId) -> HostVolume | None:
        host_id = _id_of(host)
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
        host_id = _id_of(host)
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
            self._changed(_id_of(host), user_tags=dict(tags))

    @override
    def add_tags_to_host(self, host: HostInterface | HostId, tags: Mapping[str, str]) -> None:
        self.set_host_tags(host, {**self.get_host_tags(host), **tags})

    @override
    def remove_tags_from_host(self, host: HostInterface | HostId, keys: Sequence[str]) -> None:
        self.set_host_tags(host, {key: value for key, value in self.get_host_tags(host).items() if key not in keys})

    # Ways in.

    @override
    def get_connector(self, host: HostInterface | HostId) -> PyinfraHost:
        host_id = _id_of(host)
        with translated(self.name):
            agent = self._agent(host_id)
            endpoint = self._access.endpoint(agent) if agent is not None else None
        if agent is None:
            raise HostNotFoundError(self.name, host_id)
        if endpoint is None:
            raise MngrError(f"Host {agent['name']} has no way in: it is {agent['state']}, and its SSH port is not published")
        return self._access.connector(host_id, endpoint)

    @override
    def get_ssh_host_public_keys(self, host_id: HostId) -> tuple[str | None, str | None]:
        return None, self._access.host_key(host_id)[1]

    @property
    def is_agent_data_persistence_supported(self) -> bool:
        return True

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


def _id_of(host: HostInterface | HostId) -> HostId:
    return host.id if isinstance(host, HostInterface) else host


def _is_agent(data: Any) -> bool:
    return isinstance(data, dict) and bool(data.get("id"))


def _volume_id(name: str) -> VolumeId:
    """An id that a volume of the engine always has, and no other."""
    from hashlib import sha256

    return VolumeId(f"vol-{sha256(name.encode()).hexdigest()[:32]}")
