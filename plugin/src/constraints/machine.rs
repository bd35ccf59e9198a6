//! What only the engine's machine knows: the filesystem under a bind, and the room that is left.

use crate::contract::docker::Container;
use crate::contract::ssh::{Command, CommandOutput};
use crate::contract::system::LogLevel;
use crate::contract::types::{Finding, FindingKind, ProviderError};
use crate::error::{kind, summary};
use crate::findings::finding;
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

/// Bytes in each of these directories, as they would be copied: files with holes count whole. They are all added up by one
/// command; where that does not end in time, or not everything may be read, they are not known.
pub(super) async fn sizes<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    directories: &[&str],
    timeout_ms: u64,
) -> Vec<Option<u64>> {
    let mut argv = vec!["du", "--summarize", "--bytes", "--null", "--"];
    argv.extend(directories);
    let output = match directories.is_empty() {
        true => None,
        false => run_within(provider, &argv, timeout_ms).await.ok(),
    };
    let whole = output.filter(|output| output.exit_status == 0);
    let stdout = whole.map(|output| output.stdout).unwrap_or_default();
    directories
        .iter()
        .map(|directory| size_in(&stdout, directory))
        .collect()
}

/// What `du --null` says of a directory.
fn size_in(stdout: &[u8], directory: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(stdout);
    let said = text.split('\0').filter_map(|line| line.split_once('\t'));
    said.into_iter().find(|(_, path)| *path == directory)?.0.parse().ok()
}

/// Bytes in a tmpfs of a container that runs, as its first process sees it. Not known where the engine's processes are not
/// those of its machine.
pub(super) async fn memory_used<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    path: &str,
) -> Option<u64> {
    let place = (container.state.pid > 0).then(|| format!("/proc/{}/root{path}", container.state.pid))?;
    let argv = ["stat", "--file-system", "--format=%T %S %b %f", "--", &place];
    let output = run(provider, &argv)
        .await
        .ok()
        .filter(|output| output.exit_status == 0)?;
    used(&String::from_utf8_lossy(&output.stdout))
}

/// Type, block size, blocks and free blocks of a filesystem, which is to be a tmpfs.
fn used(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    if words.next() != Some("tmpfs") {
        return None;
    }
    let numbers: Vec<u64> = words.map(str::parse).collect::<std::result::Result<_, _>>().ok()?;
    let [size, blocks, free] = numbers[..] else { return None };
    size.checked_mul(blocks.checked_sub(free)?)
}

/// The room on the engine's disk, in bytes.
pub(super) struct Room {
    /// Its own directory.
    directory: String,
    /// What is taken there, and what is free; absent where the machine can not be asked.
    space: Option<(u64, u64)>,
}

/// How much room there is.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn room<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Room> {
    let directory = provider.capabilities.info().await?.root_dir;
    let argv = ["df", "--block-size=1", "--output=used,avail", "--", &directory];
    let space = match run(provider, &argv).await {
        Ok(output) => used_and_free(&output),
        Err(error) => {
            let message = format!("free space for a snapshot is not known ({})", kind(&error));
            provider.capabilities.log(LogLevel::Debug, &message);
            None
        }
    };
    Ok(Room { directory, space })
}

/// A commit copies what the container has written, into the engine's own directory; `more` bytes go there besides.
pub(super) async fn free_space<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    room: Room,
    more: u64,
) -> Result<Option<Finding>> {
    let Some((used, free)) = room.space else {
        return Ok(None);
    };
    // The container has written no more than all that is there. To ask how much takes some engines as long as a commit.
    if used.saturating_add(more) <= free {
        return Ok(None);
    }
    let size = provider.capabilities.container_inspect_with_size(&container.id).await?;
    let written = size.writable_bytes.unwrap_or_default();
    let needed = written.saturating_add(more);
    let reason = format!(
        "the snapshot takes {needed} bytes, and {free} are free in {} on the engine's machine",
        room.directory
    );
    Ok((needed > free).then(|| Finding {
        source: Some(room.directory),
        size_bytes: Some(needed),
        ..finding(
            FindingKind::FreeSpace,
            reason,
            "make room first: delete snapshots, or `docker system prune`",
        )
    }))
}

fn used_and_free(output: &CommandOutput) -> Option<(u64, u64)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let (used, free) = (output.exit_status == 0).then(|| text.lines().last()?.trim().split_once(' '))??;
    Some((used.parse().ok()?, free.trim().parse().ok()?))
}

async fn run<C: Capabilities>(provider: &DockerProviderInstance<C>, argv: &[&str]) -> Result<CommandOutput> {
    run_within(provider, argv, TIMEOUT_MS).await
}

async fn run_within<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    argv: &[&str],
    timeout_ms: u64,
) -> Result<CommandOutput> {
    let command = Command {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        stdin: Vec::new(),
        timeout_ms,
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
    fn sizes_are_read_by_path_and_a_tmpfs_is_told_from_what_else_is_there() {
        let said = b"12\t/a\09\t/a b\0";
        assert_eq!(
            [size_in(said, "/a"), size_in(said, "/a b"), size_in(said, "/c")],
            [Some(12), Some(9), None]
        );
        assert_eq!(used("tmpfs 4096 100 98\n"), Some(8192));
        for unknown in ["ext2/ext3 4096 100 98", "tmpfs 4096 1 2", "tmpfs", ""] {
            assert_eq!(used(unknown), None, "{unknown}");
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
        assert_eq!(
            used_and_free(&output(0, "  Used   Avail\n   77   123456\n")),
            Some((77, 123_456))
        );
        assert_eq!(used_and_free(&output(1, "Used Avail\n77 123456\n")), None);
        assert_eq!(used_and_free(&output(0, "Used Avail\n- -\n")), None);
    }
}
