//! Waiting for what happens elsewhere, without keeping a processor busy that the other tests need.

use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// Whatever is waited for happens long before.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until it is so.
///
/// # Panics
/// Where it is not after a minute, with `what` was waited for.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(PAUSE);
    }
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
