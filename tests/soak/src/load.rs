//! Much at once: many creates, many clients, for a long time. Memory and file descriptors are looked at meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use mngr_docker_tests::argv;
use mngr_host_shim::check::{Checker, Ledger};
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest, StartRequest, StopRequest};
use mngr_host_shim::contract::types::{Agent, Limits};
use mngr_host_shim::provider::{NewAgent, Provider};

use crate::report::{Row, Sample};

/// How long an agent gets to end by itself.
const AT_ONCE: StopRequest = StopRequest {
    timeout_seconds: Some(0),
    snapshot: None,
};

/// Makes so many agents at once, and lists them.
///
/// # Panics
/// Where one is not made: nothing is refused for being too much.
pub async fn creates_at_once(provider: &Provider, count: usize) -> Row {
    let mut row = Row::new(format!("{count} creates at once"));
    let made = join_all((0..count).map(|number| provider.create(NewAgent::named(format!("c{number}"))))).await;
    for (number, made) in made.iter().enumerate() {
        if let Err(error) = made {
            row.violations.push(format!("create c{number}: {}", error.message()));
        }
    }
    let listed = provider.discover(DiscoverRequest::default()).await.expect("a list");
    let running = listed.iter().filter(|agent| agent.name.starts_with('c')).count();
    if running != count {
        row.violations.push(format!("{running} of {count} are listed"));
    }
    row.times = 1;
    row
}

/// Clients that work on agents of their own and of the others until `until`, or until each has done so many things.
pub struct Clients {
    /// How many work side by side.
    pub clients: u32,
    /// How many agents there are at most.
    pub agents: u32,
    /// How much all do together, at most.
    pub operations: u32,
    /// When they end.
    pub until: Instant,
    /// What is chosen by chance is chosen by this.
    pub seed: u64,
}

impl Clients {
    /// Lets them work, and checks. What a client is refused for good reason (another has destroyed the agent) is no fault.
    ///
    /// # Panics
    /// Where a call ends with a fault of the plugin or of the shim.
    pub async fn work(&self, provider: &Provider, ledger: &Ledger) -> (Row, Vec<Sample>) {
        let mut row = Row::new(format!("{} clients on {} agents", self.clients, self.agents));
        let (begun, done) = (Instant::now(), Arc::new(AtomicU32::new(0)));
        let samples = watch(begun, self.until, done.clone(), self.operations);
        let clients = (0..self.clients).map(|client| {
            let (provider, done) = (provider.clone(), done.clone());
            let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(client.into()));
            let (agents, operations, until) = (self.agents, self.operations, self.until);
            tokio::spawn(async move {
                let mut faults = Vec::new();
                while Instant::now() < until && done.fetch_add(1, Ordering::Relaxed) < operations {
                    let name = format!("l{}", random.u32(..agents));
                    if let Err(fault) = something(&provider, &name, &mut random).await {
                        faults.push(fault);
                    }
                }
                faults
            })
        });
        for client in join_all(clients).await {
            row.violations.extend(client.expect("a client"));
        }
        row.times = done.load(Ordering::Relaxed).min(self.operations);
        let samples = samples.await.expect("samples");
        let checker = Checker::new(provider).with_ledger(ledger).expect("a ledger");
        let verdicts = checker.run().await.expect("a check");
        let said = verdicts.iter().flat_map(|verdict| &verdict.violations);
        row.violations
            .extend(said.map(|violation| format!("{}: {}", violation.subject, violation.reason)));
        (row, samples)
    }
}

/// One thing of any kind. What another client has made impossible is no fault.
async fn something(provider: &Provider, name: &str, random: &mut fastrand::Rng) -> Result<(), String> {
    let drop_agent = |agent: Agent| drop(agent);
    let outcome = match random.u8(..10) {
        0..=2 => provider.create(NewAgent::named(name)).await.map(drop_agent),
        3 => provider.exec(name, argv(&["true"])).await.map(drop),
        4 => match provider.exec(name, argv(&["echo", name])).await {
            Ok(mut session) => {
                let mut printed = Vec::new();
                while let Some(Ok(piece)) = session.output.next().await {
                    printed.extend_from_slice(&piece.bytes);
                }
                let printed = String::from_utf8_lossy(&printed);
                // Of who is stopped or destroyed in the middle it is not known how the command ended, and the engine's words for
                // that are among its output.
                match session.control.wait().await {
                    Ok(0) if printed.trim() != name => return Err(format!("exec in {name} printed `{printed}`")),
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error),
        },
        5 => provider.stop(name, AT_ONCE).await.map(drop),
        6 => provider.start(name, StartRequest::default()).await.map(drop_agent),
        7 => {
            let limits = Limits {
                memory_bytes: Some(64 << 20),
                ..Limits::default()
            };
            provider.update_limits(name, limits).await.map(drop)
        }
        8 => provider.discover(DiscoverRequest::default()).await.map(drop),
        _ => provider.destroy(name, DestroyRequest::default()).await.map(drop),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => match error.kind() {
            "not_found" | "already_exists" | "conflict" => Ok(()),
            kind => Err(format!("{name}: {kind}: {}", error.message())),
        },
    }
}

/// Looks at this process once a second.
fn watch(
    begun: Instant,
    until: Instant,
    done: Arc<AtomicU32>,
    operations: u32,
) -> tokio::task::JoinHandle<Vec<Sample>> {
    tokio::spawn(async move {
        let mut samples = Vec::new();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        while Instant::now() < until && done.load(Ordering::Relaxed) < operations {
            second.tick().await;
            samples.push(Sample {
                at: begun.elapsed(),
                memory: memory(),
                descriptors: descriptors(),
            });
        }
        samples
    })
}

/// Memory in bytes that this process has taken and not given back. What it reads in of its own file can be had again.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// Open file descriptors of this process.
pub fn descriptors() -> usize {
    std::fs::read_dir(Path::new("/proc/self/fd"))
        .map(Iterator::count)
        .unwrap_or_default()
}
