//! `snapshot list --tree`: which snapshot came of which.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use mngr_host_shim::contract::types::Snapshot;

use super::output::{Shown, shown};
use super::units::{age, short_id, size};

/// The snapshots under the ones that their agents were made from, each level oldest first. One whose parent is not in the
/// list stands at the root.
pub fn tree(snapshots: &[Snapshot], now: Timestamp) -> Vec<Shown> {
    let known: HashSet<_> = snapshots.iter().map(|snapshot| snapshot.id.as_str()).collect();
    let mut children: HashMap<Option<&str>, Vec<&Snapshot>> = HashMap::new();
    for snapshot in snapshots.iter().rev() {
        let parent = snapshot.parent.as_deref().filter(|parent| known.contains(parent));
        children.entry(parent).or_default().push(snapshot);
    }
    let mut lines = Vec::new();
    // A chain may be hundreds deep, so it is walked with a stack of its own; newest first, because the last pushed is next.
    let mut waiting: Vec<(&Snapshot, String, bool, bool)> = Vec::new();
    let push = |waiting: &mut Vec<_>, parent: Option<&str>, indent: &str, root: bool| {
        let siblings = children.get(&parent).map(Vec::as_slice).unwrap_or_default();
        for (position, snapshot) in siblings.iter().enumerate().rev() {
            waiting.push((*snapshot, indent.to_owned(), position + 1 == siblings.len(), root));
        }
    };
    push(&mut waiting, None, "", true);
    while let Some((snapshot, indent, last, root)) = waiting.pop() {
        let (branch, below) = match (root, last) {
            (true, _) => ("", ""),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
        };
        lines.push(shown!("{}{}{}", indent.as_str(), branch, line(snapshot, now)));
        push(&mut waiting, Some(&snapshot.id), &format!("{indent}{below}"), false);
    }
    lines
}

fn line(snapshot: &Snapshot, now: Timestamp) -> Shown {
    let name = snapshot.name.as_ref().map(|name| shown!(" {}", name));
    shown!(
        "{}{} of {}, {}, {}{}",
        short_id(&snapshot.id),
        name.unwrap_or_default(),
        &snapshot.agent_name,
        age(&snapshot.created_at, now),
        size(snapshot.size_bytes),
        match snapshot.volumes.len() {
            0 => Shown::default(),
            1 => shown!(", 1 volume"),
            more => shown!(", {} volumes", more),
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, agent: &str, parent: Option<&str>) -> Snapshot {
        Snapshot {
            id: format!("snap-{id}"),
            agent_id: String::new(),
            agent_name: agent.to_owned(),
            name: None,
            image: String::new(),
            image_id: String::new(),
            created_at: "2026-01-31T11:55:00Z".to_owned(),
            size_bytes: 1000,
            parent: parent.map(|parent| format!("snap-{parent}")),
            findings: Vec::new(),
            volumes: Vec::new(),
        }
    }

    #[test]
    fn snapshots_stand_under_the_ones_they_came_of() {
        let newest_first = [
            snapshot("5", "c", Some("gone")),
            snapshot("4", "b", Some("2")),
            snapshot("3", "a", Some("1")),
            snapshot("2", "b", Some("1")),
            snapshot("1", "a", None),
        ];
        let lines = tree(&newest_first, "2026-01-31T12:00:00Z".parse().expect("a time"));
        insta::assert_snapshot!(Shown::join(lines, "\n").plain(), @r"
        snap-1 of a, 5 minutes ago, 1kB
        ├─ snap-2 of b, 5 minutes ago, 1kB
        │  └─ snap-4 of b, 5 minutes ago, 1kB
        └─ snap-3 of a, 5 minutes ago, 1kB
        snap-5 of c, 5 minutes ago, 1kB
        ");
    }

    #[test]
    fn a_chain_of_thousands_is_shown_whole() {
        let chain: Vec<_> = (0..2000)
            .rev()
            .map(|at| snapshot(&at.to_string(), "a", (at > 0).then(|| (at - 1).to_string()).as_deref()))
            .collect();
        assert_eq!(tree(&chain, Timestamp::UNIX_EPOCH).len(), 2000);
    }
}
