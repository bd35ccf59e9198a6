//! What tests run besides the engine, installed in one go where it is missing.

use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{apt_install, exists};

/// A program, by name or path, and the Debian package that has it.
const NEEDED: [(&str, &str); 13] = [
    ("dockerd", "docker.io"),
    ("containerd", "containerd"),
    ("unshare", "util-linux"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("/usr/lib/openssh/sftp-server", "openssh-sftp-server"),
    ("sshfs", "sshfs"),
    ("fusermount3", "fuse3"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("rsync", "rsync"),
    ("tmux", "tmux"),
];

/// Installs what is missing.
pub fn ensure() -> Result<()> {
    // Where a user's PATH has no programs for administrators, they are there all the same.
    let there = |program: &str| exists(program) || Path::new("/usr/sbin").join(program).is_file();
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !there(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt_install(&missing).context("the tests need more than this machine has")
}
