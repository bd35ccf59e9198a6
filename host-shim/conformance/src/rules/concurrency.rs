//! Calls that are made at once.

use futures::future::join_all;
use mngr_host_shim::contract::instance::{Document, DocumentFilter};

use super::documents::{NOBODY, at, change};
use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure_same, rules};

/// How many calls are made at once.
const CALLS: usize = 6;

/// Adds one to the number that a document holds.
async fn count(fixture: &Fixture) -> Result<(), Stop> {
    loop {
        let kept = fixture.provider.documents(DocumentFilter { agent_id: None }).await;
        let kept = kept.succeeds("to list documents")?;
        let number = |kept: &Document| (kept.revision, kept.body.parse::<u32>().unwrap_or(0));
        let (revision, total) = kept.first().map_or((0, 0), number);
        let next = at(revision, change(NOBODY, "count", Some(&(total + 1).to_string())));
        match fixture.provider.document_write(next).await {
            Err(error) if error.kind() == "conflict" => {}
            outcome => return outcome.succeeds("to write a document").map(drop),
        }
    }
}

rules! {
    "concurrency.one-name-has-one-winner" of "instance.create", ["create"], "Of many that create one name at once just one gets it, and the others are told `already-exists`", |fixture| {
        let calls: Vec<_> = (0..CALLS).map(|_| fixture.provider.create(fixture.new_agent("a", &[]))).collect();
        let outcomes = join_all(calls).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        ensure_same!(won.len(), 1, "how many have won");
        for loser in lost {
            loser.fails_as("already_exists", "to lose the name to another")?;
        }
        ensure_same!(fixture.containers().await?.len(), 1, "how many containers there are");
    }

    "concurrency.names-do-not-wait" of "world.provider-plugin", ["create", "discover"], "Agents of different names can be created at once", |fixture| {
        let names: Vec<_> = (0..CALLS).map(|number| format!("a{number}")).collect();
        let calls: Vec<_> = names.iter().map(|name| fixture.provider.create(fixture.new_agent(name, &[]))).collect();
        for made in join_all(calls).await {
            made.succeeds("to create agents at once")?;
        }
        let mut listed: Vec<_> = fixture.listed().await?.into_iter().map(|agent| agent.name).collect();
        listed.sort();
        ensure_same!(listed, names, "the agents");
    }

    "concurrency.document-writes-are-counted" of "instance.document-write", ["documents", "document-write"], "Of those that write one document at once one comes after the other, and none is lost", |fixture| {
        let calls: Vec<_> = (0..CALLS).map(|_| count(fixture)).collect();
        for outcome in join_all(calls).await {
            outcome?;
        }
        let kept = fixture.provider.documents(DocumentFilter { agent_id: None }).await.succeeds("to list documents")?;
        let bodies: Vec<_> = kept.iter().map(|document| document.body.as_str()).collect();
        ensure_same!(bodies, ["6"], "the count after {CALLS} have added one each");
    }
}
