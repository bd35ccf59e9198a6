//! Labels that would make a thing another's, or another agent.

use mngr_host_shim::contract::docker::{Mount, MountKind};
use mngr_host_shim::policy::{AGENT_LABEL, HOST_LABEL, PROVIDER_LABEL, Preset, Rule};
use serde_json::json;

use super::request::{Case, Pairs, Request, build, case, commit, derive, import, labels_of, pairs};
use super::room::{Things, within};

/// Labels that are not this provider's alone.
fn foreign(things: &Things) -> Vec<Pairs> {
    let (own, other) = (things.provider.as_str(), things.other.as_str());
    vec![
        labels_of(other),
        pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, own), (PROVIDER_LABEL, other)]),
        pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, other), (PROVIDER_LABEL, own)]),
        pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, own), (PROVIDER_LABEL, own)]),
        pairs(&[
            (AGENT_LABEL, "agent-1"),
            (AGENT_LABEL, "agent-2"),
            (PROVIDER_LABEL, own),
        ]),
        pairs(&[
            (HOST_LABEL, "host-1"),
            (HOST_LABEL, "host-2"),
            (AGENT_LABEL, "agent-1"),
            (PROVIDER_LABEL, own),
        ]),
        pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, "")]),
    ]
}

/// Everything that labels can be put on.
pub fn cases(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    let rule = Rule::ForeignLabels;
    for labels in foreign(things) {
        cases.push(case(rule, things.create(|spec| spec.labels = labels.clone())));
        let mount = Mount {
            kind: MountKind::Volume,
            target: "/data".to_owned(),
            volume_labels: labels.clone(),
            ..Mount::default()
        };
        cases.push(case(rule, things.create(|spec| spec.mounts = vec![mount])));
        let fresh = format!("{}-fresh", things.provider);
        cases.push(case(
            rule,
            Request::Volume(fresh, "local".to_owned(), Vec::new(), labels.clone()),
        ));
        cases.push(case(
            rule,
            Request::Build(Box::new(build("mngr-build:agent-1", labels.clone(), None))),
        ));
        cases.push(case(
            rule,
            Request::Import(Box::new(import("mngr-snapshot", "made", labels.clone()))),
        ));
        let own = things.own.clone();
        cases.push(case(
            rule,
            Request::ReadVolume(own, Box::new(import("mngr-snapshot-volume", "made", labels.clone()))),
        ));
        cases.push(case(
            rule,
            Request::Commit(
                things.own.clone(),
                Box::new(commit("mngr-snapshot", "made", labels.clone())),
            ),
        ));
        let into = Box::new(derive("mngr-snapshot", "made", labels));
        cases.push(case(rule, Request::Derive(things.own_image.clone(), into)));
    }
    for labels in [
        pairs(&[(AGENT_LABEL, "agent-2")]),
        pairs(&[(HOST_LABEL, "host-2")]),
        pairs(&[(AGENT_LABEL, "")]),
        pairs(&[(AGENT_LABEL, "agent-1"), (HOST_LABEL, "host-2")]),
    ] {
        cases.push(case(
            rule,
            Request::Commit(things.own.clone(), Box::new(commit("mngr-snapshot", "made", labels))),
        ));
    }
    // Without any of ours it would be nobody's.
    for labels in [
        Vec::new(),
        pairs(&[(AGENT_LABEL, "agent-1")]),
        pairs(&[(PROVIDER_LABEL, &things.provider)]),
    ] {
        cases.push(case(
            Rule::Containers,
            things.create(|spec| spec.labels = labels.clone()),
        ));
        cases.push(case(
            Rule::Images,
            Request::Import(Box::new(import("mngr-snapshot", "made", labels.clone()))),
        ));
        cases.push(case(
            Rule::Images,
            Request::Build(Box::new(build("mngr-build:agent-1", labels, None))),
        ));
    }
    cases
}

#[test]
fn nothing_gets_the_labels_of_another_provider_or_agent() {
    within(async |room| room.all_refused(cases(&room.things)).await);
}

#[test]
fn a_commit_keeps_the_identity_of_its_container_or_says_nothing_of_it() {
    within(async |room| {
        for labels in [
            Vec::new(),
            labels_of(&room.things.provider),
            pairs(&[(AGENT_LABEL, "agent-1"), (HOST_LABEL, "host-1")]),
        ] {
            let options = Box::new(commit(
                "mngr-snapshot",
                &format!("{}-made", room.things.provider),
                labels,
            ));
            let (outcome, _) = room
                .outcome(&room.standard(), Request::Commit(room.things.own.clone(), options))
                .await;
            outcome.expect("a snapshot");
        }
    });
}

#[test]
fn one_container_that_is_named_is_opened_and_no_other() {
    within(async |room| {
        let named = json!({"docker.containers": ["own", room.things.plain]});
        let guard = room.guard(Preset::Standard, &named);
        room.outcome(&guard, Request::GetFiles(room.things.plain.clone()))
            .await
            .0
            .expect("named");
        room.outcome(&guard, Request::GetFiles(room.things.own.clone()))
            .await
            .0
            .expect("own");
        let refused = room
            .outcome(&guard, Request::GetFiles(room.things.theirs.clone()))
            .await
            .0;
        assert!(refused.expect_err("another's").remedy().contains(&room.things.theirs));
    });
}
