//! Contexts of builds: what is in an image below `COPY . /ctx`, or that neither builds it.
//!
//! The Docker CLI builds with the engine's classic builder, the only one that it has without a plugin; the provider with the engine's
//! BuildKit. What is sent is the same.

mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mngr_docker_tests::{Compared, DockerCli, Tally, cache_home, program};
use serde_json::Value;

use table::{ROWS, Row};

const DOCKERFILE: &str = "FROM mngr-test:busybox\nCOPY . /ctx\n";
/// What a file with rules of its own says.
const OWN_RULES: &str = "a\n";
/// Rows that are built at once.
const AT_ONCE: usize = 3;
/// Of so many rows the part has one, and all that were once wrong.
const NTH: usize = 12;

/// What is in an image, by path: kind, mode, and content or target.
type Tree = BTreeMap<String, (char, u32, String)>;

#[test]
fn part() {
    let rows: Vec<_> = ROWS
        .iter()
        .enumerate()
        .filter(|(index, row)| index % NTH == 0 || row.was_wrong)
        .map(|(_, row)| *row)
        .collect();
    compare("builds, a part", &rows, ROWS.len() / NTH);
}

#[test]
fn whole() {
    compare("builds", ROWS, 60);
}

#[test]
fn what_is_otherwise_is_in_the_readme() {
    let readme = include_str!("../../../../README.md");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in ROWS.iter().filter_map(|row| row.declared) {
        assert!(words(readme).contains(&words(line)), "{line}");
    }
}

fn compare(name: &str, rows: &[Row], least: usize) {
    let docker = DockerCli::on(None);
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::of(name)));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let compared = compare_row(&docker, row);
                    let name = format!("{:?} {:?} at {:?} with {:?}", row.flags, row.tree, row.at, row.ignore);
                    tally.lock().expect("a tally").count(&name, compared);
                }
            });
        }
    });
    tally.into_inner().expect("a tally").finish(least);
}

fn compare_row(docker: &DockerCli, row: &Row) -> Compared {
    let directory = laid_out(row);
    let root = directory.path();
    let (theirs, ours) = (by_docker(docker, root, row), by_us(docker, root, row));
    match (&theirs, &ours, row.declared) {
        (Ok(theirs), Ok(ours), _) if theirs == ours => Compared::AsDocker,
        (Err(_), Err(_), _) => Compared::AsDocker,
        (_, _, Some(line)) => Compared::Declared(line.to_owned()),
        (Ok(theirs), Ok(ours), None) => {
            let only = |a: &Tree, b: &Tree| -> Vec<_> {
                let other = a.iter().filter(|(path, file)| b.get(*path) != Some(file));
                other.map(|(path, file)| format!("{path} {file:?}")).collect()
            };
            Compared::Different(format!("Docker {:?}, we {:?}", only(theirs, ours), only(ours, theirs)))
        }
        (theirs, ours, None) => {
            let brief = |built: &Result<Tree, String>| match built {
                Ok(tree) => format!("has {:?}", tree.keys()),
                Err(said) => format!("says {said:?}"),
            };
            Compared::Different(format!("Docker {}, we {}", brief(theirs), brief(ours)))
        }
    }
}

/// The directory in which the row's context lies.
fn laid_out(row: &Row) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let context = directory.path().join("c");
    for path in ["c", "o", row.at] {
        fs::create_dir_all(directory.path().join(path)).expect("made");
    }
    let mut modes = Vec::new();
    for word in row.tree.split_whitespace() {
        let (name, mode) = match word.rsplit_once(':') {
            Some((name, mode)) => (name, u32::from_str_radix(mode, 8).expect("a mode")),
            None if word.ends_with('/') => (word, 0o755),
            None => (word, 0o644),
        };
        let (name, target) = name
            .split_once("->")
            .map_or((name, None), |(name, target)| (name, Some(target)));
        let path = context.join(name.trim_start_matches(['|', '=']));
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        if let Some(target) = target {
            symlink(target, path).expect("linked");
            continue;
        }
        if name.ends_with('/') {
            fs::create_dir_all(&path).expect("made");
        } else if name.starts_with('|') {
            assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        } else if name.starts_with('=') {
            drop(UnixListener::bind(&path).expect("bound"));
            continue;
        } else {
            let content = match name.rsplit('/').next().unwrap_or_default() {
                "Dockerfile" | "dockerfile" | "Other" | "Real" => DOCKERFILE,
                own if own.ends_with(".dockerignore") => OWN_RULES,
                _ => name,
            };
            fs::write(&path, content).expect("written");
        }
        modes.push((path, mode));
    }
    if !row.ignore.is_empty() {
        fs::write(context.join(".dockerignore"), row.ignore).expect("written");
    }
    for (path, mode) in modes {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }
    directory
}

fn by_docker(docker: &DockerCli, root: &Path, row: &Row) -> Result<Tree, String> {
    let tag = format!("mngr-builds-test:{}", uuid::Uuid::new_v4().simple());
    let mut command = docker.command();
    command
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--quiet", "--tag", &tag]);
    let built = said(run(command.args(flags(root, row)).arg(root.join("c")), root, row));
    let tree = built.map(|_| {
        let container = docker.read(&["create", &tag]).expect("a container");
        let tree = tree_of(docker, &container);
        docker.read(&["rm", "--force", &container]).expect("removed");
        tree
    });
    if tree.is_ok() {
        docker.read(&["rmi", &tag]).expect("removed");
    }
    tree
}

fn by_us(docker: &DockerCli, root: &Path, row: &Row) -> Result<Tree, String> {
    let provider = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    let home = tempfile::tempdir().expect("a directory");
    let settings = home.path().join("settings.toml");
    fs::write(&settings, format!("[providers.{provider}]\nbackend = \"docker\"\n")).expect("written");
    let mut command = Command::new(program());
    command
        .args(["--json", "--config"])
        .arg(settings)
        .args(["--provider", &provider]);
    command.envs([
        ("HOME", home.path()),
        ("XDG_STATE_HOME", home.path()),
        ("DOCKER_CONFIG", home.path()),
    ]);
    command.env("XDG_CACHE_HOME", cache_home());
    command
        .args(["create", "a", "--no-start", "--build"])
        .arg(root.join("c"));
    for flag in flags(root, row) {
        command.args(["-b", &flag]);
    }
    let created = said(run(&mut command, root, row))?;
    let agent: Value = serde_json::from_str(&created).expect("an agent");
    let [id, container] = ["id", "container_id"].map(|key| agent[key].as_str().expect("a text").to_owned());
    let tree = tree_of(docker, &container);
    docker.read(&["rm", "--force", &container]).expect("removed");
    docker.read(&["rmi", &format!("mngr-build:{id}")]).expect("removed");
    Ok(tree)
}

fn flags(root: &Path, row: &Row) -> Vec<String> {
    let root = root.display().to_string();
    row.flags.iter().map(|flag| flag.replace("{}", &root)).collect()
}

/// Runs it where the row says, with a Dockerfile on its standard input.
fn run(command: &mut Command, root: &Path, row: &Row) -> Output {
    let piped = command.current_dir(root.join(row.at)).stdin(Stdio::piped());
    let mut child = piped
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // One that reads nothing of it may have ended by now.
    let _ = child.stdin.take().expect("a pipe").write_all(DOCKERFILE.as_bytes());
    child.wait_with_output().expect("ended")
}

fn said(output: Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&[output.stdout, output.stderr].concat())),
    }
}

/// What is below `/ctx` in a container.
fn tree_of(docker: &DockerCli, container: &str) -> Tree {
    let output = docker.run(&["cp", &format!("{container}:/ctx"), "-"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut tree = Tree::new();
    for entry in tar::Archive::new(&output.stdout[..]).entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let path = path.trim_end_matches('/').to_owned();
        let (kind, mode) = (
            entry.header().entry_type().as_byte(),
            entry.header().mode().expect("a mode"),
        );
        let target = entry
            .link_name()
            .expect("a link")
            .map(|target| target.display().to_string());
        let mut content = String::new();
        entry.read_to_string(&mut content).expect("text");
        // The name of a Dockerfile from elsewhere would be another with each build.
        assert!(!path.contains(".dockerfile."), "{path}");
        tree.insert(path, (char::from(kind), mode & 0o7777, target.unwrap_or(content)));
    }
    tree
}
