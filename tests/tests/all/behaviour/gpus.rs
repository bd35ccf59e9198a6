//! GPUs where there are none, and on an engine in memory whose machine pretends to have some.

use std::collections::BTreeSet;

use mngr_docker_tests::{Kind, Testbed, behaviours, run};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::policy::PROVIDER_LABEL;
use mngr_host_shim::provider::{NewAgent, Provider};

async fn create(provider: &Provider, name: &str, args: &[&str]) -> Result<Agent> {
    let start_args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let agent = NewAgent {
        start_args,
        ..NewAgent::named(name)
    };
    provider.create(agent).await
}

async fn containers(bed: &Testbed) -> usize {
    let filter = ContainerFilter {
        all: true,
        labels: vec![format!("{PROVIDER_LABEL}={}", bed.provider.name())],
    };
    bed.engine.container_list(filter).await.expect("a list").len()
}

behaviours! {
    #[everywhere]
    async fn a_machine_without_gpus_says_where_it_looked(bed) {
        let report = bed.provider.gpus().await.expect("a report");
        assert!(report.gpus.is_empty() && report.lost.is_empty(), "{report:?}");
        assert_eq!(report.complete, bed.sandbox.is_none());
        for source in ["nvidia-smi -q -x", "proc", "dev", "cdi", "rocm-smi", "amd-smi", "kfd", "drm", "engine", "hook"] {
            let asked = report.sources.iter().find(|each| each.source == source);
            assert!(asked.is_some_and(|each| !each.place.is_empty() && !each.outcome.is_empty()), "{source}");
        }
    }

    async fn gpus_that_are_not_there_are_refused_and_no_container_is_left(bed) {
        for args in [&["--gpus=all"][..], &["--gpus=1"], &["--gpus=device=0"], &["--gpu.count=1", "--gpu.exclusive"]] {
            create(&bed.provider, "a", args).await.expect_err("there is none");
            assert_eq!(containers(bed).await, 0, "{args:?}");
        }
    }
}

/// The machine has three cards and NVIDIA's hook.
fn pretend(bed: &Testbed) {
    let sandbox = bed.sandbox.as_ref().expect("the engine in memory");
    sandbox.accept_gpus();
    let list = "GPU 0: NVIDIA A100 (UUID: GPU-a)\nGPU 1: NVIDIA A100 (UUID: GPU-b)\nGPU 2: NVIDIA A100 (UUID: GPU-c)\n";
    sandbox.answer_command(&["nvidia-smi", "-L"], list);
    sandbox.answer_command(&["find", "/usr/bin"], "/usr/bin/nvidia-container-runtime-hook\n");
    sandbox.answer_command(&["find", "/dev"], "/dev/nvidiactl 0\n");
}

#[test]
fn of_many_who_want_a_card_for_themselves_at_once_as_many_get_one_as_there_are() {
    run(Kind::Sandbox, async |bed| {
        pretend(bed);
        let names: Vec<_> = (0..8).map(|number| format!("a{number}")).collect();
        let each = names.iter().map(async |name| {
            let provider = bed.again().await;
            create(&provider, name, &["--gpus=1", "--gpu.exclusive"]).await
        });
        let outcomes = futures::future::join_all(each).await;
        let got: Vec<_> = outcomes.iter().flatten().flat_map(|agent| agent.gpus.clone()).collect();
        assert_eq!(got.len(), 3, "{outcomes:?}");
        assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), 3, "{got:?}");
        assert_eq!(containers(bed).await, 3);
    });
}

#[test]
fn two_who_want_all_cards_for_themselves_do_not_share_any() {
    run(Kind::Sandbox, async |bed| {
        pretend(bed);
        let (one, other) = (bed.again().await, bed.another_provider("other").await);
        let (a, b) = futures::join!(
            create(&one, "a", &["--gpus=all", "--gpu.exclusive"]),
            create(&other, "b", &["--gpus=all", "--gpu.exclusive"]),
        );
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
        for provider in [&one, &other] {
            for agent in provider.discover(Default::default()).await.expect("agents") {
                provider
                    .destroy(&agent.id, Default::default())
                    .await
                    .expect("destroyed");
            }
        }
    });
}

#[test]
fn a_destroyed_agent_s_card_is_free_again_and_a_fork_gets_another() {
    run(Kind::Sandbox, async |bed| {
        pretend(bed);
        let provider = &bed.provider;
        create(provider, "a", &["--gpus=device=2", "--gpu.exclusive"])
            .await
            .expect("made");
        create(provider, "b", &["--gpus=device=2"]).await.expect_err("held");
        let request = mngr_host_shim::contract::instance::ForkRequest {
            names: vec!["c".to_owned()],
            ..Default::default()
        };
        let forked = provider.fork("a", request).await.expect("a fork");
        assert_ne!(forked[0].gpus, ["GPU-c"]);
        provider.destroy("a", Default::default()).await.expect("destroyed");
        let again = create(provider, "d", &["--gpus=device=2"]).await.expect("free again");
        assert_eq!(again.gpus, ["GPU-c"]);
        let report = provider.gpus().await.expect("a report");
        assert_eq!(report.gpus[2].agents, [again.id]);
    });
}
