"""The life of a host: made, stopped, started, renamed, destroyed, forgotten."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, override

from imbue.mngr.errors import (
    HostCreationError,
    HostNameConflictError,
    HostNotFoundError,
    MngrError,
    ProviderUnavailableError,
)
from imbue.mngr.hosts.host import Host
from imbue.mngr.interfaces.cleanup_failures import collecting_cleanup_failures
from imbue.mngr.interfaces.data_types import (
    CleanupFailure,
    CleanupFailureCategory,
    HostLifecycleOptions,
)
from imbue.mngr.interfaces.host import HostInterface
from imbue.mngr.primitives import (
    ActivitySource,
    CreatePhase,
    HostId,
    HostName,
    HostState,
    ImageReference,
    ProgressStepId,
    SnapshotId,
    SnapshotName,
)
from imbue.mngr.providers.host_key_store import has_host_key_store, remove_host_key_record
from imbue.mngr.providers.ssh_host_setup import resolve_host_log_dir
from imbue.mngr.providers.ssh_utils import per_host_key_dir
from loguru import logger

from mngr_docker import peer
from mngr_docker._native import ProviderError as NativeError
from mngr_docker._native import clean
from mngr_docker.access import ENTRYPOINT, shutdown_script
from mngr_docker.belongings import Belongings
from mngr_docker.build import default_context, split_build_args
from mngr_docker.errors import of_mngr, translated
from mngr_docker.hosts import id_of
from mngr_docker.records import HostRecord, agent_of, host_of


class Life(Belongings):
    """What is done to hosts of one provider."""

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
                f"providers.{self.name}.volume_mount_path is not supported: a host's data is in its container and in "
                "its snapshots. Remove it, or mount a volume with default_start_args",
            )
        self._survey = None
        made: list[str] = []
        # Ctrl-C too, at any moment: what was made and is not to be used goes.
        try:
            with self._failure_kept(name, tags), translated(self.name):
                agent = self._make(name, image, tags or {}, build_args or (), start_args or (), snapshot, made)
                host_id = host_of(agent["id"])
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
            for agent_id in made:
                self._take_back(host_of(agent_id))
            raise

    def _take_back(self, host_id: HostId) -> None:
        """Removes a host that was made and is not to be used."""
        try:
            self._provider.destroy(agent_of(host_id))
            self._records.forget(host_id)
        except NativeError as error:
            logger.warning("What was made of host {} is left, and could not be removed ({})", host_id, error.kind)

    def _make(
        self,
        name: HostName,
        image: ImageReference | None,
        tags: Mapping[str, str],
        build_args: Sequence[str],
        start_args: Sequence[str],
        snapshot: SnapshotName | None,
        made: list[str],
    ) -> dict[str, Any]:
        """Makes the container. Its agent's id is in `made` from then on, of which a Ctrl-C takes nothing away."""
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
                    made=made,
                    on_progress=told,
                )
            except NativeError as error:
                if error.kind == "already_exists":
                    raise HostNameConflictError(self.name, name, remediation=error.remedy) from error
                raise of_mngr(self.name, error) from error

    @contextmanager
    def _progress(self, step: str, title: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        with self.mngr_ctx.progress_reporter.step(ProgressStepId(step), title, CreatePhase.CREATING_HOST.step_id):
            yield lambda progress: logger.debug("{} {}", clean(progress["step"]), clean(progress["subject"]))

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
                f"Host {record.certified.host_name} does not publish the port of its sshd: create it with mngr"
            )
        with self._progress("docker.wait_ssh", "Waiting for the host's SSH"):
            self._access.await_sshd(endpoint)
        certified = record.certified.model_copy(update={"stop_reason": None, "image": agent["image"]})
        self._records.write(HostRecord(certified, host_dir))
        peer.update(self._provider, agent, host_id, stop_reason=None)
        host = self._online(host_id, HostName(certified.host_name), host_dir, endpoint)
        host.record_activity(ActivitySource.BOOT)
        host.set_certified_data(certified)
        log_dir = resolve_host_log_dir(str(host_dir), self.config.host_log_dir)
        host.write_text_file(host_dir / "commands" / "shutdown.sh", shutdown_script(log_dir), mode="755")
        self._access.watch_activity(agent_id, host_dir, self.config.host_log_dir)
        self._evict_cached_host(host_id, replacement=host)
        self._survey = None
        return host

    @override
    def stop_host(
        self, host: HostInterface | HostId, create_snapshot: bool = True, timeout_seconds: float = 60.0
    ) -> None:
        host_id = id_of(host)
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
                        logger.warning("Stopping {} without a snapshot ({})", clean(agent["name"]), error.kind)
                self._provider.stop(agent["id"], timeout_seconds=max(0, int(timeout_seconds)))
                peer.update(self._provider, agent, host_id, stop_reason=HostState.STOPPED.value)
            self._changed(host_id, stop_reason=HostState.STOPPED.value)

    @override
    def start_host(self, host: HostInterface | HostId, snapshot_id: SnapshotId | None = None) -> Host:
        host_id = id_of(host)
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
        host_id = id_of(host)
        self._evict_cached_host(host_id)
        with self._cleaned_up(host_id):
            agent = self._agent(host_id)
            if agent is not None:
                self._adopt(agent)
                peer.update(self._provider, agent, host_id, stop_reason=HostState.DESTROYED.value)
                peer.forget_agents(self._provider, agent, host_id)
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
    def rename_host(self, host: HostInterface | HostId, name: HostName) -> HostInterface:
        host_id = id_of(host)
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
