//! What callers keep of agents beside their containers.

use mngr_host_shim::contract::instance::{Document, DocumentChange, DocumentFilter};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// An agent that never came to be.
pub(super) const NOBODY: &str = "agent-ffffffffffffffffffffffffffffffff";
/// Another one.
const OTHER: &str = "agent-00000000000000000000000000000000";

pub(super) fn change(agent_id: &str, key: &str, body: Option<&str>) -> DocumentChange {
    DocumentChange {
        agent_id: agent_id.to_owned(),
        key: key.to_owned(),
        body: body.map(str::to_owned),
        revision: None,
    }
}

/// The same, only where that revision is there.
pub(super) fn at(revision: u64, change: DocumentChange) -> DocumentChange {
    DocumentChange {
        revision: Some(revision),
        ..change
    }
}

async fn all(fixture: &Fixture) -> Result<Vec<Document>, Stop> {
    fixture
        .provider
        .documents(DocumentFilter { agent_id: None })
        .await
        .succeeds("to list documents")
}

/// The revision that is there then, 0 for none.
async fn write(fixture: &Fixture, change: DocumentChange) -> Result<u64, Stop> {
    let written = fixture
        .provider
        .document_write(change)
        .await
        .succeeds("to write a document")?;
    Ok(written.map_or(0, |document| document.revision))
}

fn keys(documents: &[Document]) -> Vec<(&str, &str)> {
    documents
        .iter()
        .map(|document| (document.agent_id.as_str(), document.key.as_str()))
        .collect()
}

rules! {
    "documents.are-kept-as-written" of "instance.document", ["documents", "document-write"], "A document is kept as it was written, for an agent that never came to be", |fixture| {
        let body = "{\"a\": \"ü\n\"}";
        write(fixture, change(NOBODY, "host", Some(body))).await?;
        let kept = all(fixture).await?;
        ensure_same!(keys(&kept), [(NOBODY, "host")], "the documents");
        ensure!(kept.iter().all(|document| document.body == body && !document.written_at.is_empty()), "{kept:?}");
    }

    "documents.revisions-count-up" of "instance.document", ["documents", "document-write"], "The first revision is 1, and each is one more", |fixture| {
        for revision in 1..4 {
            ensure_same!(write(fixture, change(NOBODY, "host", Some("a"))).await?, revision, "the revision that is written");
        }
        ensure_same!(all(fixture).await?.iter().map(|document| document.revision).collect::<Vec<_>>(), [3], "the revisions that are there");
    }

    "documents.compare-and-set" of "instance.document-write", ["documents", "document-write"], "Where another revision is there than was said it is a `conflict`, and nothing is changed", |fixture| {
        write(fixture, at(0, change(NOBODY, "host", Some("a")))).await?;
        write(fixture, at(1, change(NOBODY, "host", Some("b")))).await?;
        for stale in [change(NOBODY, "host", Some("c")), change(NOBODY, "host", None)] {
            for revision in [0, 1, 3] {
                let written = fixture.provider.document_write(at(revision, stale.clone())).await;
                written.fails_as("conflict", &format!("to change revision {revision} where 2 is there"))?;
            }
        }
        ensure_same!(all(fixture).await?.iter().map(|document| document.body.as_str()).collect::<Vec<_>>(), ["b"], "what is there");
    }

    "documents.delete-of-nothing-succeeds" of "instance.document-write", ["documents", "document-write"], "To delete what is not there is a success, and nothing is there then", |fixture| {
        write(fixture, change(NOBODY, "host", Some("a"))).await?;
        for _ in 0..2 {
            ensure_same!(write(fixture, change(NOBODY, "host", None)).await?, 0, "the revision once it was deleted");
        }
        ensure!(all(fixture).await?.is_empty(), "the document is there");
    }

    "documents.outlive-the-agent" of "instance.document", ["create", "destroy", "documents", "document-write"], "A document is there once its agent is destroyed", |fixture| {
        let agent = fixture.agent("a").await?;
        write(fixture, change(&agent.id, "host", Some("a"))).await?;
        fixture.destroy("a").await?;
        ensure_same!(keys(&all(fixture).await?), [(agent.id.as_str(), "host")], "the documents");
    }

    "documents.one-engine-call" of "instance.documents", ["documents", "document-write"], "One engine call, however many there are", |fixture| {
        for key in ["one", "two", "three"] {
            write(fixture, change(NOBODY, key, Some("a"))).await?;
        }
        fixture.observed.forget();
        all(fixture).await?;
        ensure_same!(fixture.observed.asked().len(), 1, "how often the engine was asked for three documents");
    }

    "documents.are-sorted" of "instance.documents", ["documents", "document-write"], "Documents are sorted by agent and key", |fixture| {
        for (agent, key) in [(NOBODY, "b"), (OTHER, "c"), (NOBODY, "a")] {
            write(fixture, change(agent, key, Some("a"))).await?;
        }
        ensure_same!(keys(&all(fixture).await?), [(OTHER, "c"), (NOBODY, "a"), (NOBODY, "b")], "the documents");
    }

    "documents.of-one-agent" of "instance.document-filter", ["documents", "document-write"], "Only the documents of one agent are listed where that is asked for", |fixture| {
        for agent in [NOBODY, OTHER] {
            write(fixture, change(agent, "host", Some("a"))).await?;
        }
        let filter = DocumentFilter { agent_id: Some(OTHER.to_owned()) };
        let theirs = fixture.provider.documents(filter).await.succeeds("to list one agent's documents")?;
        ensure_same!(keys(&theirs), [(OTHER, "host")], "the documents of one");
    }

    "documents.impossible-key-is-invalid-argument" of "instance.document", ["documents", "document-write"], "An id or a key that can not be one is `invalid-argument` for that field", |fixture| {
        for (agent, key, field) in [("agent-1", "host", "agent-id"), (NOBODY, "Host", "key"), (NOBODY, "", "key"), (NOBODY, "a.b", "key")] {
            let written = fixture.provider.document_write(change(agent, key, Some("a"))).await;
            let error = written.fails_as("invalid_argument", &format!("the key `{key}` of `{agent}`"))?;
            ensure_same!(error.field(), Some(field), "the field");
        }
        ensure!(all(fixture).await?.is_empty(), "something was written");
    }

    "documents.providers-do-not-share" of "types.provider", ["documents", "document-write"], "Another provider's documents are not listed", |fixture| {
        let other = fixture.another().await?;
        other.document_write(change(NOBODY, "host", Some("a"))).await.succeeds("another provider to write a document")?;
        ensure!(all(fixture).await?.is_empty(), "another provider's document is listed");
    }
}
