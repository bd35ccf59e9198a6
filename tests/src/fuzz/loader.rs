//! The component loader, and what it has loaded.

use std::sync::LazyLock;
use std::time::Duration;

use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::loader::{Compiler, Loader};
use tokio::runtime::Runtime;

/// What compiles is called, for so long at most.
const CALL: Duration = Duration::from_secs(20);

static LOADER: LazyLock<Loader> =
    LazyLock::new(|| Loader::new(None).expect("a loader").compiled_by(Compiler::in_process()));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().expect("a runtime")
});

/// Loads any bytes as a component, and asks what it is where that works.
///
/// # Panics
/// Where it is refused in another way than a plugin is, or the call does not end.
pub fn loader(bytes: &[u8]) {
    let plugin = match LOADER.load("fuzzed", bytes) {
        Ok(plugin) => plugin,
        Err(ProviderError::InvalidArgument(error)) => return assert_eq!(error.field, "plugin"),
        Err(other) => panic!("{}", other.message()),
    };
    let described = RUNTIME.block_on(async { tokio::time::timeout(CALL, plugin.describe()).await });
    match described.expect("it ends") {
        Ok(_) | Err(ProviderError::Internal(_)) => {}
        Err(other) => panic!("{}", other.message()),
    }
}
