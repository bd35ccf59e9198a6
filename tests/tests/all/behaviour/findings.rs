//! What a snapshot would not hold is said before it is taken, and kept with it.

use mngr_docker_tests::{Kind, NetworkMount, Testbed, behaviours, error_kind, run};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest, StopRequest};
use mngr_host_shim::contract::types::{AgentState, Finding, FindingKind, Severity};
use mngr_host_shim::policy::PROVIDER_LABEL;
use mngr_host_shim::provider::{NewAgent, Provider};
use serde_json::json;

fn with(name: &str, start_args: &[&str]) -> NewAgent {
    NewAgent {
        start_args: start_args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..NewAgent::named(name)
    }
}

fn forced() -> SnapshotRequest {
    SnapshotRequest {
        force: true,
        ..SnapshotRequest::default()
    }
}

async fn check(provider: &Provider, agent: &str) -> Vec<Finding> {
    provider.snapshot_check(agent, false).await.expect("findings")
}

fn at<'a>(findings: &'a [Finding], path: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.path.as_deref() == Some(path));
    found.unwrap_or_else(|| panic!("nothing is found at {path}: {findings:?}"))
}

/// A volume of this test alone, which it removes again.
async fn volume(bed: &Testbed, suffix: &str, options: &[(&str, &str)]) -> String {
    let name = format!("{}-{suffix}", bed.provider.name());
    let options = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let own = (PROVIDER_LABEL.to_owned(), bed.provider.name().to_owned());
    let made = bed
        .engine
        .volume_create(&name, "local", options.collect(), vec![own])
        .await;
    made.expect("a volume").name
}

behaviours! {
    async fn an_agent_with_nothing_but_its_own_files_has_no_findings(bed) {
        bed.agent("a").await;
        assert_eq!(check(&bed.provider, "a").await.len(), 0);
    }

    async fn binds_volumes_and_both_kinds_of_tmpfs_are_found_with_their_source_and_access(bed) {
        let name = volume(bed, "named", &[]).await;
        let named = format!("--volume={name}:/named");
        let args = ["--volume=/srv:/bind:ro", &named, "--volume=/anonymous", "--tmpfs=/fast", "--mount=type=tmpfs,target=/faster"];
        bed.provider.create(with("a", &args)).await.expect("an agent");
        let findings = check(&bed.provider, "a").await;
        assert_eq!(findings.len(), 5, "{findings:?}");
        let bind = at(&findings, "/bind");
        assert!(bind.kind == FindingKind::BindMount && bind.read_only);
        assert_eq!(bind.source.as_deref(), Some("/srv"));
        let volume = at(&findings, "/named");
        assert!(volume.kind == FindingKind::NamedVolume && !volume.read_only);
        assert_eq!(volume.source.as_deref(), Some(name.as_str()));
        assert_eq!(at(&findings, "/anonymous").kind, FindingKind::AnonymousVolume);
        assert_eq!(at(&findings, "/fast").kind, FindingKind::Tmpfs);
        assert_eq!(at(&findings, "/faster").kind, FindingKind::Tmpfs);
        for finding in &findings {
            assert!(finding.severity == Severity::Warn && !finding.reason.is_empty() && !finding.remedy.is_empty());
        }
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("it only warns");
        assert_eq!(snapshot.findings.len(), 5);
        bed.remove(&["a"], &[&name]).await;
    }

    async fn a_volume_that_another_agent_uses_is_shared_and_the_agent_is_named(bed) {
        let name = volume(bed, "shared", &[]).await;
        let shared = format!("--volume={name}:/data");
        bed.provider.create(with("a", &[&shared])).await.expect("an agent");
        bed.provider.create(with("b", &[&shared])).await.expect("another");
        let findings = check(&bed.provider, "a").await;
        let finding = at(&findings, "/data");
        assert_eq!(finding.kind, FindingKind::SharedVolume);
        assert!(finding.reason.contains(&format!("mngr-{}.b", bed.provider.name())), "{}", finding.reason);
        bed.remove(&["a", "b"], &[&name]).await;
    }

    async fn a_volume_of_nfs_is_network_storage_though_nothing_is_mounted_yet(bed) {
        let options = [("type", "nfs"), ("o", "addr=192.0.2.1,ro"), ("device", ":/export")];
        let name = volume(bed, "nfs", &options).await;
        // Without a copy of the image's files the engine mounts it only at the start.
        let mounted = format!("--mount=type=volume,source={name},target=/data,volume-nocopy");
        let agent = NewAgent { no_start: true, ..with("a", &[&mounted]) };
        bed.provider.create(agent).await.expect("an agent");
        let findings = check(&bed.provider, "a").await;
        let finding = at(&findings, "/data");
        assert_eq!(finding.kind, FindingKind::NetworkStorage);
        assert!(finding.reason.contains("nfs") && finding.reason.contains(":/export"), "{}", finding.reason);
        bed.remove(&["a"], &[&name]).await;
    }

    #[everywhere]
    async fn a_bind_on_a_network_filesystem_of_the_engines_machine_is_network_storage(bed) {
        bed.provider.create(with("a", &["--volume=/srv:/data"])).await.expect("an agent");
        let findings = check(&bed.provider, "a").await;
        let finding = at(&findings, "/data");
        match &bed.sandbox {
            None => assert!(finding.kind == FindingKind::BindMount && !finding.reason.contains("could not"), "{}", finding.reason),
            Some(sandbox) => {
                assert!(finding.kind == FindingKind::BindMount && finding.reason.contains("could not be asked"), "{}", finding.reason);
                sandbox.answer_command(&["findmnt"], "fuse.sshfs\n");
                let findings = check(&bed.provider, "a").await;
                assert_eq!(at(&findings, "/data").kind, FindingKind::NetworkStorage);
            }
        }
    }

    async fn the_environment_is_told_by_name_and_never_by_value(bed) {
        bed.provider.create(with("a", &["--env=API_TOKEN=hunter2"])).await.expect("an agent");
        let findings = check(&bed.provider, "a").await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].kind, FindingKind::Environment);
        assert_eq!(findings[0].source.as_deref(), Some("API_TOKEN"));
        assert!(!format!("{findings:?}").contains("hunter2"));
    }

    async fn writable_storage_over_the_agents_own_files_blocks_until_it_is_forced(bed) {
        bed.provider.create(with("a", &["--tmpfs=/srv", "--workdir=/srv/tree"])).await.expect("an agent");
        let Err(ProviderError::SnapshotBlocked(findings)) = bed.provider.snapshot_create("a", SnapshotRequest::default()).await else {
            panic!("it was taken")
        };
        assert!(findings[0].severity == Severity::Block && findings[0].path.as_deref() == Some("/srv"));
        let stop = StopRequest { snapshot: Some(SnapshotRequest::default()), ..StopRequest::default() };
        assert_eq!(error_kind(bed.provider.stop("a", stop).await), "snapshot_blocked");
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running);
        assert_eq!(bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list").len(), 0);

        let taken = bed.provider.snapshot_create("a", forced()).await.expect("forced");
        let listed = bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list");
        assert_eq!(format!("{:?}", listed[0].findings), format!("{findings:?}"));
        assert_eq!(format!("{:?}", taken.findings), format!("{findings:?}"));
    }

    async fn the_configuration_says_what_a_kind_of_finding_does(bed) {
        bed.provider.create(with("a", &["--tmpfs=/root", "--volume=/srv:/bind"])).await.expect("an agent");
        let provider = bed.with_settings(json!({ "snapshot_findings": { "tmpfs": "ignore", "bind_mount": "block" } })).await;
        let findings = check(&provider, "a").await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].kind == FindingKind::BindMount && findings[0].severity == Severity::Block);
        for wrong in [json!({ "tmpsf": "warn" }), json!({ "tmpfs": "wran" })] {
            let error = bed.try_settings(json!({ "snapshot_findings": wrong })).await.err().expect("refused");
            assert_eq!(error.field(), Some("snapshot_findings"));
            assert!(error.remedy().contains("did you mean"), "{}", error.remedy());
        }
    }
}

/// Only for real: the sandbox has no machine to mount anything on.
#[test]
fn a_bind_below_a_mounted_network_filesystem_is_network_storage() {
    run(Kind::Real, async |bed| {
        let mount = NetworkMount::new();
        let work = mount.path().join("work");
        std::fs::create_dir(&work).expect("a directory over the network");
        std::fs::write(mount.other_end().join("work/file"), "from elsewhere\n").expect("a file at the other end");
        let volume = format!("--volume={}:/data", work.display());
        let local = format!("--volume={}:/local", mount.other_end().display());
        bed.provider
            .create(with("a", &[&volume, &local]))
            .await
            .expect("an agent");
        assert_eq!(
            bed.shell("a", "cat /data/file").await,
            (0, "from elsewhere\n".to_owned())
        );
        let findings = check(&bed.provider, "a").await;
        let finding = at(&findings, "/data");
        assert_eq!(finding.kind, FindingKind::NetworkStorage);
        assert!(finding.reason.contains("fuse.sshfs"), "{}", finding.reason);
        assert_eq!(finding.source.as_deref(), work.to_str());
        assert_eq!(at(&findings, "/local").kind, FindingKind::BindMount);

        // Over the agent's own files it blocks.
        bed.provider
            .create(with("b", &[&volume, "--workdir=/data"]))
            .await
            .expect("an agent");
        let refused = bed.provider.snapshot_create("b", SnapshotRequest::default()).await;
        assert_eq!(error_kind(refused), "snapshot_blocked");
        bed.remove(&["a", "b"], &[]).await;
    });
}
