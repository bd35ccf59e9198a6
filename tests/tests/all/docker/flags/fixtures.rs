//! What rows speak of: networks, volumes and another container, each with names of this test alone.

use std::sync::Arc;

use mngr_docker_tests::{DockerCli, IMAGE};

use super::table::Row;

/// Who is given the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The Docker CLI.
    Docker,
    /// The provider.
    Ours,
}

/// What rows speak of. All that is made with names of it is removed when it is dropped.
pub struct Fixtures {
    docker: Arc<DockerCli>,
    prefix: String,
}

/// What stands at the end of the name of the volume that a row makes.
pub fn volume(row: &Row) -> String {
    format!("-v{}-", row.index)
}

impl Fixtures {
    /// # Panics
    /// Where the engine refuses.
    pub fn new(docker: Arc<DockerCli>, prefix: &str) -> Self {
        let fixtures = Self {
            docker,
            prefix: prefix.to_owned(),
        };
        let name = |what: &str| format!("{prefix}-{what}");
        for words in [
            vec!["network", "create", &name("net")],
            vec!["network", "create", &name("net2")],
            vec!["volume", "create", &name("vol")],
            vec![
                "run",
                "--detach",
                "--init",
                "--ipc=shareable",
                "--volume=/peer",
                "--name",
                &name("peer"),
                IMAGE,
                "sleep",
                "1000",
            ],
        ] {
            fixtures.docker.read(&words).expect("made");
        }
        fixtures
    }

    /// The name of the container that the Docker CLI makes of a row.
    pub fn container(&self, row: &Row) -> String {
        format!("{}-row{}", self.prefix, row.index)
    }

    /// A row's words.
    ///
    /// # Panics
    /// Where no shell would take the row.
    pub fn words(&self, row: &Row, side: Side) -> Vec<String> {
        let side = match side {
            Side::Docker => "docker",
            Side::Ours => "ours",
        };
        let words = shlex::split(row.line).unwrap_or_else(|| panic!("a quote is not closed: {}", row.line));
        let named = |word: String| {
            ["net", "net2", "peer", "vol"]
                .iter()
                .fold(word, |word, what| {
                    word.replace(&format!("{{{what}}}"), &format!("{}-{what}", self.prefix))
                })
                .replace("{v}", &format!("{}{}{side}", self.prefix, volume(row)))
        };
        words.into_iter().map(named).collect()
    }

    /// Removes containers, with their volumes that have no name.
    pub fn remove(&self, containers: &[String]) {
        self.all(&["rm", "--force", "--volumes"], containers);
    }

    fn all(&self, verb: &[&str], names: &[String]) {
        if !names.is_empty() {
            let names = names.iter().map(String::as_str);
            self.docker.run(&verb.iter().copied().chain(names).collect::<Vec<_>>());
        }
    }

    fn found(&self, verb: &[&str]) -> Vec<String> {
        let names = self.docker.read(verb).unwrap_or_default();
        names
            .lines()
            .filter(|name| name.trim_start_matches("mngr-").starts_with(&self.prefix))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Fixtures {
    fn drop(&mut self) {
        self.remove(&self.found(&["ps", "--all", "--format={{.Names}}"]));
        self.all(&["volume", "rm"], &self.found(&["volume", "ls", "--format={{.Name}}"]));
        self.all(
            &["network", "rm"],
            &self.found(&["network", "ls", "--format={{.Name}}"]),
        );
    }
}
