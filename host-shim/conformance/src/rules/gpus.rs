//! GPUs of the engine's machine.

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// The machine has two cards and NVIDIA's hook.
fn pretend(fixture: &Fixture) -> Result<(), Stop> {
    let sandbox = fixture.sandbox("no real machine can be given GPUs that it has not")?;
    sandbox.accept_gpus();
    let list = "GPU 0: NVIDIA A100 (UUID: GPU-a)\nGPU 1: NVIDIA A100 (UUID: GPU-b)\n";
    sandbox.answer_command(&["nvidia-smi", "-L"], list);
    sandbox.answer_command(&["find", "/usr/bin"], "/usr/bin/nvidia-container-runtime-hook\n");
    sandbox.answer_command(&["find", "/dev"], "/dev/nvidiactl 0\n");
    Ok(())
}

rules! {
    "gpus.tell-where-was-looked" of "instance.gpu-report", ["gpus"], "Every source is told, with where it was looked for and what came of it", |fixture| {
        let report = fixture.provider.gpus().await.succeeds("to look for GPUs")?;
        ensure!(!report.sources.is_empty(), "no source is told");
        let says_something = |word: &str| !word.is_empty();
        ensure!(report.sources.iter().all(|source| says_something(&source.source) && says_something(&source.place) && says_something(&source.outcome)), "{:?}", report.sources);
    }

    "gpus.are-told-with-their-holders" of "instance.gpu-holding", ["create", "gpus", "--gpus"], "Each GPU is told with the agents that hold it", |fixture| {
        pretend(fixture)?;
        let agent = fixture.agent_with("a", &["--gpus=device=1"]).await?;
        let report = fixture.provider.gpus().await.succeeds("to look for GPUs")?;
        let held: Vec<_> = report.gpus.into_iter().map(|gpu| gpu.agents).collect();
        ensure_same!(held, [Vec::new(), vec![agent.id]], "who holds them");
    }

    "gpus.missing-are-refused" of "instance.create", ["create", "gpus", "--gpus"], "GPUs that the machine has not are refused, and nothing is made", |fixture| {
        let report = fixture.provider.gpus().await.succeeds("to look for GPUs")?;
        if !report.gpus.is_empty() {
            return Err(Stop::Skipped("the engine's machine has GPUs".to_owned()));
        }
        let made = fixture.provider.create(fixture.new_agent("a", &["--gpus=all"])).await;
        ensure!(made.is_err(), "an agent got GPUs that are not there");
        ensure_same!(fixture.containers().await?.len(), 0, "how many containers are left");
    }
}
