//! What becomes of an agent's devices: they vanish, a snapshot loses what is in them, forks and restores get others.

use super::*;
use crate::grant::Held;

#[test]
fn a_device_that_is_gone_shows_on_its_agent_and_explains_a_failed_start() {
    let fake = two();
    made(&fake, "a", &["--gpus=device=1"]);
    fake.gpus.borrow_mut().pop();
    let shown = block_on(provider(&fake).get("a")).expect("an agent");
    let why = shown.state_reason.expect("a reason");
    assert!(
        why.contains("GPU 1 NVIDIA A100 (GPU-1)") && why.contains("no longer on the machine"),
        "{why}"
    );
    fake.ends("mngr-docker.a", 143);
    fake.spoil(
        "start",
        Mishap::Fails(error::internal(
            "engine",
            "OCI runtime: stderr: nvidia-container-cli",
            "",
        )),
    );
    let error = block_on(provider(&fake).start("a", StartRequest { snapshot: None })).expect_err("no device");
    let ProviderError::Conflict(conflict) = error else {
        panic!("not a conflict")
    };
    assert!(
        conflict.reason.contains("GPU-1") && conflict.remedy.contains("snapshot create a"),
        "{}",
        conflict.reason
    );
    let report = block_on(provider(&fake).gpus()).expect("a report");
    assert_eq!(report.gpus.len(), 1);
    assert_eq!(report.lost[0].agents, [shown.id]);
}

#[test]
fn a_partition_that_is_gone_is_told_from_a_driver_that_does_not_answer() {
    let part = |index| Device {
        uuid: Some(format!("MIG-{index}")),
        pci_bus_id: None,
        mig_parent: Some("GPU-0".to_owned()),
        mig_profile: Some("1g.10gb".to_owned()),
        cdi_name: None,
        ..card(index, "NVIDIA A100", 10)
    };
    let whole = |reason: &str| Device {
        hand_outs: Vec::new(),
        unusable_reason: Some(reason.to_owned()),
        ..card(0, "NVIDIA A100", 80)
    };
    let fake = machine(vec![whole("MIG mode is on"), part(0), part(1)]);
    made(&fake, "a", &["--gpus=device=0:1"]);
    let why = || {
        let shown = block_on(provider(&fake).get("a")).expect("an agent");
        shown.state_reason.unwrap_or_default()
    };
    assert_eq!(why(), "");
    *fake.gpus.borrow_mut() = vec![whole("MIG mode is on"), part(0)];
    assert!(why().contains("MIG was configured anew"), "{}", why());
    *fake.gpus.borrow_mut() = vec![whole("NVIDIA's driver does not work: it did not answer")];
    assert!(why().contains("did not answer"), "{}", why());
}

#[test]
fn the_report_says_who_holds_what() {
    let fake = two();
    let a = made(&fake, "a", &["--gpus=1", "--gpu.exclusive"]);
    let report = block_on(provider(&fake).gpus()).expect("a report");
    assert_eq!(report.gpus[0].agents, [a.id]);
    assert!(report.gpus[0].exclusive && report.gpus[1].agents.is_empty() && report.lost.is_empty());
}

#[test]
fn a_snapshot_is_warned_of_with_the_device_the_processes_and_what_they_hold() {
    let fake = two();
    let agent = made(&fake, "a", &["--gpus=1"]);
    let process = |pid, container: &str| Process {
        pid,
        name: "python".to_owned(),
        memory_bytes: Some(3 << 30),
        container_id: Some(container.to_owned()),
    };
    fake.gpus.borrow_mut()[0].holders = vec![process(7, &agent.container_id), process(8, "another")];
    let findings = block_on(provider(&fake).snapshot_check("a", false)).expect("findings");
    let gpus: Vec<_> = findings.iter().filter(|each| each.kind == FindingKind::Gpu).collect();
    assert_eq!(gpus.len(), 1);
    assert_eq!(gpus[0].source.as_deref(), Some("GPU 0 NVIDIA A100 (GPU-0)"));
    assert_eq!(gpus[0].size_bytes, Some(3 << 30));
    assert!(gpus[0].reason.contains("python (process 7) with 3 GiB") && !gpus[0].reason.contains("process 8"));
}

#[test]
fn forks_and_restores_get_equal_devices_and_not_the_same_numbers() {
    let fake = machine(vec![
        card(0, "NVIDIA A100", 80),
        card(1, "NVIDIA T4", 16),
        card(2, "NVIDIA A100", 80),
    ]);
    made(&fake, "a", &["--gpus=device=0", "--gpu.exclusive"]);
    let fork = |names: &[&str]| ForkRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        snapshot: None,
        tags: Vec::new(),
        start_args: Vec::new(),
        force: false,
        include_volumes: false,
    };
    let forked = block_on(provider(&fake).fork("a", fork(&["b"]))).expect("forks");
    assert_eq!(forked[0].gpus, ["GPU-2"]);
    assert!(
        fake.logged
            .borrow()
            .iter()
            .any(|line| line.contains("b gets GPU 2 NVIDIA A100"))
    );
    let error = block_on(provider(&fake).fork("a", fork(&["c"]))).expect_err("none is left");
    assert!(
        reason(&error).contains("no device equal to GPU 0 NVIDIA A100"),
        "{}",
        reason(&error)
    );

    let snapshot = SnapshotRequest {
        name: "s".to_owned(),
        pause: None,
        force: false,
        include_volumes: false,
    };
    block_on(provider(&fake).snapshot_create("a", snapshot)).expect("a snapshot");
    fake.ends("mngr-docker.a", 143);
    let restore = StartRequest {
        snapshot: Some("s".to_owned()),
    };
    let again = block_on(provider(&fake).start("a", restore.clone())).expect("restored");
    assert_eq!(again.gpus, ["GPU-0"], "its own, which is free");
    // The card is swapped for another of its kind.
    fake.ends("mngr-docker.a", 143);
    fake.gpus.borrow_mut()[0] = Device {
        uuid: Some("GPU-9".to_owned()),
        ..card(0, "NVIDIA A100", 80)
    };
    let again = block_on(provider(&fake).start("a", restore)).expect("restored");
    assert_eq!(again.gpus, ["GPU-9"]);
}

#[test]
fn a_device_is_known_again_by_uuid_then_by_place_then_by_number() {
    let held = Held::of(&card(0, "NVIDIA A100", 80));
    assert!(held.is(&Device {
        index: 5,
        ..card(0, "x", 1)
    }));
    assert!(!held.is(&Device {
        uuid: Some("GPU-5".to_owned()),
        ..card(0, "NVIDIA A100", 80)
    }));
    assert!(held.is(&Device {
        uuid: None,
        index: 5,
        ..card(0, "x", 1)
    }));
    let amd = |uuid: &str| Device {
        vendor: "amd".to_owned(),
        uuid: Some(uuid.to_owned()),
        ..card(0, "x", 1)
    };
    assert!(Held::of(&amd("0x1")).is(&amd("00ff1586")), "the place counts");
}
