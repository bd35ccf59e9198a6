//! GPUs of agents, on the engine in memory: what they ask for, and that none gets what another has for itself.

mod later;

use futures::executor::block_on;

use crate::contract::docker::ContainerStatus;
use crate::contract::gpu::{Device, HandOut, Holder as Process, Node};
use crate::contract::instance::{ForkRequest, SnapshotRequest, StartRequest, StopRequest};
use crate::contract::types::{Agent, FindingKind, ProviderError};
use crate::error::summary;
use crate::testing::fixtures::{named, provider, request};
use crate::testing::{Fake, Mishap};
use crate::{DockerProviderInstance, Result, error, labels};

/// A card that the hook hands out.
fn card(index: u32, model: &str, gibibytes: u64) -> Device {
    Device {
        vendor: "nvidia".to_owned(),
        index,
        uuid: Some(format!("GPU-{index}")),
        pci_bus_id: Some(format!("0000:{index:02x}:00.0")),
        model: Some(model.to_owned()),
        memory_bytes: Some(gibibytes << 30),
        memory_used_bytes: None,
        utilization_percent: None,
        temperature_celsius: None,
        driver_version: None,
        cuda_version: None,
        mig_parent: None,
        mig_profile: None,
        cdi_name: Some(format!("nvidia.com/gpu={index}")),
        nodes: Vec::new(),
        hand_outs: vec![HandOut::DeviceRequest, HandOut::Cdi],
        unusable_reason: None,
        holders: Vec::new(),
        sources: vec!["test".to_owned()],
    }
}

fn machine(cards: Vec<Device>) -> Fake {
    let fake = Fake::new();
    *fake.gpus.borrow_mut() = cards;
    fake
}

fn two() -> Fake {
    machine(vec![card(0, "NVIDIA A100", 80), card(1, "NVIDIA A100", 80)])
}

fn make_on(provider: &DockerProviderInstance<&Fake>, name: &str, args: &[&str]) -> Result<Agent> {
    let mut request = request(name);
    request.start_args = args.iter().map(|arg| (*arg).to_owned()).collect();
    block_on(provider.create(request))
}

fn make(fake: &Fake, name: &str, args: &[&str]) -> Result<Agent> {
    make_on(&provider(fake), name, args)
}

fn made(fake: &Fake, name: &str, args: &[&str]) -> Agent {
    make(fake, name, args).unwrap_or_else(|error| panic!("{name}: {}", summary(&error)))
}

fn refused(fake: &Fake, args: &[&str]) -> ProviderError {
    let before = fake.names();
    let error = make(fake, "refused", args).expect_err("refused");
    assert_eq!(fake.names(), before, "a container was left");
    assert_eq!(
        fake.count("create"),
        before.len(),
        "a container was made and removed again"
    );
    error
}

fn reason(error: &ProviderError) -> String {
    summary(error)
}

#[test]
fn a_number_of_gpus_becomes_devices_by_name_and_a_label() {
    let fake = two();
    let agent = made(&fake, "a", &["--gpus=1"]);
    assert_eq!(agent.gpus, ["GPU-0"]);
    let spec = fake.spec("mngr-docker.a");
    assert_eq!(spec.limits.gpus.len(), 1);
    assert_eq!(spec.limits.gpus[0].device_ids, ["GPU-0"]);
    assert_eq!(spec.limits.gpus[0].count, None);
    assert!(labels::value(&spec.labels, labels::GPUS).is_some_and(|label| label.contains("NVIDIA A100")));
    // The next one gets the card that nobody uses.
    assert_eq!(made(&fake, "b", &["--gpus=1"]).gpus, ["GPU-1"]);
    assert_eq!(made(&fake, "c", &["--gpus=all"]).gpus, ["GPU-0", "GPU-1"]);
}

#[test]
fn who_says_what_a_gpu_must_be_like_gets_one_and_a_setting_that_says_so_gives_none() {
    for condition in ["--gpu.model=A100", "--gpu.memory-min=1g", "--gpu.exclusive"] {
        assert_eq!(made(&two(), "a", &[condition]).gpus.len(), 1, "{condition}");
    }
    assert!(
        made(&two(), "a", &["--gpu.model=A100", "--gpu.count=0"])
            .gpus
            .is_empty()
    );
    assert!(made(&two(), "a", &["--gpu.exclusive=false"]).gpus.is_empty());
    let none = refused(&two(), &["--gpu.memory-min=900g"]);
    assert!(reason(&none).contains("GPU"), "{}", reason(&none));
}

#[test]
fn an_agent_without_gpus_has_an_empty_label_over_the_image_s_and_asks_no_machine() {
    let fake = two();
    made(&fake, "a", &[]);
    let spec = fake.spec("mngr-docker.a");
    assert!(spec.labels.contains(&(labels::GPUS.to_owned(), String::new())));
    assert_eq!(fake.count("gpu-probe"), 0);
}

#[test]
fn devices_are_named_by_number_uuid_place_and_cdi_name() {
    for id in ["1", "GPU-1", "0000:01:00.0", "nvidia.com/gpu=1"] {
        let fake = two();
        assert_eq!(
            made(&fake, "a", &[&format!("--gpus=device={id}")]).gpus,
            ["GPU-1"],
            "{id}"
        );
    }
    let fake = two();
    assert_eq!(made(&fake, "a", &["--gpus=\"device=0,1\""]).gpus.len(), 2);
    let fake = two();
    made(&fake, "a", &["--device=nvidia.com/gpu=1"]);
    let request = &fake.spec("mngr-docker.a").limits.gpus[0];
    assert!(request.driver == "cdi" && request.device_ids == ["nvidia.com/gpu=1"]);
}

#[test]
fn what_the_machine_can_not_meet_is_refused_before_create_with_what_it_has() {
    let fake = two();
    for (args, kind, word) in [
        (&["--gpus=3"][..], "exhausted", "3 are asked for"),
        (&["--gpus=device=7"], "not-found", "it has GPU 0 NVIDIA A100"),
        (&["--gpus=1", "--gpu.memory-min=96g"], "exhausted", "80 GiB"),
        (&["--gpu.count=1", "--gpu.model=H100"], "exhausted", "NVIDIA A100"),
        (&["--gpus=device=0", "--gpu.model=H100"], "invalid", "is no H100"),
    ] {
        let error = refused(&fake, args);
        let found = match &error {
            ProviderError::ResourceExhausted(_) => "exhausted",
            ProviderError::NotFound(_) => "not-found",
            ProviderError::InvalidArgument(_) => "invalid",
            _ => "other",
        };
        assert_eq!(found, kind, "{args:?}: {}", reason(&error));
        assert!(reason(&error).contains(word), "{args:?}: {}", reason(&error));
    }
    let none = machine(Vec::new());
    assert!(reason(&refused(&none, &["--gpus=all"])).contains("it has no GPU"));
}

#[test]
fn a_device_that_the_engine_can_not_hand_out_is_refused_with_the_reason() {
    let mut broken = card(0, "NVIDIA A100", 80);
    broken.hand_outs.clear();
    broken.unusable_reason = Some("Driver/library version mismatch".to_owned());
    let fake = machine(vec![broken]);
    for args in [&["--gpus=1"][..], &["--gpus=device=0"]] {
        assert!(reason(&refused(&fake, args)).contains("version mismatch"));
    }
}

#[test]
fn the_engine_is_asked_in_the_way_that_it_has() {
    let with = |way: HandOut| {
        let mut one = card(0, "NVIDIA A100", 80);
        one.hand_outs = vec![way];
        let fake = machine(vec![one]);
        made(&fake, "a", &["--gpus=\"capabilities=compute,graphics\",count=1"]);
        fake.spec("mngr-docker.a")
    };
    assert_eq!(with(HandOut::Cdi).limits.gpus[0].device_ids, ["nvidia.com/gpu=0"]);
    let runtime = with(HandOut::Runtime);
    assert_eq!(runtime.runtime.as_deref(), Some("nvidia"));
    assert!(runtime.env.contains(&"NVIDIA_VISIBLE_DEVICES=GPU-0".to_owned()));
    assert!(
        runtime
            .env
            .contains(&"NVIDIA_DRIVER_CAPABILITIES=compute,graphics".to_owned())
    );
    assert!(runtime.limits.gpus.is_empty());
}

#[test]
fn cards_of_amd_are_mapped_with_their_groups() {
    let mut one = card(0, "Instinct MI100", 32);
    one.vendor = "amd".to_owned();
    one.hand_outs = vec![HandOut::Nodes];
    let node = |path: &str, group| Node {
        path: path.to_owned(),
        group,
    };
    one.nodes = vec![
        node("/dev/dri/renderD128", 109),
        node("/dev/kfd", 109),
        node("/dev/dri/card0", 0),
    ];
    let fake = machine(vec![one]);
    made(&fake, "a", &["--gpus=all"]);
    let spec = fake.spec("mngr-docker.a");
    let paths: Vec<_> = spec.devices.iter().map(|device| device.host_path.as_str()).collect();
    assert_eq!(paths, ["/dev/dri/renderD128", "/dev/kfd", "/dev/dri/card0"]);
    assert_eq!(spec.group_add, ["109"]);
    assert!(spec.limits.gpus.is_empty());
}

#[test]
fn partitions_are_handed_out_and_named_by_their_place_on_the_card() {
    let mut whole = card(0, "NVIDIA A100", 80);
    whole.hand_outs.clear();
    whole.unusable_reason = Some("MIG mode is on".to_owned());
    let part = |index| Device {
        uuid: Some(format!("MIG-{index}")),
        pci_bus_id: None,
        mig_parent: Some("GPU-0".to_owned()),
        mig_profile: Some("1g.10gb".to_owned()),
        cdi_name: None,
        ..card(index, "NVIDIA A100", 10)
    };
    let fake = machine(vec![whole, part(0), part(1)]);
    assert_eq!(made(&fake, "a", &["--gpus=device=0:1"]).gpus, ["MIG-1"]);
    assert_eq!(made(&fake, "b", &["--gpus=1", "--gpu.exclusive"]).gpus, ["MIG-0"]);
}

#[test]
fn an_exclusive_device_goes_to_nobody_else_of_any_provider() {
    let fake = two();
    assert_eq!(made(&fake, "a", &["--gpus=1", "--gpu.exclusive"]).gpus, ["GPU-0"]);
    assert_eq!(made(&fake, "b", &["--gpus=1"]).gpus, ["GPU-1"]);
    for args in [
        &["--gpus=device=0"][..],
        &["--gpus=all"],
        &["--gpus=1", "--gpu.exclusive"],
        &["--gpus=2"],
    ] {
        let text = reason(&refused(&fake, args));
        assert!(
            text.contains("held by a") || text.contains("by a (for itself alone)"),
            "{args:?}: {text}"
        );
    }
    let other = named(&fake, "other");
    let error = make_on(&other, "c", &["--gpus=device=0"]).expect_err("held");
    assert!(reason(&error).contains("docker/a"), "{}", reason(&error));
}

#[test]
fn of_two_that_claim_one_device_at_once_one_gives_way_and_takes_what_is_left() {
    let fake = two();
    // Another process makes a container with the same device in the moment between our look and our create call.
    *fake.meanwhile.borrow_mut() = Some(Box::new(|fake| {
        let mut containers = fake.containers.borrow_mut();
        let (mut rival, spec) = containers[0].clone();
        rival.id = "0".repeat(64);
        rival.name = "mngr-docker.rival".to_owned();
        rival.state.status = ContainerStatus::Running;
        for (key, value) in &mut rival.labels {
            if key == labels::AGENT_ID {
                *value = "agent-rival".to_owned();
            }
        }
        containers.push((rival, spec));
    }));
    let agent = made(&fake, "a", &["--gpus=1", "--gpu.exclusive"]);
    assert_eq!(agent.gpus, ["GPU-1"]);
    assert_eq!(fake.count("remove"), 1);
    assert_eq!(fake.names().len(), 2);
}

#[test]
fn a_rival_that_is_just_being_made_is_waited_for_by_the_one_with_the_lower_id() {
    let fake = machine(vec![card(0, "NVIDIA A100", 80)]);
    *fake.meanwhile.borrow_mut() = Some(Box::new(|fake| {
        let mut containers = fake.containers.borrow_mut();
        let (mut rival, spec) = containers[0].clone();
        rival.id = "f".repeat(64);
        rival.name = "mngr-docker.rival".to_owned();
        for (key, value) in &mut rival.labels {
            if key == labels::AGENT_ID {
                *value = "agent-rival".to_owned();
            }
        }
        containers.push((rival, spec));
    }));
    // It stays as long as the waits last, so it is taken for one that stays; then nothing is left.
    let error = make(&fake, "a", &["--gpus=1", "--gpu.exclusive"]).expect_err("held");
    assert!(
        reason(&error).contains("rival") || reason(&error).contains('a'),
        "{}",
        reason(&error)
    );
    assert_eq!(fake.count("sleep"), 10);
    assert_eq!(fake.names(), ["mngr-docker.rival"]);
}

#[test]
fn a_claim_that_can_not_be_checked_leaves_no_container() {
    let fake = two();
    *fake.meanwhile.borrow_mut() = Some(Box::new(|fake| {
        fake.spoil("list", Mishap::Fails(error::internal("engine", "no", "none")));
    }));
    assert!(make(&fake, "a", &["--gpus=1"]).is_err());
    assert!(fake.names().is_empty());
}

#[test]
fn a_stopped_agent_keeps_its_devices_or_releases_them_as_the_setting_says() {
    let stop = StopRequest {
        timeout_seconds: None,
        snapshot: None,
    };
    let fake = machine(vec![card(0, "NVIDIA A100", 80)]);
    made(&fake, "a", &["--gpus=1", "--gpu.exclusive"]);
    block_on(provider(&fake).stop("a", stop.clone())).expect("stopped");
    assert!(make(&fake, "b", &["--gpus=1"]).is_err(), "it was kept");

    let fake = machine(vec![card(0, "NVIDIA A100", 80)]);
    let mut releasing = provider(&fake);
    releasing.settings.gpu_when_stopped = "release".to_owned();
    make_on(&releasing, "a", &["--gpus=1", "--gpu.exclusive"]).expect("made");
    block_on(releasing.stop("a", stop)).expect("stopped");
    make_on(&releasing, "b", &["--gpus=1"]).expect("it was released");
    let error = block_on(releasing.start("a", StartRequest { snapshot: None })).expect_err("held by b");
    assert!(reason(&error).contains("is held by b now"), "{}", reason(&error));
    assert_eq!(fake.count("start"), 2, "it was not started");
}

#[test]
fn the_settings_ask_where_the_user_does_not() {
    let fake = two();
    let mut provider = provider(&fake);
    provider.settings.gpu = [
        ("count", "1".into()),
        ("exclusive", true.into()),
        ("memory-min", "40g".into()),
    ]
    .map(|(key, value): (&str, serde_json::Value)| (key.to_owned(), value))
    .into();
    assert_eq!(make_on(&provider, "a", &[]).expect("made").gpus, ["GPU-0"]);
    assert!(
        make_on(&provider, "b", &["--gpus=device=0"]).is_err(),
        "the other has it for itself"
    );
    assert!(
        make_on(&provider, "c", &["--gpu.count=0"])
            .expect("made")
            .gpus
            .is_empty()
    );
}
