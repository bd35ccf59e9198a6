//! What is kept of an agent beside its container.

use futures::future::join_all;
use mngr_docker_tests::{Testbed, behaviours, error_kind};
use mngr_host_shim::contract::instance::{Document, DocumentChange, DocumentFilter, GcRequest};

const NOBODY: &str = "agent-ffffffffffffffffffffffffffffffff";

fn change(agent_id: &str, key: &str, body: Option<&str>) -> DocumentChange {
    DocumentChange {
        agent_id: agent_id.to_owned(),
        key: key.to_owned(),
        body: body.map(str::to_owned),
        revision: None,
    }
}

fn at(revision: u64, change: DocumentChange) -> DocumentChange {
    DocumentChange {
        revision: Some(revision),
        ..change
    }
}

async fn all(bed: &Testbed) -> Vec<Document> {
    bed.provider
        .documents(DocumentFilter { agent_id: None })
        .await
        .expect("documents")
}

async fn write(bed: &Testbed, change: DocumentChange) -> u64 {
    let written = bed.provider.document_write(change).await.expect("written");
    written.map_or(0, |document| document.revision)
}

behaviours! {
    async fn a_document_is_kept_over_the_life_of_its_agent_and_beyond(bed) {
        let agent = bed.agent("a").await;
        assert_eq!(write(bed, change(&agent.id, "host", Some("{\"a\": \"ü\n\"}"))).await, 1);
        assert_eq!(write(bed, change(&agent.id, "host", Some("second"))).await, 2);
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        let removed = bed.provider.gc(GcRequest { dry_run: false, snapshots: true }).await.expect("done");
        assert!(removed.is_empty() && bed.provider.volumes().await.expect("volumes").is_empty());
        let kept = all(bed).await;
        assert_eq!(kept.len(), 1, "an older revision does not count");
        assert_eq!((kept[0].agent_id.as_str(), kept[0].key.as_str(), kept[0].body.as_str()), (agent.id.as_str(), "host", "second"));
        assert!(!kept[0].written_at.is_empty());
        assert_eq!(write(bed, change(&agent.id, "host", None)).await, 0);
        assert_eq!(write(bed, change(&agent.id, "host", None)).await, 0);
        assert!(all(bed).await.is_empty());
    }

    async fn documents_are_told_apart_by_agent_key_and_provider(bed) {
        let other = NOBODY.replace('f', "0");
        for (agent, key) in [(NOBODY, "host"), (NOBODY, "agent-1"), (&other, "host")] {
            write(bed, change(agent, key, Some(key))).await;
        }
        let others = bed.another_provider("2").await;
        assert!(others.documents(DocumentFilter { agent_id: None }).await.expect("documents").is_empty());
        let theirs = bed.provider.documents(DocumentFilter { agent_id: Some(NOBODY.to_owned()) }).await.expect("documents");
        assert_eq!(theirs.iter().map(|document| document.key.as_str()).collect::<Vec<_>>(), ["agent-1", "host"]);
        assert_eq!(all(bed).await.len(), 3);
    }

    async fn a_change_of_what_has_changed_meanwhile_is_refused_and_nothing_is_lost(bed) {
        assert_eq!(write(bed, at(0, change(NOBODY, "host", Some("a")))).await, 1);
        assert_eq!(error_kind(bed.provider.document_write(at(0, change(NOBODY, "host", Some("b")))).await), "conflict");
        assert_eq!(write(bed, at(1, change(NOBODY, "host", Some("c")))).await, 2);
        assert_eq!(error_kind(bed.provider.document_write(at(1, change(NOBODY, "host", Some("d")))).await), "conflict");
        assert_eq!(error_kind(bed.provider.document_write(at(1, change(NOBODY, "host", None))).await), "conflict");
        assert_eq!(all(bed).await[0].body, "c");
    }

    async fn of_many_that_write_one_document_at_once_all_are_counted(bed) {
        let count = async |_| loop {
            let there = all(bed).await.pop();
            let (revision, total) = there.map_or((0, 0), |document| (document.revision, document.body.parse::<u32>().expect("a number")));
            let next = at(revision, change(NOBODY, "count", Some(&(total + 1).to_string())));
            match bed.provider.document_write(next).await {
                Ok(_) => return,
                Err(error) if error.kind() == "conflict" => {}
                Err(error) => panic!("{}", error.message()),
            }
        };
        join_all((0..8).map(count)).await;
        let kept = all(bed).await;
        assert_eq!((kept.len(), kept[0].body.as_str()), (1, "8"));
        join_all((0..8).map(async |_| write(bed, change(NOBODY, "count", Some("9"))).await)).await;
        assert_eq!(all(bed).await[0].body, "9");
    }

    async fn what_can_not_be_kept_is_refused_with_the_field(bed) {
        let large = "x".repeat((1 << 20) + 1);
        for (given, field) in [
            (change("agent-1", "host", Some("a")), "agent-id"),
            (change(NOBODY, "Host", Some("a")), "key"),
            (change(NOBODY, "", Some("a")), "key"),
            (change(NOBODY, "a.b", Some("a")), "key"),
            (change(NOBODY, "host", Some(&large)), "body"),
        ] {
            let error = bed.provider.document_write(given).await.expect_err(field);
            assert_eq!((error.kind(), error.field()), ("invalid_argument", Some(field)));
        }
        assert!(all(bed).await.is_empty());
    }
}
