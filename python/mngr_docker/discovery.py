"""What mngr lists: every host with its agents, each running host read by one command in its container."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, override

from imbue.concurrency_group.concurrency_group import ConcurrencyGroup
from imbue.mngr.hosts.offline_host import (
    validate_and_create_discovered_agent,
)
from imbue.mngr.interfaces.agent import AgentInterface
from imbue.mngr.interfaces.data_types import (
    AgentDetails,
    HostDetails,
)
from imbue.mngr.interfaces.host import OnlineHostInterface
from imbue.mngr.interfaces.provider_instance import build_agent_details_from_offline_ref
from imbue.mngr.primitives import (
    DiscoveredAgent,
    DiscoveredHost,
    HostId,
    HostState,
    SSHInfo,
)
from imbue.mngr.utils.thread_cleanup import mngr_executor
from loguru import logger

from mngr_docker import listing
from mngr_docker._native import ProviderError as NativeError
from mngr_docker._native import clean
from mngr_docker.belongings import Belongings
from mngr_docker.errors import translated
from mngr_docker.hosts import Survey, is_agent

# How many hosts are read at once.
_AT_ONCE = 16


class Discovery(Belongings):
    """The hosts of one provider as they are listed."""

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

    def _list(self, survey: Survey, host_id: HostId, timeout: float | None = None) -> dict[str, Any] | None:
        """What a running host says of itself, with what is kept of its agents brought in line with it."""
        record, agent = survey.kept.hosts.get(host_id), survey.agents[host_id]
        try:
            record = record or self._adopt(agent)
            found = listing.collect(self._provider, self.mngr_ctx, agent["id"], record.host_dir, timeout)
            if found is not None and not found.get("is_lock_held"):
                self._heal(host_id, found, survey.kept.agents.get(host_id, {}))
            return found
        except NativeError as error:
            logger.debug("Host {} is listed by what is kept of it ({})", clean(agent["name"]), error.kind)
            return None

    def _heal(self, host_id: HostId, found: dict[str, Any], kept: Mapping[str, dict[str, Any]]) -> None:
        """Keeps agents that were made inside the host, and forgets those that are gone from it.

        What is kept was read before the host was asked whether it is locked, and that before its agents were listed; an
        agent that is being made holds the lock, so that one that is kept and not listed is gone.
        """
        live = {data["id"]: data for each in found.get("agents", ()) if is_agent(data := each.get("data"))}
        for agent_id in live.keys() - kept.keys():
            self._records.keep_agent(host_id, live[agent_id])
        for agent_id in kept.keys() - live.keys():
            self._records.forget_agent(host_id, agent_id)

    def _agents_of(self, survey: Survey, host_id: HostId) -> list[DiscoveredAgent]:
        found = survey.listings.get(host_id)
        if found is not None:
            all_data = [each.get("data") for each in found.get("agents", ())]
        else:
            all_data = list(survey.kept.agents.get(host_id, {}).values())
        agents = (validate_and_create_discovered_agent(data, host_id, self.name) for data in all_data if is_agent(data))
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
            agents.append(details or build_agent_details_from_offline_ref(ref, host, offline_field_generators))
        return host, agents

    def _ssh_info(self, host_id: HostId, agent: dict[str, Any]) -> SSHInfo | None:
        with translated(self.name):
            endpoint = self._access.endpoint(agent)
        return self._access.ssh_info(host_id, endpoint) if endpoint is not None else None
