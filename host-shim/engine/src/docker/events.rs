//! What happens to containers, and what they use at one moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::errors::Error;
use bollard::models::{ContainerBlkioStats, ContainerStatsResponse, EventMessage};
use futures::{StreamExt, TryStreamExt};
use http::Method;
use mngr_contract::Result;
use mngr_contract::docker::{Event, StatsSample};
use mngr_contract::error::conflict;
use mngr_contract::limits::{ANSWER, EVENTS};

use super::convert_values::{filters, label_filter, moment, or_default, pairs, unsigned};
use super::messages::lines;
use super::requests::empty;
use super::{DockerEngine, references};

/// How long after the first event others that happened with it are waited for.
const LINGER: Duration = Duration::from_millis(10);

pub(super) async fn stats(engine: &DockerEngine, id: &str) -> Result<StatsSample> {
    let id = references::name("container", id)?;
    let path = format!("/containers/{id}/stats");
    let query = [("stream", "false"), ("one-shot", "true")];
    let request = async {
        let request = engine.request(Method::GET, &path, &query, empty())?;
        match engine.whole(request, ANSWER).await?.as_slice() {
            [] => Ok(None),
            answer => Ok(Some(serde_json::from_slice(answer)?)),
        }
    };
    let answer = engine.run(engine.reads("measure", "container", id), request).await?;
    // Of a container that does not run the engine answers with zeros, read at no time.
    answer.and_then(sample).ok_or_else(|| {
        conflict(
            format!("container `{id}`"),
            "not running",
            "only a running container uses anything",
            "start it first",
        )
    })
}

fn sample(stats: ContainerStatsResponse) -> Option<StatsSample> {
    let read_at = moment(stats.read.as_deref())?;
    let cpu = or_default(stats.cpu_stats);
    let memory = or_default(stats.memory_stats);
    let networks = or_default(stats.networks);
    let total =
        |part: fn(&bollard::models::ContainerNetworkStats) -> Option<u64>| networks.values().filter_map(part).sum();
    let blocks = or_default(stats.blkio_stats);
    Some(StatsSample {
        read_at,
        cpu_total: or_default(cpu.cpu_usage.and_then(|usage| usage.total_usage)),
        system_cpu_total: or_default(cpu.system_cpu_usage),
        online_cpus: or_default(cpu.online_cpus),
        memory_bytes: or_default(memory.usage),
        memory_limit_bytes: or_default(memory.limit),
        network_received_bytes: total(|network| network.rx_bytes),
        network_sent_bytes: total(|network| network.tx_bytes),
        block_read_bytes: block_bytes(&blocks, "read"),
        block_written_bytes: block_bytes(&blocks, "write"),
        pids: or_default(stats.pids_stats.and_then(|pids| pids.current)),
    })
}

/// cgroup v1 writes `Read`, v2 `read`.
fn block_bytes(stats: &ContainerBlkioStats, operation: &str) -> u64 {
    let entries = stats.io_service_bytes_recursive.iter().flatten();
    entries
        .filter(|entry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(operation)))
        .filter_map(|entry| entry.value)
        .sum()
}

pub(super) async fn events(engine: &DockerEngine, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
    let wait = Duration::from_millis(wait_ms);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let from = Duration::from_nanos(since);
    let mut wanted = label_filter(labels);
    wanted.insert("type".to_owned(), vec!["container".to_owned()]);
    let filters = filters(wanted);
    // The engine refuses an end before the beginning, which a clock that differs from its own can make.
    let (since_moment, until) = (seconds(from), seconds((now + wait).max(from)));
    let query = [
        ("since", since_moment.as_str()),
        ("until", &until),
        ("filters", &filters),
    ];
    engine.check().await?;
    let answer = async {
        let request = engine.request(Method::GET, "/events", &query, empty())?;
        Ok::<_, Error>(lines::<EventMessage>(engine.stream(request).await?.into_body()))
    };
    let mut messages = Box::pin(futures::stream::once(answer).try_flatten());
    let operation = engine.reads("watch", "the containers", "");
    // The engine ends the wait; the deadline is for one that hangs.
    let operation = operation.within(operation.deadline.saturating_add(wait));
    let mut events = Vec::new();
    loop {
        // Of what is past the engine tells all and ends by itself.
        let message = if events.is_empty() || wait.is_zero() {
            engine
                .run_now(operation, async { messages.next().await.transpose() })
                .await?
        } else {
            match tokio::time::timeout(LINGER, messages.next()).await {
                Ok(Some(Ok(message))) => Some(message),
                // What has come is worth having; a failure shows again at the next call.
                Ok(Some(Err(_)) | None) | Err(_) => None,
            }
        };
        match message.map(event) {
            None => return Ok(events),
            Some(event) if event.time > since => {
                events.push(event);
                EVENTS
                    .check(events.len())
                    .map_err(|exceeded| exceeded.about("the containers"))?;
            }
            Some(_) => {}
        }
    }
}

/// As the API has moments: seconds with nine digits after the point.
fn seconds(moment: Duration) -> String {
    format!("{}.{:09}", moment.as_secs(), moment.subsec_nanos())
}

fn event(message: EventMessage) -> Event {
    let actor = or_default(message.actor);
    Event {
        action: or_default(message.action),
        container_id: or_default(actor.id),
        attributes: pairs(actor.attributes),
        time: unsigned(message.time_nano),
    }
}
