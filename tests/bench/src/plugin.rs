//! What a plugin costs: to load, to make an instance of, to call, to exchange for another.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use mngr_docker_tests::wat::Wat;
use mngr_docker_tests::{component, with_note};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, Compiler, Loader, Plugin};
use mngr_host_shim::registry::PluginChoice;
use mngr_host_shim::sandbox::SandboxEngine;

use crate::opened::plain;

/// How many instances and calls are timed.
const CALLS: usize = 2000;

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}

/// The rows of a table of their own, with ratios.
pub async fn measure(rounds: usize, library: Option<&Path>) -> Result<String> {
    let bytes = component();
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?.with_file_name("mngr-docker");
    let mut here = Vec::new();
    let mut child = Vec::new();
    let mut cached = Vec::new();
    for round in 0..rounds.clamp(1, 5) {
        let cache = ArtefactCache::at(folder.path().join(format!("cache-{round}")));
        here.push(load(&bytes, Some(cache.clone()), Compiler::in_process())?);
        cached.push(load(&bytes, Some(cache), Compiler::in_process())?);
        if program.is_file() {
            child.push(load(&bytes, None, Compiler::child(&program, []))?);
        }
    }
    let (here, child, cached) = (median(here), median(child), median(cached));
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    let ours = timing(&bytes).await?;
    let least = timing(&Wat::new().build()).await?;
    let swap = swap(&bytes, folder.path(), rounds).await?;
    let mut text = format!(
        "| plugin | time | ratio |\n|---|---|---|\n\
         | compiled in this process | {here:.1?} | 1 |\n\
         | compiled in a child with limits | {child:.1?} | {:.2} |\n\
         | loaded from the cache | {cached:.2?} | {:.4} |\n",
        ratio(child, here),
        ratio(cached, here)
    );
    for (name, (instance, call)) in [("ours", ours), ("one that does nothing", least)] {
        text += &format!(
            "| an instance, {name} | {instance:.1?} | {:.5} |\n| an export call with 1 KB, {name} | {call:.1?} | {:.6} |\n",
            ratio(instance, here),
            ratio(call, here)
        );
    }
    if let Some(library) = library {
        let (opened, call) = native(library).await?;
        text += &format!(
            "| a native library is opened | {opened:.2?} | {:.4} |\n| an export call with 1 KB, native | {call:.1?} | {:.6} |\n",
            ratio(opened, here),
            ratio(call, here)
        );
    }
    text += &format!("| another one takes over | {swap:.2?} | {:.4} |\n", ratio(swap, here));
    Ok(text)
}

fn load(bytes: &[u8], cache: Option<ArtefactCache>, compiler: Compiler) -> Result<Duration> {
    let loader = Loader::new(cache).map_err(plain)?.compiled_by(compiler);
    let start = Instant::now();
    loader.load("bench", bytes).map_err(plain)?;
    Ok(start.elapsed())
}

/// An instance, and a call of one with 1 KB in and out.
async fn timing(bytes: &[u8]) -> Result<(Duration, Duration)> {
    let loader = Loader::new(None).map_err(plain)?.compiled_by(Compiler::in_process());
    let plugin: Plugin = loader.load("bench", bytes).map_err(plain)?;
    let timing = plugin.timing(CALLS).await.map_err(plain)?;
    Ok((timing.instance, timing.call))
}

/// Opening a library, which happens once, and a call of it with 1 KB in and out.
async fn native(library: &Path) -> Result<(Duration, Duration)> {
    let loader = Loader::new(None).map_err(plain)?.allowing_native();
    let start = Instant::now();
    let plugin = loader.load_file(library).map_err(plain)?;
    let opened = start.elapsed();
    Ok((opened, plugin.timing(CALLS).await.map_err(plain)?.call))
}

/// From a changed file to the plugin in use: two versions that are cached, in turn.
async fn swap(bytes: &[u8], folder: &Path, rounds: usize) -> Result<Duration> {
    let path = folder.join("plugin.wasm");
    std::fs::write(&path, bytes)?;
    let loader = Loader::new(Some(ArtefactCache::at(folder.join("cache-0")))).map_err(plain)?;
    let host = Host::with(loader, Environment::new([("HOME", folder.display().to_string())], "/"));
    let mut config = ProviderConfig::named("bench");
    config.plugin = Some(PluginChoice::File(path.clone()));
    let engine = Arc::new(SandboxEngine::new());
    let provider = host.open_on(&config, engine).await.map_err(plain)?;
    let mut times = Vec::new();
    for round in 0..rounds + 1 {
        let note = if round % 2 == 0 { "a" } else { "b" };
        let beside = folder.join("next.wasm");
        std::fs::write(&beside, with_note(bytes.to_vec(), note))?;
        std::fs::rename(beside, &path)?;
        let start = Instant::now();
        provider.reload().await.map_err(plain)?;
        // The first has to be compiled.
        if round > 1 {
            times.push(start.elapsed());
        }
    }
    Ok(median(times))
}
