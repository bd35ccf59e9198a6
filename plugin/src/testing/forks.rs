//! Findings and forks, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, provider, request};
use super::{Fake, Mishap};
use crate::contract::docker::{MountKind, MountPoint, Volume};
use crate::contract::instance::{ForkRequest, SnapshotFilter, SnapshotRequest};
use crate::contract::types::{FindingKind, ProviderError, Severity};
use crate::error::{internal, summary};

fn asking(names: &[&str]) -> ForkRequest {
    ForkRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        snapshot: None,
        tags: Vec::new(),
        start_args: Vec::new(),
        force: false,
        include_volumes: false,
    }
}

fn mount(fake: &Fake, kind: MountKind, name: Option<&str>, destination: &str) {
    fake.containers.borrow_mut()[0].0.mounts.push(MountPoint {
        subpath: None,
        kind,
        name: name.map(str::to_owned),
        source: "/srv".to_owned(),
        destination: destination.to_owned(),
        driver: None,
        read_only: false,
    });
}

fn kinds(fake: &Fake) -> Vec<(FindingKind, Option<String>)> {
    let findings = block_on(provider(fake).snapshot_check("a1", false)).expect("findings");
    findings
        .into_iter()
        .map(|finding| (finding.kind, finding.path))
        .collect()
}

#[test]
fn a_blocked_snapshot_makes_no_image_and_a_forced_one_keeps_the_findings() {
    let fake = Fake::new();
    agent(&fake, "a1");
    mount(&fake, MountKind::Bind, None, "/root");
    let request = |force| SnapshotRequest {
        name: String::new(),
        pause: None,
        force,
        include_volumes: false,
    };
    let Err(ProviderError::SnapshotBlocked(findings)) = block_on(provider(&fake).snapshot_create("a1", request(false)))
    else {
        panic!("it was taken")
    };
    assert!(findings[0].severity == Severity::Block && fake.count("commit") == 0);
    assert!(
        findings[0].reason.contains("could not be asked"),
        "{}",
        findings[0].reason
    );
    block_on(provider(&fake).snapshot_create("a1", request(true))).expect("a snapshot");
    let listed = block_on(provider(&fake).snapshot_list(SnapshotFilter { agent: None })).expect("a list");
    assert!(listed[0].findings == findings);
}

#[test]
fn a_bind_on_a_network_filesystem_is_network_storage() {
    let fake = Fake::new();
    agent(&fake, "a1");
    mount(&fake, MountKind::Bind, None, "/data");
    fake.programs
        .borrow_mut()
        .extend([("findmnt", "fuse.sshfs\n"), ("df", "Used Avail\n90000  1000\n")]);
    assert_eq!(kinds(&fake), [(FindingKind::NetworkStorage, Some("/data".to_owned()))]);
}

#[test]
fn a_volume_that_others_use_is_shared_and_they_are_named() {
    let fake = Fake::new();
    agent(&fake, "a1");
    mount(&fake, MountKind::Volume, Some("v"), "/data");
    let volume = Volume {
        name: "v".to_owned(),
        driver: "local".to_owned(),
        mountpoint: String::new(),
        options: Vec::new(),
        labels: Vec::new(),
        created: None,
    };
    let users = ["mngr-docker.a1", "database"].map(str::to_owned).to_vec();
    fake.volumes.borrow_mut().push((volume, users));
    let findings = block_on(provider(&fake).snapshot_check("a1", false)).expect("findings");
    assert!(findings[0].kind == FindingKind::SharedVolume && findings[0].reason.contains("database"));
    assert!(!findings[0].reason.contains("mngr-docker.a1"), "{}", findings[0].reason);
}

#[test]
fn too_little_room_is_told_with_what_is_needed() {
    let fake = Fake::new();
    agent(&fake, "a1");
    fake.containers.borrow_mut()[0].0.writable_bytes = Some(2000);
    fake.programs.borrow_mut().push(("df", "Used Avail\n90000  1000\n"));
    let findings = block_on(provider(&fake).snapshot_check("a1", false)).expect("findings");
    assert!(findings[0].kind == FindingKind::FreeSpace && findings[0].size_bytes == Some(2000));
}

#[test]
fn with_more_room_than_all_that_is_there_takes_nobody_asks_how_much_was_written() {
    let fake = Fake::new();
    agent(&fake, "a1");
    fake.programs.borrow_mut().push(("df", "Used Avail\n1000  2000\n"));
    let before = fake.count("inspect");
    assert!(
        block_on(provider(&fake).snapshot_check("a1", false))
            .expect("findings")
            .is_empty()
    );
    assert_eq!(fake.count("inspect"), before + 1, "only to find the agent");
}

#[test]
fn forks_have_identities_of_their_own_the_same_arguments_and_the_agent_as_parent() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.start_args = ["--memory=64m", "--hostname=h"].map(str::to_owned).to_vec();
    asked.tags = vec![("team".to_owned(), "red".to_owned())];
    let parent = block_on(provider(&fake).create(asked)).expect("an agent");
    let mut wanted = asking(&["f1", "f2"]);
    wanted.tags = vec![("n".to_owned(), "1".to_owned())];
    let forks = block_on(provider(&fake).fork("a1", wanted)).unwrap_or_else(|e| panic!("{}", summary(&e)));
    assert_eq!(fake.count("commit"), 1);
    assert!(forks.len() == 2 && forks[0].id != forks[1].id && forks[0].id != parent.id);
    for fork in &forks {
        assert_eq!(fork.parent_id.as_deref(), Some(parent.id.as_str()));
        assert_eq!(fork.tags.len(), 2);
        assert!(fork.snapshot_id.is_some());
    }
    let spec = fake.spec("mngr-docker.f2");
    assert_eq!(
        (spec.limits.memory_bytes, spec.hostname.as_deref()),
        (Some(64 << 20), Some("h"))
    );
}

#[test]
fn a_fork_that_fails_half_way_leaves_neither_agents_nor_its_snapshot() {
    for function in ["create", "start"] {
        let fake = Fake::new();
        agent(&fake, "a1");
        fake.spoil(function, Mishap::Fails(internal("engine", "no", "try again")));
        assert!(block_on(provider(&fake).fork("a1", asking(&["f1", "f2"]))).is_err());
        assert_eq!(fake.names(), ["mngr-docker.a1"], "{function}");
        assert_eq!(fake.images.borrow().len(), 1, "{function}");
    }
}

#[test]
fn names_of_forks_are_judged_before_anything_is_made() {
    let fake = Fake::new();
    agent(&fake, "a1");
    for names in [&[][..], &["f", "f"], &["f", "a/b"], &["f", "a1"]] {
        assert!(
            block_on(provider(&fake).fork("a1", asking(names))).is_err(),
            "{names:?}"
        );
    }
    assert!(fake.count("commit") == 0 && fake.count("create") == 1);
}

#[test]
fn a_name_that_a_snapshot_and_an_agent_bear_is_ambiguous_and_each_is_compared_as_what_it_is() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let named = |name: &str| SnapshotRequest {
        include_volumes: false,
        name: name.to_owned(),
        pause: None,
        force: false,
    };
    block_on(provider(&fake).snapshot_create("a1", named("a1"))).expect("a snapshot of the agent's name");
    let one = block_on(provider(&fake).snapshot_create("a1", named("one"))).expect("a snapshot");
    let Err(ProviderError::Ambiguous(error)) = block_on(provider(&fake).snapshot_diff("one", "a1")) else {
        panic!("it was taken for one of them")
    };
    assert_eq!(error.candidates.len(), 2);
    let id = fake.containers.borrow()[0].0.id.clone();
    agent(&fake, "a2");
    block_on(provider(&fake).snapshot_diff("one", "a2")).expect("compared");
    let compared = fake
        .calls
        .borrow()
        .iter()
        .rfind(|(name, _)| *name == "compare")
        .cloned();
    let about = compared.expect("a comparison").1;
    assert!(
        about.contains(&one.image) && about.contains("Container(") && !about.contains(&id),
        "{about}"
    );
    let missing = block_on(provider(&fake).snapshot_diff("one", "nobody")).expect_err("there is none");
    assert!(summary(&missing).contains("nobody"), "{}", summary(&missing));
}
