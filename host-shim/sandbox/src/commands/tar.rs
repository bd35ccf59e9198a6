//! `tar` on a pipe.

use super::Options;
use crate::archive::{pack, unpack};
use crate::filesystem::FsError;
use crate::shell::Shell;

/// `tar -c -C DIRECTORY -f - .` and `tar -x -C DIRECTORY -f -`.
pub async fn tar(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "Cf");
    let directory = options.value('C').unwrap_or(".");
    let at = match shell.files.resolve(&shell.cwd, directory, true) {
        Ok(at) if shell.files.is_directory("/", &at) => at,
        Ok(_) | Err(FsError::NotFound) => {
            return shell.fail(&format!(
                "tar: can't change directory to '{directory}': No such file or directory"
            ));
        }
        Err(error) => return shell.fail(&format!("tar: can't change directory to '{directory}': {error}")),
    };
    if options.value('f') != Some("-") {
        return shell.fail("tar: the sandbox knows `-f -` only");
    }
    let done = match (options.has("c"), options.has("x"), options.rest.as_slice()) {
        (true, false, [all]) if all == "." => {
            let packed = pack(&shell.files, &at, ".");
            packed.map(|bytes| shell.io.stdout.write(bytes))
        }
        (false, true, []) => unpack(&shell.files, &at, &shell.io.stdin.all().await, None),
        _ => return shell.fail("tar: the sandbox packs `.` or unpacks everything"),
    };
    match done {
        Ok(()) => 0,
        Err(error) => shell.fail(&format!("tar: {error}")),
    }
}
