//! `docker cp` on a container and `mngr-docker cp` on an agent: both get the same files on both sides, each makes one copy, and then
//! the exit and all that there is on both sides are compared.
//!
//! One container and one agent serve all rows of a table, each in a directory of its own.

mod rows;
mod sides;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use mngr_docker_tests::{Compared, Tally};

use rows::Row;
use sides::{Agent, Container, Side};

const README: &str = include_str!("../../../../README.md");
/// Every so many rows run always.
const PART: usize = 23;
/// Rows of the whole table.
const ROWS: usize = 500;

#[test]
fn part() {
    let rows = rows::all().into_iter().enumerate();
    let chosen = rows.filter(|(number, row)| number % PART == 0 || row.always);
    compare(
        "copies, a part",
        &chosen.map(|(_, row)| row).collect::<Vec<_>>(),
        ROWS / PART,
    );
}

#[test]
fn whole() {
    compare("copies", &rows::all(), ROWS);
}

/// Makes every copy of a table on both sides.
fn compare(table: &str, rows: &[Row], least: usize) {
    let (docker, ours) = (Container::start(), Agent::start());
    let (docker_before, ours_before) = (prepared(&docker, rows), prepared(&ours, rows));
    let run = |side: &(dyn Side + Sync)| -> Vec<Output> {
        let made = rows.iter().enumerate().map(|(number, row)| side.copy(number, row));
        made.collect()
    };
    let (docker_ended, ours_ended) = std::thread::scope(|scope| {
        let docker = scope.spawn(|| run(&docker));
        let ours = scope.spawn(|| run(&ours));
        (docker.join().expect("all copies"), ours.join().expect("all copies"))
    });
    let (docker_after, ours_after) = (all(&docker, rows), all(&ours, rows));
    let mut tally = Tally::of(table);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(
            docker_before[number], ours_before[number],
            "both begin with the same: {row}"
        );
        let (docker, ours) = (&docker_ended[number], &ours_ended[number]);
        let mut differences = Vec::new();
        if docker.status.success() != ours.status.success() {
            let (docker, ours) = (described(docker), described(ours));
            differences.push(format!("docker {docker}; ours {ours}"));
        }
        if ours.status.code() == Some(1) {
            differences.push(format!("a refusal that is called our own fault: {}", described(ours)));
        }
        differences.extend(tree::differences(&docker_after[number], &ours_after[number]));
        let compared = match (row.declared, differences.is_empty()) {
            (_, true) => Compared::AsDocker,
            (Some(line), false) => {
                assert!(README.contains(line), "the README does not say: {line}");
                Compared::Declared(line.to_owned())
            }
            (None, false) => Compared::Different(differences.join("\n    ")),
        };
        tally.count(&row.to_string(), compared);
    }
    tally.finish(least);
}

fn described(output: &Output) -> String {
    match output.status.success() {
        true => "accepts it".to_owned(),
        false => format!("refuses it: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

/// What there is for each row: here and in the container, by path.
type Trees = Vec<BTreeMap<String, String>>;

/// Puts the files of every row in place, and looks at them.
fn prepared(side: &impl Side, rows: &[Row]) -> Trees {
    side.prepare(rows);
    all(side, rows)
}

fn all(side: &impl Side, rows: &[Row]) -> Trees {
    let there = tree::of_archive(&side.archive());
    let of_row = |number: usize| {
        let here = tree::of_directory(&side.here().join(number.to_string()));
        let here = here.into_iter().map(|(path, what)| (format!("here: {path}"), what));
        let prefix = format!("rows/{number}");
        let there = there.iter().filter_map(|(path, what)| {
            let below = Path::new(path).strip_prefix(&prefix).ok()?;
            Some((
                format!("there: {}", below.display()),
                what.replace(&format!("{prefix}/"), ""),
            ))
        });
        here.chain(there).collect()
    };
    (0..rows.len()).map(of_row).collect()
}
