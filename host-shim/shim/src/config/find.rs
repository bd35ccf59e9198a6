//! Which file is read: the first that exists of `--config`, `MNGR_CONFIG`, `./.mngr/settings.toml` and
//! `~/.mngr/settings.toml`. That one alone: files are not laid over each other.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mngr_contract::environment::Environment;
use mngr_loader::sha256;

use super::error::ConfigError;
use super::node::Source;

/// Variable that names the file.
const VARIABLE: &str = "MNGR_CONFIG";
/// Where mngr keeps its settings, below a project's or the user's directory.
pub(super) const SETTINGS: &str = ".mngr/settings.toml";
/// Larger files are not read: they can not be meant.
const SIZE_LIMIT: u64 = 4 << 20;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    /// Its text, without a byte order mark.
    pub text: String,
    /// SHA-256 of all its bytes, in hexadecimal.
    pub sha256: String,
    /// Its real path, where it is the working directory's: then nobody has said that it is to be read.
    pub of_directory: Option<PathBuf>,
}

impl Found {
    /// Its text, for what is read from it to refer to.
    pub fn source(&self) -> Arc<Source> {
        Arc::new(Source {
            name: self.path.display().to_string(),
            text: self.text.clone(),
            variable: None,
        })
    }

    /// Where relative paths in it start. In a directory's file that is beside the file itself and not beside a link to it: a link
    /// to a file that is trusted must not give its paths another meaning.
    pub fn base(&self) -> Option<&Path> {
        self.of_directory.as_deref().unwrap_or(&self.path).parent()
    }
}

/// Reads the file that applies; none where there is none.
pub(super) fn find(explicit: Option<&Path>, environment: &Environment) -> Result<Option<Found>, ConfigError> {
    if let Some(path) = explicit {
        let path = environment.directory().join(path);
        return match read(&path)? {
            None => Err(missing(&path, "--config")),
            found => Ok(found),
        };
    }
    if let Some(path) = environment.var(VARIABLE) {
        let path = environment.directory().join(expanded(path, environment.home()));
        return match read(&path)? {
            None => Err(missing(&path, VARIABLE)),
            found => Ok(found),
        };
    }
    let here = environment.directory().join(SETTINGS);
    if !is_of_home(&here, environment)
        && let Some((mut found, real)) = read_of_directory(&here)?
    {
        found.of_directory = Some(real);
        return Ok(Some(found));
    }
    of_home(environment)
}

/// Reads the file of the home directory; none where there is none.
pub(super) fn of_home(environment: &Environment) -> Result<Option<Found>, ConfigError> {
    match environment.home() {
        Some(home) => read(&home.join(SETTINGS)),
        None => Ok(None),
    }
}

/// Whether this is the file of its name that mngr keeps in the home directory, whatever way leads to it.
pub(super) fn is_of_home(path: &Path, environment: &Environment) -> bool {
    let of_home = || {
        let name = path.file_name()?;
        let file = environment.home()?.join(SETTINGS).with_file_name(name);
        Some(file.canonicalize().ok()? == path.canonicalize().ok()?)
    };
    of_home().unwrap_or(false)
}

/// Reads a file that nobody has named, and finds its real path; none where it is not there.
pub(super) fn read_of_directory(path: &Path) -> Result<Option<(Found, PathBuf)>, ConfigError> {
    // To read a pipe or a device may take for ever.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let remedy = "remove it, or name another file with --config";
        return Err(ConfigError::new("config", "is no regular file", remedy).value(path.to_string_lossy()));
    }
    let Some(found) = read(path)? else {
        return Ok(None);
    };
    let real = path.canonicalize().map_err(|error| {
        let remedy = "see to the disk it is on, or name another file with --config";
        ConfigError::new("config", format!("its real path is not known: {error}"), remedy).value(path.to_string_lossy())
    })?;
    Ok(Some((found, real)))
}

/// The path with a leading `~/` replaced by the home directory.
pub(super) fn expanded(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn missing(path: &Path, named_by: &str) -> ConfigError {
    ConfigError::new(
        "config",
        format!("there is no such file; {named_by} names it"),
        format!("create it, correct the path, or leave {named_by} out to use ./{SETTINGS} or ~/{SETTINGS}"),
    )
    .value(path.to_string_lossy())
}

fn read(path: &Path) -> Result<Option<Found>, ConfigError> {
    let fault = |reason: String, remedy: &str| ConfigError::new("config", reason, remedy).value(path.to_string_lossy());
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            return Err(fault("is a directory".to_owned(), "name the file in it"));
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(fault(
                "may not be read".to_owned(),
                "make the file and the directories above it readable for this user",
            ));
        }
        Err(error) => {
            return Err(fault(
                format!("can not be read: {error}"),
                "see to the disk it is on, or name another file with --config",
            ));
        }
    }
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(fault(
            format!("is larger than {} MiB", SIZE_LIMIT >> 20),
            "name a configuration file: `providers` and what belongs to it need a few lines",
        ));
    }
    let sha256 = sha256(&bytes);
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
        fault(
            format!("is not UTF-8: byte 0x{byte:02x} on line {line}"),
            "save the file as UTF-8",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Some(Found {
        path: path.to_path_buf(),
        text,
        sha256,
        of_directory: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(directory: &Path, name: &str, text: &[u8]) -> PathBuf {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn found(explicit: Option<&Path>, environment: &Environment) -> Option<String> {
        find(explicit, environment)
            .expect("a file that can be read")
            .map(|found| found.text)
    }

    #[test]
    fn the_first_file_that_is_named_or_exists_is_read_alone() {
        let room = tempfile::tempdir().expect("a directory");
        let (work, home) = (room.path().join("work"), room.path().join("home"));
        std::fs::create_dir_all(&work).expect("a directory");
        let home_text = home.to_str().expect("UTF-8").to_owned();
        let plain = Environment::new([("HOME", home_text.clone())], &work);
        assert_eq!(found(None, &plain), None);

        written(&home, SETTINGS, b"home = 1");
        assert_eq!(found(None, &plain).as_deref(), Some("home = 1"));
        written(&work, SETTINGS, b"work = 1");
        assert_eq!(found(None, &plain).as_deref(), Some("work = 1"));
        written(&home, "named.toml", b"named = 1");
        let named = Environment::new([("HOME", home_text.as_str()), (VARIABLE, "~/named.toml")], &work);
        assert_eq!(found(None, &named).as_deref(), Some("named = 1"));
        written(&work, "explicit.toml", b"explicit = 1");
        assert_eq!(
            found(Some(Path::new("explicit.toml")), &named).as_deref(),
            Some("explicit = 1")
        );
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_and_not_skipped() {
        let room = tempfile::tempdir().expect("a directory");
        let environment = Environment::new([(VARIABLE, "gone.toml")], room.path());
        let by_variable = find(None, &environment).expect_err("no file").message();
        assert!(
            by_variable.contains("gone.toml") && by_variable.contains(VARIABLE),
            "{by_variable}"
        );
        let by_flag = find(Some(Path::new("no.yaml")), &environment)
            .expect_err("no file")
            .message();
        assert!(by_flag.contains("no.yaml") && by_flag.contains("--config"), "{by_flag}");
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        let room = tempfile::tempdir().expect("a directory");
        let path = written(room.path(), "a.toml", "\u{feff}a = 1".as_bytes());
        assert_eq!(found(Some(&path), &Environment::default()).as_deref(), Some("a = 1"));
    }

    #[test]
    fn what_is_no_text_file_is_refused_with_the_reason() {
        let room = tempfile::tempdir().expect("a directory");
        let refused = |path: &Path| {
            find(Some(path), &Environment::default())
                .expect_err("refused")
                .message()
        };
        assert!(refused(room.path()).contains("is a directory"));
        let binary = written(room.path(), "binary.toml", b"a = 1\nb = \"\xff\"\n");
        assert!(refused(&binary).contains("byte 0xff on line 2"));
        let large = written(room.path(), "large.toml", &vec![b'#'; (SIZE_LIMIT + 1) as usize]);
        assert!(refused(&large).contains("larger than 4 MiB"));
    }
}
