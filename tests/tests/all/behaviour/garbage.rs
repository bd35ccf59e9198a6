//! What nobody owns any more goes, and nothing else.

use mngr_docker_tests::Testbed;
use mngr_docker_tests::behaviours;
use mngr_host_shim::contract::instance::{Action, GcRequest, SnapshotRequest};
use mngr_host_shim::policy::{AGENT_LABEL, PROVIDER_LABEL};
use mngr_host_shim::provider::{AgentSource, NewAgent};

async fn gc(bed: &Testbed, dry_run: bool, snapshots: bool) -> Vec<(String, String)> {
    let done = bed.provider.gc(GcRequest { dry_run, snapshots }).await.expect("done");
    done.into_iter()
        .map(|Action { verb, subject, .. }| (verb, subject))
        .collect()
}

fn one(verb: &str, subject: String) -> [(String, String); 1] {
    [(verb.to_owned(), subject)]
}

behaviours! {
    async fn snapshots_of_an_agent_that_is_gone_are_kept_and_told_until_they_are_asked_for(bed) {
        bed.agent("a").await;
        bed.agent("b").await;
        let orphan = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        let other = bed.provider.snapshot_create("b", SnapshotRequest::default()).await.expect("a snapshot");
        assert!(gc(bed, false, true).await.is_empty());
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        let subject = format!("snapshot {}", orphan.id);
        assert_eq!(gc(bed, false, false).await, one("keep", subject.clone()));
        assert_eq!(gc(bed, true, true).await, one("remove", subject.clone()));
        bed.engine.image_inspect(&orphan.image).await.expect("a dry run removes nothing");
        assert_eq!(gc(bed, false, true).await, one("remove", subject));
        bed.engine.image_inspect(&orphan.image).await.expect_err("it is gone");
        bed.engine.image_inspect(&other.image).await.expect("its agent is there");
    }

    async fn a_snapshot_that_another_agent_was_made_from_is_kept(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        bed.provider.create(NewAgent { from: AgentSource::Snapshot(snapshot.id.clone()), ..NewAgent::named("b") }).await.expect("an agent");
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert_eq!(gc(bed, false, true).await, one("keep", format!("snapshot {}", snapshot.id)));
        bed.engine.image_inspect(&snapshot.image).await.expect("the snapshot");
    }

    async fn volumes_go_with_their_agent_and_those_of_others_stay(bed) {
        let agent = bed.agent("a").await;
        let provider = bed.provider.name().to_owned();
        let names = ["ours", "orphan", "foreign"].map(|name| format!("{provider}-{name}"));
        let owner = |id: &str| vec![(AGENT_LABEL.to_owned(), id.to_owned()), (PROVIDER_LABEL.to_owned(), provider.clone())];
        for (name, labels) in names.iter().zip([owner(&agent.id), owner("agent-gone"), Vec::new()]) {
            bed.engine.volume_create(name, "local", Vec::new(), labels).await.expect("a volume");
        }
        let removed = gc(bed, false, false).await;
        let left = bed.provider.volumes().await.expect("volumes");
        let foreign = bed.engine.volume_inspect(&names[2]).await.is_ok();
        for name in &names {
            drop(bed.engine.volume_remove(name, true).await);
        }
        assert_eq!(removed, one("remove", format!("volume {}", names[1])));
        assert_eq!(left.iter().map(|volume| (&volume.name, volume.agent_id.as_deref())).collect::<Vec<_>>(), [(&names[0], Some(agent.id.as_str()))]);
        assert!(foreign, "a foreign volume stays");
    }

    async fn what_is_young_or_does_not_decode_or_was_not_to_start_stays(bed) {
        bed.provider.create(NewAgent { no_start: true, ..NewAgent::named("waits") }).await.expect("an agent");
        bed.plant("odd", &[(AGENT_LABEL, "agent-odd")]).await;
        bed.agent("runs").await;
        assert!(gc(bed, false, true).await.is_empty());
        assert_eq!(bed.provider.discover(Default::default()).await.expect("a list").len(), 3);
    }

    async fn a_volume_is_removed_by_its_name_where_it_is_ours_and_unused(bed) {
        let owner = vec![(AGENT_LABEL.to_owned(), "agent-gone".to_owned()), (PROVIDER_LABEL.to_owned(), bed.provider.name().to_owned())];
        let names = ["free", "used", "foreign"].map(|name| format!("{}-{name}", bed.provider.name()));
        for (name, labels) in names.iter().zip([owner.clone(), owner, Vec::new()]) {
            bed.engine.volume_create(name, "local", Vec::new(), labels).await.expect("a volume");
        }
        let start_args = vec![format!("--volume={}:/data", names[1])];
        bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        let removed = [&names[0], &names[0], &names[1], &names[2]];
        let mut outcomes = Vec::new();
        for name in removed {
            outcomes.push(bed.provider.volume_delete(name).await.map_or_else(|error| error.kind(), |()| "done"));
        }
        bed.remove(&["a"], &[&names[1], &names[2]]).await;
        assert_eq!(outcomes, ["done", "done", "conflict", "not_found"]);
    }
}
