//! Very many agents: each is listed, and nothing that happens to one escapes a watcher.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest};
use mngr_host_shim::provider::{NewAgent, Provider};
use tokio::sync::watch;

use crate::report::Row;

/// How many are worked on side by side.
const AT_A_TIME: usize = 16;
/// How long a watcher waits for an event before it looks whether there will be one.
const WAIT_MS: u64 = 1_000;

/// Makes so many agents, none of which is started, renames every tenth and destroys every other tenth, and compares the list
/// and what a watcher was told meanwhile with that.
///
/// # Panics
/// Where the engine does not answer.
pub async fn listed_and_watched(provider: &Provider, count: usize) -> Row {
    let mut row = Row::new(format!("{count} agents listed and watched"));
    row.times = 1;
    let cursor = provider.watch(0, 0).await.expect("a cursor").cursor;
    let (over, ended) = watch::channel(false);
    let watcher = tokio::spawn(events_seen(provider.clone(), cursor, ended));
    let name = |number: usize| format!("m{number}");
    let mut happened = BTreeSet::new();
    let mut faults = in_turn(count, |number| async move {
        let agent = NewAgent {
            no_start: true,
            ..NewAgent::named(name(number))
        };
        provider.create(agent).await.map(drop).map_err(|error| error.message())
    })
    .await;
    happened.extend((0..count).map(|number| ("created".to_owned(), name(number))));
    faults.extend(
        in_turn(count, |number| async move {
            let outcome = match number % 10 {
                3 => provider.rename(&name(number), &format!("r{number}")).await.map(drop),
                7 => provider
                    .destroy(&name(number), DestroyRequest::default())
                    .await
                    .map(drop),
                _ => Ok(()),
            };
            outcome.map_err(|error| error.message())
        })
        .await,
    );
    let of = |digit: usize| (0..count).filter(move |number| number % 10 == digit);
    happened.extend(of(3).map(|number| ("renamed".to_owned(), format!("r{number}"))));
    happened.extend(of(7).map(|number| ("destroyed".to_owned(), name(number))));

    let listed = provider.discover(DiscoverRequest::default()).await.expect("a list");
    let listed: BTreeSet<_> = listed.into_iter().map(|agent| agent.name).collect();
    let there = (0..count)
        .filter(|number| number % 10 != 7)
        .map(|number| match number % 10 {
            3 => format!("r{number}"),
            _ => name(number),
        });
    let there: BTreeSet<_> = there.collect();
    let differ = |number: usize| format!("{number} are not in the list, or are and should not be");
    faults.extend(
        Some(listed.symmetric_difference(&there).count())
            .filter(|many| *many > 0)
            .map(differ),
    );

    over.send_replace(true);
    let seen = watcher.await.expect("a watcher");
    let missed = happened.difference(&seen);
    faults.extend(missed.map(|(what, name)| format!("nobody was told that {name} was {what}")));
    row.violations = faults;
    row
}

/// Does it for each number; what went wrong.
async fn in_turn<F: Future<Output = Result<(), String>>>(count: usize, work: impl Fn(usize) -> F) -> Vec<String> {
    stream::iter(0..count)
        .map(|number| {
            let working = work(number);
            async move { working.await.err().map(|reason| format!("{number}: {reason}")) }
        })
        .buffer_unordered(AT_A_TIME)
        .filter_map(|fault| async { fault })
        .collect()
        .await
}

/// What happened to whom, until it is over and nothing more comes.
async fn events_seen(provider: Provider, mut cursor: u64, ended: watch::Receiver<bool>) -> BTreeSet<(String, String)> {
    let mut seen = BTreeSet::new();
    loop {
        let last = *ended.borrow();
        let news = provider.watch(cursor, WAIT_MS).await.expect("events");
        cursor = news.cursor;
        if last && news.events.is_empty() {
            return seen;
        }
        seen.extend(news.events.into_iter().map(|event| (event.what, event.agent_name)));
    }
}
