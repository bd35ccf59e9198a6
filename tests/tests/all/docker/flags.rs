//! What each flag's value means: `docker create` and a create of ours without a start are given the same words, and what both
//! containers are is compared field by field.

mod declared;
mod fixtures;
mod inspected;
mod table;

use std::sync::Arc;

use futures::StreamExt;
use mngr_docker_tests::{Compared, DockerCli, IMAGE, Kind, Tally, Testbed, program, run};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::policy::Preset;
use mngr_host_shim::provider::{NewAgent, Provider};
use serde_json::Value;

use declared::README;
use fixtures::{Fixtures, Side};
use inspected::Inspected;
use table::Row;

/// Rows that are tried at once.
const AT_ONCE: usize = 8;
/// Rows whose containers are looked at with one request.
const BATCH: usize = 64;

#[test]
fn part() {
    compare("flags, a part", &table::part(), 200);
}

#[test]
fn whole() {
    compare("flags, the whole table", &table::rows(), 500);
}

#[test]
fn each_declared_difference_stands_in_the_documentation() {
    let text = README.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in declared::lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&line), "README.md does not say: {line}");
    }
}

/// The program itself, with each word as it would be typed.
#[test]
fn the_program_hands_the_words_on_as_they_are() {
    let lines = [
        "--env A=1 --label a=b",
        "-m 100m --cpus 1.5 --pids-limit 100",
        "-v /tmp:/t:ro --tmpfs /u:size=1m",
        "-p target=80,published=8080,protocol=tcp --expose 81",
        "--network {net} --link {peer}:alias",
    ];
    run(Kind::Real, async |bed| {
        let docker = Arc::new(DockerCli::on(None));
        let fixtures = Fixtures::new(docker.clone(), bed.provider.name());
        let settings = tempfile::tempdir().expect("a directory");
        let file = settings.path().join("settings.toml");
        let provider = format!("{}-open", bed.provider.name());
        std::fs::write(&file, format!("[providers.{provider}]\npolicy = \"open\"\n")).expect("written");
        for (index, line) in lines.into_iter().enumerate() {
            let row = Row {
                line,
                index,
                was_wrong: false,
            };
            let theirs = by_docker(&docker, &fixtures, &row).await.expect("docker takes it");
            let mut command = std::process::Command::new(program());
            command
                .env("XDG_STATE_HOME", settings.path())
                .arg("--config")
                .arg(&file);
            command.args(["--json", "create", &agent(&row), "--no-start", "--image", IMAGE]);
            let words = fixtures.words(&row, Side::Ours);
            command.args(words.iter().map(|word| format!("--start-arg={word}")));
            let output = command.args(["--", "true"]).output().expect("the program");
            let agent: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let ours = agent["container_id"].as_str().unwrap_or_else(|| panic!("{agent}"));
            let inspected = Inspected::all(&docker, &[theirs.clone(), ours.to_owned()]);
            assert_eq!(
                verdict(&row, &Ok(theirs), &Ok(ours.to_owned()), &inspected),
                Compared::AsDocker
            );
        }
    });
}

/// What a row came to: a container, by id or name, or why there is none.
type Made<E> = Result<String, E>;

fn compare(table: &str, rows: &[Row], least: usize) {
    run(Kind::Real, async |bed| {
        let docker = Arc::new(DockerCli::on(None));
        let fixtures = Fixtures::new(docker.clone(), bed.provider.name());
        let provider = open_provider(bed).await;
        let mut tally = Tally::of(table);
        for batch in rows.chunks(BATCH) {
            let (provider, fixtures, docker) = (&provider, &fixtures, &docker);
            let both = |row| async move {
                let ours = by_us(provider, fixtures, row);
                futures::future::join(by_docker(docker, fixtures, row), ours).await
            };
            let made = futures::stream::iter(batch).map(both).buffered(AT_ONCE);
            let made: Vec<_> = made.collect().await;
            let containers = made.iter().flat_map(|(theirs, ours)| theirs.iter().chain(ours));
            let containers: Vec<String> = containers.cloned().collect();
            let inspected = Inspected::all(docker, &containers);
            for (row, (theirs, ours)) in batch.iter().zip(&made) {
                tally.count(row.line, verdict(row, theirs, ours, &inspected));
            }
            fixtures.remove(&containers);
        }
        bed.remove_all_of(&provider).await;
        tally.finish(least);
    });
}

/// A provider whose policy hides no value: it grants all.
async fn open_provider(bed: &Testbed) -> Provider {
    let name = format!("{}-open", bed.provider.name());
    bed.provider_on(bed.engine.clone(), &name, |config| config.policy = Some(Preset::Open))
        .await
}

fn agent(row: &Row) -> String {
    format!("row-{}", row.index)
}

async fn by_us(provider: &Provider, fixtures: &Fixtures, row: &Row) -> Made<ProviderError> {
    let agent = NewAgent {
        start_args: fixtures.words(row, Side::Ours),
        command: vec!["true".to_owned()],
        no_start: true,
        ..NewAgent::named(agent(row))
    };
    Ok(provider.create(agent).await?.container_id)
}

async fn by_docker(docker: &Arc<DockerCli>, fixtures: &Fixtures, row: &Row) -> Made<String> {
    let name = fixtures.container(row);
    let mut words = vec!["create".to_owned(), "--name".to_owned(), name.clone()];
    words.extend(fixtures.words(row, Side::Docker));
    words.extend([IMAGE.to_owned(), "true".to_owned()]);
    let docker = docker.clone();
    let made = tokio::task::spawn_blocking(move || {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        docker.read(&words)
    });
    made.await.expect("a thread").map(|_| name)
}

fn verdict(row: &Row, theirs: &Made<String>, ours: &Made<ProviderError>, inspected: &[Inspected]) -> Compared {
    let of = |name: &String| {
        let found = inspected.iter().find(|container| container.is(name));
        found.unwrap_or_else(|| panic!("{name} was not found"))
    };
    match (theirs, ours) {
        (_, Err(error)) if error.kind() == "internal" => {
            Compared::Different(format!("what the user did wrong is `internal`: {}", error.message()))
        }
        (Err(_), Err(_)) => Compared::AsDocker,
        (Err(words), Ok(_)) => match declared::taken(words) {
            Some(line) => Compared::Declared(line.to_owned()),
            None => Compared::Different(format!("it is taken, and Docker says: {words}")),
        },
        (Ok(_), Err(error)) => match declared::refused(&error.message()) {
            Some(line) => Compared::Declared(line.to_owned()),
            None => Compared::Different(format!("Docker takes it: {}: {}", error.kind(), error.message())),
        },
        (Ok(theirs), Ok(ours)) => {
            let mut differences = of(theirs).differences(of(ours), &fixtures::volume(row));
            differences.retain(|found| !declared::is_always(found));
            let (declared, different): (Vec<_>, Vec<_>) = differences
                .into_iter()
                .partition(|found| declared::field(found).is_some());
            match (different.is_empty(), declared.first().and_then(declared::field)) {
                (true, None) => Compared::AsDocker,
                (true, Some(line)) => Compared::Declared(line.to_owned()),
                (false, _) => {
                    let different: Vec<_> = different.iter().map(ToString::to_string).collect();
                    Compared::Different(different.join("; "))
                }
            }
        }
    }
}
