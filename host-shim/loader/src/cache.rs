//! Compiled components on disk, so that only the first start pays for the compiler.
//!
//! A file's name is made of the component's SHA-256 and of everything in the compiler's version and settings that matters, so
//! a changed component or a changed shim misses. Native code is loaded from these files: the directory belongs to the user
//! alone, and each file ends with a checksum, by which one that was damaged is told. It is a fast one: who could put a file of his
//! own there could put the right checksum there as well.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use mngr_contract::directories;
use mngr_contract::environment::Environment;
use mngr_contract::log;
use mngr_contract::trace::Name;
use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

const CHECKSUM_BYTES: usize = size_of::<u128>();
/// How much is read at once to check a file.
const CHUNK: usize = 64 << 10;
/// Changes with what a file looks like.
const FORM: &str = "xxh3-128";

/// A directory of compiled components.
#[derive(Debug, Clone)]
pub struct ArtefactCache {
    directory: PathBuf,
}

impl ArtefactCache {
    /// The user's own: `$XDG_CACHE_HOME/mngr-docker`, else `~/.cache/mngr-docker`. None where neither is known.
    pub fn of_user(environment: &Environment) -> Option<Self> {
        directories::cache(environment).map(Self::at)
    }

    /// A directory of the caller's choice; made when it is first needed.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        FORM.hash(&mut hasher);
        self.directory.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    /// The compiled form of the component with this digest, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        if !private(&self.directory) {
            return None;
        }
        let file = File::open(self.path(engine, digest)).ok()?;
        if !whole(&file).ok()? {
            log!(
                WARN,
                "the compiled plugin in the cache is damaged; compiling again",
                digest = Name(digest)
            );
            return None;
        }
        // Mapped, not read, so that what is not used takes no time and no memory of its own. By its descriptor: the file that was
        // checked, whatever has its name by now.
        let mapped = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the bytes are what `store` wrote, by the checksum at their end, into a directory that only this user can
        // write to; `store` never writes to a file that has its name already, so that they stay as they are while they are
        // mapped; wasmtime itself checks that its own version and settings made them.
        #[allow(unsafe_code)]
        unsafe { Component::deserialize_file(engine, mapped) }.ok()
    }

    /// Keeps a compiled component. A cache that can not be written costs time, not correctness, so failures are logged.
    pub(crate) fn store(&self, engine: &Engine, digest: &str, component: &Component) {
        let written = component
            .serialize()
            .map_err(|_| io::ErrorKind::Other.into())
            .and_then(|artefact| self.write(&self.path(engine, digest), &artefact));
        if let Err(error) = written {
            log!(
                DEBUG,
                "the compiled plugin is not cached",
                directory = self.directory,
                error = error
            );
        }
    }

    fn write(&self, path: &Path, artefact: &[u8]) -> std::io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(artefact)?;
        file.write_all(&xxh3_128(artefact).to_le_bytes())?;
        file.persist(path)?;
        Ok(())
    }
}

/// Whether a file ends with the checksum of all that comes before it.
fn whole(file: &File) -> io::Result<bool> {
    let Some(artefact) = file.metadata()?.len().checked_sub(CHECKSUM_BYTES as u64) else {
        return Ok(false);
    };
    let mut reader = BufReader::with_capacity(CHUNK, file);
    let mut checksum = Xxh3Default::new();
    io::copy(&mut reader.by_ref().take(artefact), &mut checksum)?;
    let mut trailer = [0; CHECKSUM_BYTES];
    reader.read_exact(&mut trailer)?;
    Ok(checksum.digest128().to_le_bytes() == trailer)
}

/// Whether only this process's user can write there.
fn private(directory: &Path) -> bool {
    let Ok(own) = fs::metadata("/proc/self").map(|process| process.uid()) else {
        return false;
    };
    fs::metadata(directory).is_ok_and(|metadata| metadata.uid() == own && metadata.mode() & 0o022 == 0)
}
