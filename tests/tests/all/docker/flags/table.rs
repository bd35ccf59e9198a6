//! The rows: words of `docker create` as a shell takes them, in files by topic. The public tables of the Docker CLI's own tests are
//! in them as facts, beside spellings of our own.
//!
//! `{net}` and `{net2}` are networks, `{peer}` a container that runs and has a volume, `{vol}` a volume, and `{v}` a volume that is
//! not there yet. A row that was once wrong begins with `! `.

const TABLES: [&str; 12] = [
    include_str!("env.rows"),
    include_str!("labels.rows"),
    include_str!("mounts.rows"),
    include_str!("volumes.rows"),
    include_str!("tmpfs.rows"),
    include_str!("ports.rows"),
    include_str!("networks.rows"),
    include_str!("names.rows"),
    include_str!("limits.rows"),
    include_str!("devices.rows"),
    include_str!("security.rows"),
    include_str!("life.rows"),
];

/// Of the rows that always were as Docker has them, each so many-th is in the part.
const NTH: usize = 12;

/// One list of words.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// As a shell takes them.
    pub line: &'static str,
    /// Its place in the whole table.
    pub index: usize,
    /// Whether it was once different, so that it is in the part as well.
    pub was_wrong: bool,
}

/// All rows.
pub fn rows() -> Vec<Row> {
    let lines = TABLES.iter().flat_map(|table| table.lines());
    let rows = lines.filter(|line| !line.is_empty()).enumerate();
    rows.map(|(index, line)| Row {
        line: line.strip_prefix("! ").unwrap_or(line),
        index,
        was_wrong: line.starts_with("! "),
    })
    .collect()
}

/// Those that always run: each that was once wrong, and some of the others.
pub fn part() -> Vec<Row> {
    let mut rows = rows();
    rows.retain(|row| row.was_wrong || row.index.is_multiple_of(NTH));
    rows
}
