"""The host-shim of mngr's Docker provider and the plugin inside it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, Self, TypedDict, Unpack, final

__version__: str

type _State = Literal[
    "building",
    "starting",
    "running",
    "stopping",
    "stopped",
    "paused",
    "crashed",
    "failed",
    "destroyed",
    "unknown",
]
type _OnProgress = Callable[[_Progress], object]

class _Progress(TypedDict):
    step: str
    subject: str
    done: int | None
    total: int | None

class _Agent(TypedDict):
    id: str
    name: str
    type: str
    state: _State
    state_reason: str | None
    status: str
    tags: dict[str, str]
    parent_id: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    exit_code: int | None
    image: str
    image_id: str
    container_id: str
    container_name: str
    provider: str
    snapshot_id: str | None
    gpus: list[str]
    ports: list[_Binding]

class _Document(TypedDict):
    agent_id: str
    key: str
    revision: int
    body: str
    written_at: str

class _Finding(TypedDict):
    kind: str
    path: str | None
    source: str | None
    read_only: bool
    size_bytes: int | None
    covered: bool
    severity: Literal["ignore", "warn", "block"]
    reason: str
    remedy: str

class _SnapshotVolume(TypedDict):
    path: str
    kind: str
    source: str | None
    size_bytes: int
    image: str

class _Snapshot(TypedDict):
    id: str
    agent_id: str
    agent_name: str
    name: str | None
    image: str
    image_id: str
    created_at: str
    size_bytes: int
    parent: str | None
    findings: list[_Finding]
    volumes: list[_SnapshotVolume]

class _SnapshotRequest(TypedDict):
    name: NotRequired[str]
    pause: NotRequired[bool | None]
    force: NotRequired[bool]
    include_volumes: NotRequired[bool]

class _Stopped(TypedDict):
    agent: _Agent
    snapshot: _Snapshot | None

class _Destroyed(TypedDict):
    agent_id: str | None
    deleted_snapshots: list[str]
    kept_snapshots: list[str]
    kept_volumes: list[str]

class _Pushed(TypedDict):
    snapshot: _Snapshot
    reference: str
    digest: str
    left_out_env: list[str]

class _Migrated(TypedDict):
    agent: _Agent
    original: _Agent
    original_destroyed: bool
    snapshot: _Snapshot
    registry_reference: str | None
    left_out_env: list[str]

class _Changes(TypedDict):
    added: list[str]
    modified: list[str]
    deleted: list[str]

class _Ulimit(TypedDict):
    name: str
    soft: int
    hard: int

class _Rate(TypedDict):
    path: str
    rate: int

class _DeviceRequest(TypedDict):
    driver: str
    count: int | None
    device_ids: list[str]
    capabilities: list[list[str]]
    options: dict[str, str]

class _LimitsChange(TypedDict, total=False):
    cpus: float | None
    cpuset_cpus: str | None
    cpuset_mems: str | None
    cpu_shares: int | None
    memory_bytes: int | None
    memory_reservation_bytes: int | None
    memory_swap_bytes: int | None
    shm_bytes: int | None
    pids: int | None
    ulimits: list[_Ulimit]
    blkio_weight: int | None
    blkio_read_bps: list[_Rate]
    blkio_write_bps: list[_Rate]
    blkio_read_iops: list[_Rate]
    blkio_write_iops: list[_Rate]
    storage_bytes: int | None
    gpus: list[_DeviceRequest]

class _Limits(TypedDict):
    cpus: float | None
    cpuset_cpus: str | None
    cpuset_mems: str | None
    cpu_shares: int | None
    memory_bytes: int | None
    memory_reservation_bytes: int | None
    memory_swap_bytes: int | None
    shm_bytes: int | None
    pids: int | None
    ulimits: list[_Ulimit]
    blkio_weight: int | None
    blkio_read_bps: list[_Rate]
    blkio_write_bps: list[_Rate]
    blkio_read_iops: list[_Rate]
    blkio_write_iops: list[_Rate]
    storage_bytes: int | None
    gpus: list[_DeviceRequest]

class _UpdatedLimits(TypedDict):
    limits: _Limits
    warnings: list[str]

class _Stats(TypedDict):
    read_at: str
    cpu_total: int
    system_cpu_total: int
    online_cpus: int
    memory_bytes: int
    memory_limit_bytes: int
    network_received_bytes: int
    network_sent_bytes: int
    block_read_bytes: int
    block_written_bytes: int
    pids: int

class _Binding(TypedDict):
    container_port: int
    protocol: str
    host_ip: str
    host_port: int | None

class _Port(TypedDict):
    container_id: str
    address: str | None
    published: _Binding | None

class _Connection(TypedDict):
    user: str
    host: str
    port: int
    proxy_jump: str | None
    known_hosts: list[str]

class _AgentVolume(TypedDict):
    name: str
    agent_id: str | None
    driver: str
    size_bytes: int | None
    created_at: str | None

class _DeviceNode(TypedDict):
    path: str
    group: int

class _DeviceHolder(TypedDict):
    pid: int
    name: str
    memory_bytes: int | None
    container_id: str | None

class _Gpu(TypedDict):
    vendor: str
    index: int
    uuid: str | None
    pci_bus_id: str | None
    model: str | None
    memory_bytes: int | None
    memory_used_bytes: int | None
    utilization_percent: int | None
    temperature_celsius: int | None
    driver_version: str | None
    cuda_version: str | None
    mig_parent: str | None
    mig_profile: str | None
    cdi_name: str | None
    nodes: list[_DeviceNode]
    hand_outs: list[Literal["device_request", "cdi", "runtime", "nodes"]]
    unusable_reason: str | None
    holders: list[_DeviceHolder]
    sources: list[str]
    agents: list[str]
    exclusive: bool

class _LostGpu(TypedDict):
    device: str
    agents: list[str]
    reason: str
    remedy: str

class _GpuSource(TypedDict):
    source: str
    place: str
    outcome: str

class _Note(TypedDict):
    source: str
    message: str

class _GpuReport(TypedDict):
    gpus: list[_Gpu]
    lost: list[_LostGpu]
    sources: list[_GpuSource]
    notes: list[_Note]
    complete: bool

class _Action(TypedDict):
    verb: str
    subject: str
    reason: str
    bytes_freed: int | None

class _Event(TypedDict):
    at: str
    event: str
    id: str
    name: str
    exit_code: int | None

class _Watched(TypedDict):
    events: list[_Event]
    cursor: int

class _Problem(TypedDict):
    key: str
    element: int | None
    reason: str
    remedy: str

class _Plugin(TypedDict):
    name: str
    version: str
    digest: str
    contract: str
    origin: str

class _Setting(TypedDict):
    key: str
    kind: Literal["text", "integer", "number", "boolean", "text_list", "text_table"]
    default: Any
    help: str

class _HostSetting(TypedDict):
    key: str
    kind: Literal["text", "path", "boolean", "number", "table", "path_or_boolean"]
    default: Any
    help: str

class _Argument(TypedDict):
    flag: str
    short: str | None
    value: str | None
    help: str

class _Description(TypedDict):
    name: str
    version: str
    summary: str
    capabilities: list[str]
    settings: list[_Setting]
    start_arguments: list[_Argument]
    build_arguments: list[_Argument]

class _SettingThatWaits(TypedDict):
    field: str
    value: str
    reason: str

class _SettingsFile(TypedDict):
    path: str
    sha256: str
    trusted: bool
    settings: list[_SettingThatWaits]

def describe() -> _Description:
    """What the built-in plugin says of itself."""

def host_settings() -> list[_HostSetting]:
    """The settings of a provider that the host keeps for itself."""

def check_trust(path: str | os.PathLike[str], provider: str, remedy: str) -> None:
    """Raises where the provider's table in a directory's settings file waits until the file is trusted."""

def read_settings_file(path: str | os.PathLike[str]) -> _SettingsFile:
    """A settings file as it is now, and what in it takes effect only once it is trusted."""

def trust_file(path: str | os.PathLike[str], sha256: str) -> None:
    """Trusts the file at this real path with the bytes of that SHA-256."""

def revoke_trust(path: str | os.PathLike[str]) -> bool:
    """Trusts a file no longer. Whether it was trusted."""

def read_build_args(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    """Arguments of `docker build` in parts: the words that are no flags, and each flag with its value, if it has one.

    A flag that the built-in plugin does not know, or that lacks its value, is the word as it was given.
    """

def compile_plugin(arguments: list[str]) -> int:
    """What a process does that was started to compile a plugin: from stdin to stdout. Gives its exit status."""

def clean(text: str, *, lines: bool = False) -> str: ...

class ProviderError(Exception):
    """A call failed, or was refused."""

    def __new__(
        cls,
        kind: str,
        message: str,
        field: str | None = None,
        remedy: str = "",
        details: dict[str, Any] | None = None,
    ) -> Self: ...
    @property
    def kind(
        self,
    ) -> Literal[
        "invalid_argument",
        "not_found",
        "already_exists",
        "ambiguous",
        "conflict",
        "unsupported",
        "denied",
        "unavailable",
        "timeout",
        "resource_exhausted",
        "snapshot_blocked",
        "internal",
    ]: ...
    @property
    def message(self) -> str: ...
    @property
    def field(self) -> str | None: ...
    @property
    def remedy(self) -> str: ...
    @property
    def details(self) -> dict[str, Any]: ...

@final
class ExecResult:
    """How a command ended and what it printed."""

    @property
    def exit_code(self) -> int | None: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes: ...

@final
class LogStream:
    """An iterator over what was printed."""

    def __iter__(self) -> Iterator[tuple[Literal["stdout", "stderr"], bytes]]: ...
    def __next__(self) -> tuple[Literal["stdout", "stderr"], bytes]: ...

@final
class Provider:
    """A provider: agents in containers on one engine."""

    def __new__(
        cls,
        name: str,
        settings: Mapping[str, object] | None = None,
        *,
        plugin: str | os.PathLike[str] | None = None,
        settings_files: Sequence[str | os.PathLike[str]] = (),
    ) -> Self: ...
    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def warnings(self) -> list[_Problem]: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def is_local(self) -> bool: ...
    @property
    def plugin(self) -> _Plugin: ...

    # Life.
    def create(
        self,
        name: str,
        *,
        image: str | None = None,
        snapshot: str | None = None,
        build: str | os.PathLike[str] | None = None,
        build_args: Sequence[str] = (),
        agent_type: str = "",
        tags: Mapping[str, str] = ...,
        parent_id: str | None = None,
        start_args: Sequence[str] = (),
        command: Sequence[str] = (),
        no_start: bool = False,
        publish_ssh: bool = False,
        made: list[str] | None = None,
        on_progress: _OnProgress | None = None,
    ) -> _Agent: ...
    def discover(self, *, tags: Mapping[str, str] = ..., states: Sequence[_State] = ()) -> list[_Agent]: ...
    def get(self, agent: str) -> _Agent: ...
    def start(self, agent: str, *, snapshot: str | None = None, on_progress: _OnProgress | None = None) -> _Agent: ...
    def stop(
        self,
        agent: str,
        *,
        timeout_seconds: int | None = None,
        snapshot: bool | _SnapshotRequest | None = None,
        on_progress: _OnProgress | None = None,
    ) -> _Stopped: ...
    def pause(self, agent: str) -> _Agent: ...
    def resume(self, agent: str) -> _Agent: ...
    def destroy(self, agent: str, *, snapshots: bool = False) -> _Destroyed: ...
    def rename(self, agent: str, name: str) -> _Agent: ...
    def fork(
        self,
        agent: str,
        names: Sequence[str],
        *,
        snapshot: str | None = None,
        tags: Mapping[str, str] = ...,
        start_args: Sequence[str] = (),
        force: bool = False,
        include_volumes: bool = False,
        on_progress: _OnProgress | None = None,
    ) -> list[_Agent]: ...
    def migrate(
        self,
        agent: str,
        to: Provider,
        *,
        name: str | None = None,
        via: str | None = None,
        destroy_original: bool = False,
        force: bool = False,
        include_env: bool = False,
        on_progress: _OnProgress | None = None,
    ) -> _Migrated: ...

    # Inside.
    def exec(
        self,
        agent: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        user: str | None = None,
        workdir: str | None = None,
        env: Mapping[str, str] = ...,
        timeout: float | None = None,
        detach: bool = False,
    ) -> ExecResult: ...
    def copy_in(
        self,
        agent: str,
        source: bytes | str | os.PathLike[str],
        path: str,
        *,
        contents_only: bool = False,
    ) -> None: ...
    def copy_out(self, agent: str, path: str) -> bytes: ...
    def read_file(self, agent: str, path: str) -> bytes: ...
    def write_file(
        self, agent: str, path: str, data: bytes, mode: int = 0o644, *, uid: int = 0, gid: int = 0
    ) -> None: ...
    def logs(
        self,
        agent: str,
        *,
        follow: bool = False,
        stdout: bool = True,
        stderr: bool = True,
        timestamps: bool = False,
        since: float = 0.0,
        until: float = 0.0,
        tail: int | None = None,
    ) -> LogStream: ...
    def port(self, agent: str, port: int) -> _Port: ...
    def connection(self, agent: str) -> _Connection: ...
    def reached_at(self, host_ip: str) -> tuple[str, str | None]: ...

    # Beside agents.
    def documents(self, *, agent_id: str | None = None) -> list[_Document]: ...
    def document_write(
        self, agent_id: str, key: str, body: str | None, *, revision: int | None = None
    ) -> _Document | None: ...

    # Snapshots.
    def snapshot_check(self, agent: str, *, include_volumes: bool = False) -> list[_Finding]: ...
    def snapshot_create(
        self,
        agent: str,
        *,
        name: str = "",
        pause: bool | None = None,
        force: bool = False,
        include_volumes: bool = False,
        on_progress: _OnProgress | None = None,
    ) -> _Snapshot: ...
    def snapshot_list(self, *, agent: str | None = None) -> list[_Snapshot]: ...
    def snapshot_delete(self, snapshot: str, *, agent: str | None = None) -> _Snapshot: ...
    def snapshot_diff(self, older: str, newer: str) -> _Changes: ...
    def changes(self, agent: str) -> _Changes: ...
    def snapshot_push(
        self,
        snapshot: str,
        reference: str,
        *,
        include_env: bool = False,
        on_progress: _OnProgress | None = None,
    ) -> _Pushed: ...
    def snapshot_pull(self, reference: str, *, on_progress: _OnProgress | None = None) -> _Snapshot: ...

    # The machine.
    def resources(self, agent: str) -> _Limits: ...
    def update_limits(self, agent: str, **limits: Unpack[_LimitsChange]) -> _UpdatedLimits: ...
    def stats(self, agent: str) -> _Stats: ...
    def volumes(self) -> list[_AgentVolume]: ...
    def volume_delete(self, name: str) -> None: ...
    def machine(self) -> tuple[int, int]: ...
    def gpus(self) -> _GpuReport: ...
    def gc(self, *, dry_run: bool = False, snapshots: bool = False) -> list[_Action]: ...
    def reconcile(self) -> list[_Action]: ...
    def watch(self, cursor: int = 0, wait_ms: int = 0) -> _Watched: ...
