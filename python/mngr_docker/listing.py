"""What `mngr list` shows of a running host, read by one command in its container."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imbue.mngr.config.data_types import MngrContext
from imbue.mngr.hosts.common import (
    check_agent_type_known,
    compute_idle_seconds,
    determine_lifecycle_probe_result,
    resolve_expected_process_name,
)
from imbue.mngr.interfaces.data_types import (
    AgentDetails,
    CertifiedHostData,
    HostDetails,
    HostResources,
    SnapshotInfo,
)
from imbue.mngr.primitives import (
    DiscoveredAgent,
    DiscoveredHost,
    HostState,
    SSHInfo,
    read_checked_out_branch,
)
from imbue.mngr.providers.listing_utils import build_listing_collection_script, parse_listing_collection_output

from mngr_docker._native import Provider

# Most seconds that the command may take.
_ANSWERS = 30.0


def collect(
    provider: Provider, ctx: MngrContext, agent_id: str, host_dir: Path, timeout: float | None = None
) -> dict[str, Any] | None:
    """Everything that is listed of a running host; `None` where it could not be read to its end."""
    script = build_listing_collection_script(str(host_dir), ctx.config.prefix, ctx.config.tmux.primary_window_name)
    result = provider.exec(
        agent_id, ["bash", "-c", script], user="root", workdir="/", timeout=min(timeout or _ANSWERS, _ANSWERS)
    )
    if result.exit_code != 0:
        return None
    return parse_listing_collection_output(result.stdout.decode(errors="replace"))


def certified_of(listing: dict[str, Any], otherwise: CertifiedHostData) -> CertifiedHostData:
    """What the host itself has in its data.json."""
    data = listing.get("certified_data")
    try:
        return CertifiedHostData.model_validate(data) if data else otherwise
    except ValueError:
        return otherwise


def host_details(
    ref: DiscoveredHost,
    listing: dict[str, Any],
    certified: CertifiedHostData,
    *,
    image: str,
    resource: HostResources | None,
    ssh: SSHInfo | None,
    snapshots: Sequence[SnapshotInfo],
) -> HostDetails:
    """A running host as it is listed."""
    is_locked = bool(listing.get("is_lock_held"))
    return HostDetails(
        id=ref.host_id,
        name=certified.host_name,
        provider_name=ref.provider_name,
        state=HostState.RUNNING if _can_be_entered(listing) else HostState.UNKNOWN,
        image=certified.image or image,
        tags=dict(certified.user_tags),
        boot_time=_moment(listing.get("btime")),
        uptime_seconds=listing.get("uptime_seconds"),
        resource=resource,
        ssh=ssh,
        snapshots=list(snapshots),
        is_locked=is_locked,
        locked_time=_moment(listing.get("lock_mtime")) if is_locked else None,
        plugin=certified.plugin,
        ssh_activity_time=_moment(listing.get("ssh_activity_mtime")),
        failure_reason=certified.failure_reason,
    )


def agent_details(
    ctx: MngrContext,
    ref: DiscoveredAgent,
    listing: dict[str, Any],
    certified: CertifiedHostData,
    host: HostDetails,
) -> AgentDetails | None:
    """One agent of a running host as it is listed; `None` where the host has it no more."""
    raw = next((each for each in listing.get("agents", ()) if _id(each) == str(ref.agent_id)), None)
    if raw is None or ref.command is None:
        return None
    agent_type = str(ref.agent_type) if ref.agent_type else "unknown"
    user, agent, start = (_moment(raw.get(f"{name}_activity_mtime")) for name in ("user", "agent", "start"))
    life = determine_lifecycle_probe_result(
        tmux_info=raw.get("tmux_info"),
        is_active=raw.get("is_active", False),
        # The agent's own dialogs are not looked for in a list.
        is_blocked_on_dialog=False,
        expected_process_name=resolve_expected_process_name(agent_type, ref.command, ctx.config),
        ps_output=listing.get("ps_output", ""),
        is_agent_type_known=check_agent_type_known(agent_type, ctx.config),
    )
    return AgentDetails(
        id=ref.agent_id,
        name=ref.agent_name,
        type=agent_type,
        command=ref.command,
        work_dir=ref.work_dir or Path("/"),
        initial_branch=read_checked_out_branch(raw["data"]),
        create_time=ref.create_time or datetime.fromtimestamp(0, UTC),
        start_on_boot=ref.start_on_boot,
        state=life.state,
        pid=life.pid,
        url=raw.get("url"),
        start_time=start,
        runtime_seconds=(datetime.now(UTC) - start).total_seconds() if start else None,
        user_activity_time=user,
        agent_activity_time=agent,
        idle_seconds=compute_idle_seconds(user, agent, host.ssh_activity_time),
        idle_mode=certified.idle_mode.value,
        idle_timeout_seconds=certified.idle_timeout_seconds,
        activity_sources=tuple(source.value for source in certified.activity_sources),
        labels=ref.labels,
        host=host,
    )


def _can_be_entered(listing: dict[str, Any]) -> bool:
    """Whether sshd runs, without which mngr can do nothing in the host."""
    processes = [line.split() for line in listing.get("ps_output", "").splitlines()]
    return not processes or any(process[-1] == "sshd" for process in processes if process)


def _id(raw: dict[str, Any]) -> str | None:
    data = raw.get("data")
    return data.get("id") if isinstance(data, dict) else None


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
