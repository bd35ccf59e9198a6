//! The terminal of `exec -it`: raw while the command runs, and itself again on every way out.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use mngr_host_shim::contract::docker::TerminalSize;

static RAW: AtomicBool = AtomicBool::new(false);

/// Keeps the terminal raw until it is dropped.
pub struct RawMode(());

impl RawMode {
    /// Makes the terminal raw. A panic restores it before its message is printed.
    pub fn enter() -> std::io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                previous(panic);
            }));
        });
        crossterm::terminal::enable_raw_mode()?;
        RAW.store(true, Ordering::SeqCst);
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes the terminal what it was, if it was made raw.
pub fn restore() {
    if RAW.swap(false, Ordering::SeqCst) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// The size of the terminal; 80 by 24 where it does not say.
pub fn size() -> TerminalSize {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => TerminalSize { columns, rows },
        _ => TerminalSize { columns: 80, rows: 24 },
    }
}

/// What kind of terminal this is, as a variable for programs in an agent.
pub fn kind() -> Option<(String, String)> {
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty())?;
    Some(("TERM".to_owned(), term))
}
