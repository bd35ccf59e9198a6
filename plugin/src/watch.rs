//! What happens to agents, from the engine's events.
//!
//! The cursor is the engine's own time of the last event that was seen, never this machine's clock, so nothing falls between
//! two calls and the clocks of the two machines need not agree. The engine remembers only its last few hundred events, and
//! none over a restart: a watcher that was away for long, or was cut off, asks for the list again.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::docker::{ContainerStatus, Event};
use crate::contract::instance::{AgentEvent, WatchResult};
use crate::{Capabilities, DockerProviderInstance, Result, agent, labels, lookup, peer, restore};

/// Waits before the list is looked at for what has ended, in milliseconds.
const LOOKS: [u64; 7] = [0, 10, 20, 40, 80, 160, 320];

/// What happened after `cursor`, at the latest after `wait_ms` milliseconds.
///
/// # Errors
/// Whatever the engine answers.
pub async fn watch<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    cursor: u64,
    wait_ms: u64,
) -> Result<WatchResult> {
    let (mut cursor, mut left) = (cursor, wait_ms);
    loop {
        let began = moment(&provider.capabilities.now());
        let filters = labels::filters(&provider.name);
        let happened = provider.capabilities.events(filters, cursor, left).await?;
        cursor = happened.iter().map(|event| event.time).fold(cursor, u64::max);
        let quiet = happened.is_empty();
        let ended = happened.iter().filter(|event| event.action == "die");
        let ended: BTreeSet<_> = ended.map(|event| event.container_id.clone()).collect();
        let events: Vec<_> = happened
            .into_iter()
            .filter_map(|event| of(&provider.name, event))
            .collect();
        let spent = moment(&provider.capabilities.now()).duration_since(began).as_millis();
        left = left.saturating_sub(u64::try_from(spent).unwrap_or(0));
        // Commands that were run and the like are events too, and none of an agent's life.
        if quiet || !events.is_empty() || left == 0 {
            if !events.is_empty() {
                until_listed(provider, &ended).await;
            }
            return Ok(WatchResult { events, cursor });
        }
    }
}

/// Waits until the engine's list shows what has ended as ended, since a watcher lists after an event. Docker 20.10 tells of an end
/// before its list has it. An engine that takes longer than all waits is believed.
async fn until_listed<C: Capabilities>(provider: &DockerProviderInstance<C>, ended: &BTreeSet<String>) {
    for wait in LOOKS {
        if ended.is_empty() {
            return;
        }
        provider.capabilities.sleep(wait).await;
        let Ok(containers) = lookup::all(provider).await else {
            return;
        };
        let runs = |id: &&String| {
            let listed = containers.iter().find(|container| container.id == **id);
            listed.is_some_and(|container| container.status == ContainerStatus::Running)
        };
        // Something may have started it again, which inspect knows at once.
        let mut late = false;
        for id in ended.iter().filter(runs) {
            let inspected = lookup::inspect(provider, id).await;
            late |= inspected.is_ok_and(|container| container.state.status != ContainerStatus::Running);
        }
        if !late {
            return;
        }
    }
}

fn moment(text: &str) -> jiff::Timestamp {
    text.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn of(provider: &str, mut event: Event) -> Option<AgentEvent> {
    peer::happened(&mut event);
    let attributes: BTreeMap<_, _> = event
        .attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let attribute = |key: &str| attributes.get(key).copied().unwrap_or_default();
    if !labels::owned_by(&event.attributes, provider) {
        return None;
    }
    let name = attribute("name");
    // A restore puts the old container aside and takes it away: the agent lives on.
    let aside = |name: &str| name.ends_with(restore::ASIDE);
    if aside(name) || aside(attribute("oldName")) {
        return None;
    }
    let exit_code = attribute("exitCode").parse::<i64>().ok();
    let what = match event.action.as_str() {
        "create" => "created",
        "start" => "started",
        "die" if matches!(exit_code, Some(0 | 137 | 143)) => "stopped",
        "die" => "crashed",
        "oom" => "oom",
        "pause" => "paused",
        "unpause" => "resumed",
        "rename" => "renamed",
        "destroy" => "destroyed",
        _ => return None,
    };
    let nanoseconds = i128::from(event.time);
    Some(AgentEvent {
        what: what.to_owned(),
        agent_id: attribute(labels::AGENT_ID).to_owned(),
        agent_name: agent::name_of(provider, name, &event.attributes).to_owned(),
        at: jiff::Timestamp::from_nanosecond(nanoseconds)
            .unwrap_or_default()
            .to_string(),
        exit_code: exit_code.filter(|_| event.action == "die"),
    })
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::{Fake, fixtures};

    fn event(action: &str, time: u64, extra: &[(&str, &str)]) -> Event {
        let own = [
            (labels::AGENT_ID, "agent-1"),
            (labels::PROVIDER, "docker"),
            ("name", "mngr-docker.a"),
        ];
        let mut attributes: BTreeMap<_, _> = own.into();
        attributes.extend(extra.iter().copied());
        let attributes = attributes
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        Event {
            action: action.to_owned(),
            container_id: "c".to_owned(),
            attributes,
            time,
        }
    }

    fn seen(event: Event) -> Option<String> {
        of("docker", event).map(|event| event.what)
    }

    #[test]
    fn an_end_reads_as_the_state_it_leaves() {
        for (code, what) in [
            ("0", "stopped"),
            ("143", "stopped"),
            ("137", "stopped"),
            ("3", "crashed"),
        ] {
            let event = of("docker", event("die", 1, &[("exitCode", code)])).expect("an event");
            assert_eq!((event.what.as_str(), event.exit_code), (what, code.parse().ok()));
        }
    }

    #[test]
    fn a_rename_is_told_by_its_new_name_and_a_restore_s_own_ones_are_not() {
        let renamed = of(
            "docker",
            event("rename", 1, &[("name", "mngr-docker.b"), ("oldName", "/mngr-docker.a")]),
        );
        assert_eq!(renamed.expect("an event").agent_name, "b");
        let aside = [("name", "mngr-docker.a.replaced"), ("oldName", "/mngr-docker.a")];
        assert_eq!(seen(event("rename", 1, &aside)), None);
        assert_eq!(seen(event("destroy", 1, &aside[..1])), None);
        let back = [("name", "mngr-docker.a"), ("oldName", "/mngr-docker.a.replaced")];
        assert_eq!(seen(event("rename", 1, &back)), None);
    }

    #[test]
    fn what_is_no_part_of_an_agent_s_life_is_left_out() {
        for action in [
            "exec_create: ls",
            "exec_die",
            "commit",
            "kill",
            "stop",
            "attach",
            "update",
        ] {
            assert_eq!(seen(event(action, 1, &[])), None, "{action}");
        }
        assert_eq!(seen(event("start", 1, &[(labels::PROVIDER, "other")])), None);
    }

    #[test]
    fn what_has_ended_is_listed_as_ended_before_the_end_is_told() {
        let fake = Fake::new();
        *fake.happening.borrow_mut() = vec![
            vec![event("die", 7, &[("exitCode", "0")])],
            vec![event("start", 8, &[])],
        ];
        block_on(fixtures::provider(&fake).watch(5, 0)).expect("an end");
        let asked = |fake: &Fake| fake.calls.borrow().iter().map(|(what, _)| *what).collect::<Vec<_>>();
        assert_eq!(asked(&fake), ["events", "sleep", "list"]);
        block_on(fixtures::provider(&fake).watch(7, 0)).expect("a start");
        assert_eq!(asked(&fake), ["events", "sleep", "list", "events"], "nothing has ended");
    }

    #[test]
    fn the_cursor_passes_what_is_left_out_and_the_wait_goes_on() {
        let fake = Fake::new();
        *fake.happening.borrow_mut() = vec![
            vec![event("exec_die", 7, &[])],
            vec![event("start", 9, &[]), event("commit", 8, &[])],
        ];
        let seen = block_on(fixtures::provider(&fake).watch(5, 600_000)).expect("events");
        assert_eq!((seen.events.len(), seen.cursor), (1, 9));
        assert_eq!(seen.events[0].at, "1970-01-01T00:00:00.000000009Z");
        let since: Vec<_> = fake.calls.borrow().iter().map(|(_, about)| about.clone()).collect();
        assert_eq!(since, ["5", "7"]);
        let quiet = block_on(fixtures::provider(&fake).watch(9, 0)).expect("nothing");
        assert_eq!((quiet.events.len(), quiet.cursor), (0, 9));
    }
}
