//! What agents may use, and what they use.

use mngr_host_shim::contract::types::Limits;

use crate::rule::{Comes, ensure, ensure_same, rules};

rules! {
    "resources.read-back-what-was-asked" of "instance.resources", ["create", "resources", "--memory", "--pids-limit"], "Limits that were given at create are those that the engine has", |fixture| {
        fixture.agent_with("a", &["--memory=64m", "--pids-limit=77"]).await?;
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!((limits.memory_bytes, limits.pids), (Some(64 << 20), Some(77)), "memory and processes");
    }

    "resources.are-the-engines" of "instance.resources", ["create", "resources"], "Limits are told as the engine has them, not as they were asked for", |fixture| {
        let agent = fixture.agent("a").await?;
        let change = Limits { memory_bytes: Some(96 << 20), memory_swap_bytes: Some(96 << 20), ..Limits::default() };
        fixture.engine.container_update(&agent.container_id, change).await.succeeds("the engine to change a limit")?;
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!(limits.memory_bytes, Some(96 << 20), "the memory that was changed past the provider");
    }

    "resources.no-limit-is-absent" of "types.limits", ["create", "resources"], "What is not limited is absent", |fixture| {
        fixture.agent("a").await?;
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!((limits.cpus, limits.memory_bytes, limits.cpuset_cpus), (None, None, None), "limits of an agent without");
    }

    "update-limits.changes-the-engines" of "instance.update-limits", ["create", "update-limits"], "A limit that is given is changed on the engine while the agent runs, and read back", |fixture| {
        let agent = fixture.agent("a").await?;
        let change = Limits { pids: Some(50), ..Limits::default() };
        let updated = fixture.provider.update_limits("a", change).await.succeeds("to change a limit")?;
        ensure_same!(updated.limits.pids, Some(50), "what was read back");
        let container = fixture.engine.container_inspect(&agent.container_id, false).await.succeeds("the engine to have its container")?;
        ensure_same!(container.limits.pids, Some(50), "what the engine has");
    }

    "update-limits.nothing-given-changes-nothing" of "instance.update-limits", ["create", "update-limits", "resources"], "Where no limit is given none is changed", |fixture| {
        fixture.agent("a").await?;
        let before = fixture.provider.resources("a").await.succeeds("to read limits")?;
        fixture.provider.update_limits("a", Limits::default()).await.succeeds("to change no limit")?;
        let after = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!(format!("{after:?}"), format!("{before:?}"), "the limits");
    }

    "update-limits.others-stay" of "types.limits", ["create", "update-limits", "resources", "--memory"], "A limit that is not given stays", |fixture| {
        fixture.agent_with("a", &["--memory=64m"]).await?;
        let change = Limits { pids: Some(50), ..Limits::default() };
        fixture.provider.update_limits("a", change).await.succeeds("to change a limit")?;
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!(limits.memory_bytes, Some(64 << 20), "the memory, which was not given");
    }

    "update-limits.of-stopped" of "instance.update-limits", ["create", "stop", "update-limits", "resources"], "The limits of a stopped agent can be changed too", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        let change = Limits { memory_bytes: Some(64 << 20), memory_swap_bytes: Some(64 << 20), ..Limits::default() };
        fixture.provider.update_limits("a", change).await.succeeds("to change a limit of a stopped agent")?;
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure_same!(limits.memory_bytes, Some(64 << 20), "the memory");
    }

    "update-limits.fixed-at-create-is-unsupported" of "instance.update-limits", ["create", "update-limits", "resources"], "A limit that the engine fixes at create is `unsupported` and named, and nothing is changed", |fixture| {
        fixture.agent("a").await?;
        let change = Limits { shm_bytes: Some(1 << 20), pids: Some(50), ..Limits::default() };
        let error = fixture.provider.update_limits("a", change).await.fails_as("unsupported", "to change the size of /dev/shm")?;
        ensure!(error.message().contains("shm"), "the limit is not named: {}", error.message());
        let limits = fixture.provider.resources("a").await.succeeds("to read limits")?;
        ensure!(limits.pids != Some(50), "the other limit was changed");
    }

    "update-limits.above-the-machine-is-invalid-argument" of "instance.update-limits", ["create", "update-limits"], "A limit above what the machine has is `invalid-argument`, with the field", |fixture| {
        fixture.agent("a").await?;
        let machine = fixture.engine.info().await.succeeds("the engine to describe its machine")?;
        let memory_bytes = i64::try_from(machine.memory_bytes).ok().map(|bytes| bytes + (1 << 20));
        let change = Limits { memory_bytes, memory_swap_bytes: memory_bytes, ..Limits::default() };
        let error = fixture.provider.update_limits("a", change).await.fails_as("invalid_argument", "more memory than there is")?;
        ensure!(error.field().is_some_and(|field| field.contains("memory")), "the field is {:?}", error.field());
    }

    "stats.of-running" of "instance.stats", ["create", "stats"], "An agent that runs uses memory and has processes", |fixture| {
        fixture.agent("a").await?;
        let sample = fixture.provider.stats("a").await.succeeds("to measure an agent")?;
        ensure!(sample.pids >= 1 && sample.memory_bytes > 0 && sample.online_cpus >= 1, "{sample:?}");
    }

    "stats.of-stopped-is-conflict" of "instance.stats", ["create", "stop", "stats"], "To measure an agent that does not run is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.provider.stats("a").await.fails_as("conflict", "to measure a stopped agent")?;
    }

    "port.of-stopped-is-conflict" of "instance.port", ["create", "stop", "port"], "A port of an agent that does not run is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.provider.port("a", 8080).await.fails_as("conflict", "a port of a stopped agent")?;
    }

    "port.without-network-is-unsupported" of "instance.port", ["create", "port", "--network"], "A port of an agent without a network is `unsupported`", |fixture| {
        fixture.agent_with("a", &["--network=none"]).await?;
        fixture.provider.port("a", 8080).await.fails_as("unsupported", "a port of an agent without a network")?;
    }
}
