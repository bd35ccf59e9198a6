//! Waiting for what happens elsewhere, without keeping a processor busy that the other tests need.

use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// Whatever is waited for happens long before.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until it is so, for a minute at most, and returns whether it came to be so.
pub(crate) fn happens(mut is_so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !is_so() {
        if started.elapsed() >= DEADLINE {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

/// Looks until it is so.
///
/// # Panics
/// Where it is not after a minute, with `what` was waited for.
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(happens(is_so), "{what}: not within {DEADLINE:?}");
}

/// Asks until it is so.
///
/// # Panics
/// Where it is not after a minute, with `what` was waited for.
pub async fn until_asked(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
