//! How many rows of a table are as the Docker CLI has them.

/// What comparing one row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Both did it, to the same effect, or both refused it.
    AsDocker,
    /// We do otherwise on purpose, and this line of the documentation says so.
    Declared(String),
    /// We do otherwise, like this.
    Different(String),
}

/// The rows of a table that were compared.
#[derive(Debug)]
pub struct Tally {
    table: String,
    as_docker: usize,
    declared: usize,
    different: Vec<String>,
}

impl Tally {
    /// None yet of that table.
    pub fn of(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            as_docker: 0,
            declared: 0,
            different: Vec::new(),
        }
    }

    /// Counts a row.
    pub fn count(&mut self, row: &str, compared: Compared) {
        match compared {
            Compared::AsDocker => self.as_docker += 1,
            Compared::Declared(_) => self.declared += 1,
            Compared::Different(how) => self.different.push(format!("{row}: {how}")),
        }
    }

    /// Prints the three counts, on one line.
    ///
    /// # Panics
    /// Where fewer than `least` rows were compared, or a row is different: each of those is shown.
    pub fn finish(self, least: usize) {
        let different = self.different.len();
        eprintln!(
            "{}: {} as Docker, {} declared otherwise, {different} different",
            self.table, self.as_docker, self.declared
        );
        let rows = self.as_docker + self.declared + different;
        assert!(rows >= least, "{rows} rows were compared, and not {least}");
        assert!(self.different.is_empty(), "\n{}", self.different.join("\n"));
    }
}
