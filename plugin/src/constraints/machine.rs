//! What only the engine's machine knows: the filesystem under a bind, and the room that is left.

use super::finding;
use crate::contract::docker::Container;
use crate::contract::ssh::{Command, CommandOutput};
use crate::contract::system::LogLevel;
use crate::contract::types::{Finding, FindingKind, ProviderError};
use crate::error::summary;
use crate::{Capabilities, DockerProviderInstance, Result};

const TIMEOUT_MS: u64 = 5_000;
const MAX_OUTPUT: u64 = 64 * 1024;

/// Filesystems whose files are on another machine, as `findmnt` and `stat -f` call them.
const NETWORK: [&str; 27] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cephfs",
    "cifs",
    "coda",
    "davfs",
    "gfs",
    "gfs2",
    "gluster",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncp",
    "ncpfs",
    "nfs",
    "nfs3",
    "nfs4",
    "ocfs2",
    "orangefs",
    "panfs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "v9fs",
];
/// FUSE programs whose files are on another machine.
const NETWORK_FUSE: [&str; 12] = [
    "sshfs",
    "s3fs",
    "rclone",
    "gcsfuse",
    "goofys",
    "davfs",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "smbnetfs",
    "curlftpfs",
    "cephfs",
];

/// Whether files on a filesystem of that type are on another machine.
pub(super) fn is_network(filesystem: &str) -> bool {
    match filesystem.strip_prefix("fuse.") {
        Some(program) => NETWORK_FUSE.contains(&program),
        None => NETWORK.contains(&filesystem),
    }
}

/// What is under a path of the engine's machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Under {
    /// A filesystem of that type.
    Filesystem(String),
    /// It could not be asked, and why.
    Unknown(String),
}

/// The type of the filesystem that a path lies on. `findmnt` tells FUSE programs apart; where it is not there, `stat` does.
pub(super) async fn filesystem<C: Capabilities>(provider: &DockerProviderInstance<C>, path: &str) -> Under {
    let mut why = String::new();
    for argv in [
        &[
            "findmnt",
            "--noheadings",
            "--first-only",
            "--output",
            "FSTYPE",
            "--target",
            path,
        ][..],
        &["stat", "--file-system", "--format=%T", "--", path][..],
    ] {
        match run(provider, argv).await {
            Ok(output) if output.exit_status == 0 => {
                let text = String::from_utf8_lossy(&output.stdout);
                if let Some(kind) = text.split_whitespace().next() {
                    return Under::Filesystem(kind.to_owned());
                }
                why = format!("`{}` names none", argv[0]);
            }
            Ok(output) => why = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error @ ProviderError::Unsupported(_)) => return Under::Unknown(summary(&error)),
            Err(error) => why = summary(&error),
        }
    }
    Under::Unknown(why)
}

/// A commit copies what the container has written, into the engine's own directory.
pub(super) async fn free_space<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
) -> Result<Option<Finding>> {
    let info = provider.capabilities.info().await?;
    let argv = ["df", "--block-size=1", "--output=avail", "--", &info.root_dir];
    let free = match run(provider, &argv).await {
        Ok(output) => available(&output),
        Err(error) => {
            let message = format!("free space for a snapshot is not known: {}", summary(&error));
            provider.capabilities.log(LogLevel::Debug, &message);
            None
        }
    };
    let Some(free) = free else { return Ok(None) };
    let size = provider.capabilities.container_inspect_with_size(&container.id).await?;
    let needed = size.writable_bytes.unwrap_or_default();
    Ok((needed > free).then(|| Finding {
        source: Some(info.root_dir.clone()),
        size_bytes: Some(needed),
        ..finding(
            FindingKind::FreeSpace,
            format!(
                "the agent has written {needed} bytes, and {free} are free in {} on the engine's machine",
                info.root_dir
            ),
            "make room first: delete snapshots, or `docker system prune`",
        )
    }))
}

fn available(output: &CommandOutput) -> Option<u64> {
    let text = String::from_utf8_lossy(&output.stdout);
    (output.exit_status == 0).then(|| text.lines().last()?.trim().parse().ok())?
}

async fn run<C: Capabilities>(provider: &DockerProviderInstance<C>, argv: &[&str]) -> Result<CommandOutput> {
    let command = Command {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        stdin: Vec::new(),
        timeout_ms: TIMEOUT_MS,
        max_output_bytes: MAX_OUTPUT,
    };
    provider.capabilities.machine_run(command).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystems_of_other_machines_are_told_from_local_ones() {
        for network in ["nfs4", "cifs", "9p", "v9fs", "ceph", "fuse.sshfs", "fuse.rclone"] {
            assert!(is_network(network), "{network}");
        }
        for local in ["ext4", "xfs", "overlay", "tmpfs", "fuseblk", "fuse.ntfs-3g", ""] {
            assert!(!is_network(local), "{local}");
        }
    }

    #[test]
    fn the_free_bytes_are_the_last_line_of_df() {
        let output = |exit_status, text: &str| CommandOutput {
            exit_status,
            stdout: text.as_bytes().to_vec(),
            stderr: Vec::new(),
            truncated: false,
        };
        assert_eq!(available(&output(0, "     Avail\n 123456\n")), Some(123_456));
        assert_eq!(available(&output(1, "     Avail\n 123456\n")), None);
        assert_eq!(available(&output(0, "Avail\n-\n")), None);
    }
}
