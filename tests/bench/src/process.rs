//! Whole processes, cold: how long they take, and the most memory they hold.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use wait4::Wait4;

use crate::measure::{Contender, Part, Row};
use crate::side::Scene;
use crate::{cli, worker};

/// One program that lists all agents and ends.
struct Program {
    contender: Contender,
    words: Vec<String>,
}

/// Lists `size` agents, each time in a process of its own.
pub fn measure(scene: &Scene, size: usize, rounds: usize, python: Option<&Path>) -> Result<Part> {
    let folder = tempfile::tempdir()?;
    let programs = programs(scene, folder.path(), python)?;
    let mut time = Row::new(format!("list of {size}, whole process")).of_size(size);
    let mut memory = Row::new(format!("list of {size}, most memory"))
        .of_size(size)
        .of_memory();
    for round in 0..rounds {
        for at in 0..programs.len() {
            let program = &programs[(at + round) % programs.len()];
            let start = Instant::now();
            let output = Command::new(&program.words[0]).args(&program.words[1..]).output()?;
            time.took(program.contender, start.elapsed());
            let stderr = String::from_utf8_lossy(&output.stderr);
            anyhow::ensure!(output.status.success(), "{}: {stderr}", program.words.join(" "));
        }
    }
    for _ in 0..rounds.min(5) {
        for program in &programs {
            memory.add(program.contender, peak(&program.words)?);
        }
    }
    let mut part = Part::new("Cold processes");
    part.rows = vec![time, memory];
    Ok(part)
}

fn programs(scene: &Scene, folder: &Path, python: Option<&Path>) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    let mut add = |contender, words: &[&str]| {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        programs.push(Program { contender, words });
    };
    let ours = mngr_docker()?;
    let config = folder.join("settings.toml");
    let (name, host) = (&scene.provider, &scene.host);
    std::fs::write(
        &config,
        format!("[providers.{name}]\nbackend = \"docker\"\nhost = \"{host}\"\n"),
    )?;
    let (ours, config) = (ours.to_string_lossy(), config.to_string_lossy());
    add(
        Contender::Wasm,
        &[&ours, "--config", &config, "--provider", name, "list", "--json"],
    );
    if cli::Cli::find(scene).is_some() {
        let label = format!("label=com.imbue.mngr.provider={name}");
        let list = cli::list_arguments(&label);
        add(Contender::Cli, &[&[cli::PROGRAM, "--host", host], &list[..]].concat());
    }
    if let Some(python) = python {
        let (python, script) = (python.to_string_lossy(), worker::script());
        add(
            Contender::Python,
            &[&python, &script.to_string_lossy(), "list", host, name],
        );
    }
    Ok(programs)
}

/// The program that was built with this one.
fn mngr_docker() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("mngr-docker");
    anyhow::ensure!(
        path.is_file(),
        "there is no {}; run `cargo xtask bench`",
        path.display()
    );
    Ok(path)
}

/// The most memory that a run of a program holds, in MiB. It is started by a small process: the kernel counts what a process held
/// before it became that program, and this one holds much.
fn peak(words: &[String]) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--peak-of")
        .args(words)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes: u64 = text.trim().parse().with_context(|| format!("no figure: {text}"))?;
    Ok(bytes as f64 / f64::from(1 << 20))
}

/// That small process: prints the most bytes that a program held.
pub fn print_peak(words: &[String]) -> Result<()> {
    let (program, arguments) = words.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null());
    let used = command.spawn()?.wait4()?;
    anyhow::ensure!(used.status.success(), "{program} failed");
    println!("{}", used.rusage.maxrss);
    Ok(())
}
