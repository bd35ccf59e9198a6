//! The whole probe on an engine in memory, whose machine answers what a test has told it.

use mngr_sandbox::{Fault, Operation, SandboxEngine};

use super::*;

fn engine(answers: &[(&[&str], &str)]) -> SandboxEngine {
    let engine = SandboxEngine::new();
    for (argv, stdout) in answers {
        engine.answer_command(argv, stdout);
    }
    engine
}

async fn probed(answers: &[(&[&str], &str)]) -> Inventory {
    probe(&engine(answers), Depth::Full).await.expect("an inventory")
}

#[tokio::test]
async fn a_machine_out_of_reach_says_what_was_not_asked() {
    let inventory = probed(&[]).await;
    assert!(inventory.devices.is_empty() && !inventory.complete);
    assert!(inventory.notes.is_empty(), "{:?}", inventory.notes);
    let proc = inventory
        .sources
        .iter()
        .find(|each| each.source == "proc")
        .expect("a report");
    assert!(proc.place == "/proc/driver/nvidia" && proc.outcome.contains("no way"));
}

#[tokio::test]
async fn every_source_of_a_machine_is_one_table() {
    let inventory = probed(&[
        (&["nvidia-smi", "-L"], include_str!("fixtures/list-t4.txt")),
        (&["nvidia-smi", "-q", "-x"], include_str!("fixtures/tesla-t4.xml")),
        (&["find", "/usr/bin"], "/usr/bin/nvidia-container-runtime-hook\n"),
        (&["find", "/dev"], "/dev/nvidia0 0\n/dev/nvidiactl 0\n"),
        (&["grep", "-sH", "", "/proc/"], ""),
    ])
    .await;
    assert_eq!(inventory.devices.len(), 1, "{:?}", inventory.devices);
    let card = &inventory.devices[0];
    assert_eq!(card.sources, ["nvidia-smi -L", "nvidia-smi -q -x", "dev"]);
    assert_eq!(card.hand_outs, [mngr_contract::gpu::HandOut::DeviceRequest]);
    assert!(card.unusable_reason.is_none() && card.nodes.len() == 1 && card.holders.len() == 2);
}

#[tokio::test]
async fn one_source_that_can_not_be_read_is_a_note_and_the_others_count() {
    let xml = include_str!("fixtures/tesla-t4.xml");
    let inventory = probed(&[
        (&["nvidia-smi", "-L"], include_str!("fixtures/list-t4.txt")),
        (&["nvidia-smi", "-q", "-x"], &xml[..xml.len() / 2]),
        (&["find", "/dev"], "/dev/nvidia0 0\n"),
    ])
    .await;
    assert_eq!(inventory.devices.len(), 1);
    assert!(
        inventory.notes.iter().any(|note| note.source == "nvidia-smi -q -x"),
        "{:?}",
        inventory.notes
    );
}

#[tokio::test]
async fn a_driver_that_does_not_match_its_library_is_the_reason_why_its_devices_are_not_handed_out() {
    let inventory = probed(&[
        (
            &["nvidia-smi", "-L"],
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183\n",
        ),
        (&["grep", "-arsH"], include_str!("fixtures/proc-nvidia.txt")),
        (&["find", "/usr/bin"], "/usr/bin/nvidia-container-runtime-hook\n"),
        (&["find", "/dev"], "/dev/nvidia3 0\n/dev/nvidia5 0\n"),
    ])
    .await;
    assert_eq!(inventory.devices.len(), 2, "{:?}", inventory.devices);
    for device in &inventory.devices {
        let reason = device.unusable_reason.as_deref().unwrap_or_default();
        assert!(
            device.hand_outs.is_empty() && reason.contains("version mismatch"),
            "{reason}"
        );
        assert_eq!(device.driver_version.as_deref(), Some("535.129.03"));
    }
}

#[tokio::test]
async fn one_device_that_is_lost_is_one_device_and_the_others_are_handed_out() {
    let lost = "Unable to determine the device handle for GPU 0000:81:00.0: Unknown Error";
    let list = format!("{}{lost}\n", include_str!("fixtures/list-t4.txt"));
    let xml = format!("{lost}\n{}", include_str!("fixtures/tesla-t4.xml"));
    let proc = "/proc/driver/nvidia/gpus/0000:81:00.0/information:Model: \t\t Tesla T4\n";
    let engine = engine(&[
        (&["nvidia-smi"], &lost.repeat(2)),
        (&["nvidia-smi", "-L"], &list),
        (&["nvidia-smi", "-q", "-x"], &xml),
        (&["grep", "-arsH"], proc),
        (&["find", "/usr/bin"], "/usr/bin/nvidia-container-runtime-hook\n"),
        (&["find", "/dev"], "/dev/nvidia0 0\n"),
    ]);
    let inventory = probe(&engine, Depth::Full).await.expect("an inventory");
    assert_eq!(inventory.devices.len(), 2, "{:?}", inventory.devices);
    let (bad, good): (Vec<_>, Vec<_>) = inventory
        .devices
        .iter()
        .partition(|device| device.pci_bus_id.as_deref() == Some("0000:81:00.0"));
    assert!(
        good[0].unusable_reason.is_none() && !good[0].hand_outs.is_empty(),
        "{good:?}"
    );
    let reason = bad[0].unusable_reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("Unknown Error") && bad[0].hand_outs.is_empty(),
        "{reason}"
    );
    assert!(
        inventory.notes.iter().any(|note| note.message == lost),
        "{:?}",
        inventory.notes
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_given_up_and_named() {
    let engine = engine(&[(&["find", "/dev"], "/dev/nvidia0 0\n")]);
    // The first that asks is the query of nvidia-smi.
    engine.fail_next(Operation::MachineRun, Fault::Hang);
    let inventory = probe(&engine, Depth::Full).await.expect("an inventory");
    assert_eq!(inventory.devices.len(), 1);
    let reason = inventory.devices[0].unusable_reason.as_deref().unwrap_or_default();
    assert!(reason.contains("did not answer within 10 seconds"), "{reason}");
    assert_eq!(inventory.notes[0].source, "nvidia-smi -L");
    let xml = inventory.sources.iter().find(|each| each.source == "nvidia-smi -q -x");
    assert!(xml.is_some_and(|each| each.outcome.starts_with("not asked")), "{xml:?}");
}

#[tokio::test]
async fn a_glance_asks_no_tool_that_takes_long() {
    let engine = engine(&[(&["nvidia-smi", "-L"], include_str!("fixtures/list-t4.txt"))]);
    let inventory = probe(&engine, Depth::Identity).await.expect("an inventory");
    assert_eq!(inventory.devices.len(), 1);
    let asked: Vec<_> = inventory
        .sources
        .iter()
        .filter(|each| each.outcome != "not asked")
        .collect();
    assert!(
        asked
            .iter()
            .all(|each| each.source != "rocm-smi" && each.source != "nvidia-smi -q -x")
    );
}

#[tokio::test]
async fn a_real_h200_is_one_device_of_which_every_source_says_the_same() {
    let inventory = probed(&[
        // What comes later is the answer to what it fits better.
        (&["nvidia-smi"], include_str!("fixtures/query-gpu-h200.csv")),
        (&["nvidia-smi", "-L"], include_str!("fixtures/list-h200.txt")),
        (&["nvidia-smi", "-q", "-x"], include_str!("fixtures/h200.xml")),
        (&["grep", "-arsH"], include_str!("fixtures/proc-nvidia-h200.txt")),
        (&["find", "/dev"], include_str!("fixtures/nodes-h200.txt")),
    ])
    .await;
    assert!(inventory.notes.is_empty(), "{:?}", inventory.notes);
    assert_eq!(inventory.devices.len(), 1, "{:?}", inventory.devices);
    let card = &inventory.devices[0];
    assert_eq!(card.model.as_deref(), Some("NVIDIA H200"));
    assert_eq!(card.uuid.as_deref(), Some("GPU-e22845f8-6830-10d7-a529-ed66342ab6e5"));
    assert_eq!(card.pci_bus_id.as_deref(), Some("0000:00:06.0"));
    assert_eq!(card.memory_bytes, Some(143_771 << 20));
    assert_eq!(card.driver_version.as_deref(), Some("580.159.04"));
    assert_eq!(card.cuda_version.as_deref(), Some("13.0"));
    assert_eq!(card.holders.len(), 1, "the program that multiplied");
    assert!(card.utilization_percent.is_some_and(|percent| percent > 0));
    let sources = [
        "nvidia-smi -L",
        "nvidia-smi -q -x",
        "nvidia-smi --query-gpu",
        "proc",
        "dev",
    ];
    assert_eq!(card.sources, sources);
}
