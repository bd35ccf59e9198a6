//! A directory that really lies on a network filesystem: sshfs, whose other end is an SFTP server that it talks to as it
//! would over SSH.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands for `ssh`: whatever the host and the options, it is the server.
const INSTEAD_OF_SSH: &str = "#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n";

/// The mount. It ends with this value.
pub struct NetworkMount {
    directory: tempfile::TempDir,
}

impl NetworkMount {
    /// Mounts a directory that is empty.
    ///
    /// # Panics
    /// Where it can not be mounted: `cargo xtask setup` installs sshfs, and it takes root and `/dev/fuse`.
    pub fn new() -> Self {
        let mount = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        let at = |name| mount.directory.path().join(name);
        for name in ["far", "near"] {
            std::fs::create_dir(at(name)).expect("a directory");
        }
        std::fs::write(at("ssh"), INSTEAD_OF_SSH).expect("a script");
        std::fs::set_permissions(at("ssh"), PermissionsExt::from_mode(0o700)).expect("a program");
        let mounted = Command::new("sshfs")
            .arg(format!("elsewhere:{}", at("far").display()))
            .arg(at("near"))
            // The engine is another process, and may be another user's.
            .args(["-o", "allow_other"])
            .args(["-o", &format!("ssh_command={}", at("ssh").display())])
            .output()
            .expect("sshfs, which `cargo xtask setup` installs");
        assert!(
            mounted.status.success(),
            "sshfs can not mount: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        mount
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("near")
    }

    /// The directory at its other end.
    pub fn other_end(&self) -> PathBuf {
        self.directory.path().join("far")
    }
}

impl Default for NetworkMount {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for NetworkMount {
    fn drop(&mut self) {
        // Lazily: a test that failed may have left a container that uses it.
        unmount(&self.path());
    }
}

fn unmount(path: &Path) {
    let ended = Command::new("fusermount3").args(["-u", "-z"]).arg(path).status();
    if !ended.is_ok_and(|status| status.success()) {
        eprintln!("{} is still mounted", path.display());
    }
}
