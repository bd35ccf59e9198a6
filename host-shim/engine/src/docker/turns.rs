//! Whose turn it is: an engine is asked for so many things at once and no more, and among those who wait each call of a
//! provider gets a turn in turn. So one call that asks for a thousand things does not hold up another that asks for one.
//!
//! What may take long (a commit, a build, a stop that waits for the agent) has turns of its own, so that a list never waits
//! for it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// One call of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow(u64);

impl Flow {
    /// Of another call than all before.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// So many turns at once.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Those who wait, by call; the first is next.
    waiting: VecDeque<(Flow, VecDeque<oneshot::Sender<Turn>>)>,
}

/// It is the holder's turn until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<Turns>);

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: at_once,
            waiting: VecDeque::new(),
        })))
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a turn, however long that takes.
    pub(super) async fn take(&self, flow: Flow) -> Turn {
        let turn = || Turn(Some(self.clone()));
        let waiting = self.with(|state| {
            if state.free > 0 {
                state.free -= 1;
                return None;
            }
            let (sender, receiver) = oneshot::channel();
            match state.waiting.iter_mut().find(|(known, _)| *known == flow) {
                Some((_, senders)) => senders.push_back(sender),
                None => state.waiting.push_back((flow, VecDeque::from([sender]))),
            }
            Some(receiver)
        });
        match waiting {
            // A turn is only lost with everybody who could take one.
            Some(receiver) => receiver.await.unwrap_or_else(|_| turn()),
            None => turn(),
        }
    }

    /// Who is next, one of the call whose turn it is; the call goes behind the others.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        self.with(|state| {
            let Some((flow, mut senders)) = state.waiting.pop_front() else {
                state.free += 1;
                return None;
            };
            let next = senders.pop_front();
            if !senders.is_empty() {
                state.waiting.push_back((flow, senders));
            }
            next
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        while let Some(next) = turns.next() {
            match next.send(Turn(Some(turns.clone()))) {
                Ok(()) => return,
                // Who has given up; the turn in its hands must not pass itself on.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// Takes a turn if there is one at once.
    fn now(turns: &Turns, flow: Flow) -> Option<Turn> {
        turns.take(flow).now_or_never()
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_under_way() {
        let (turns, flow) = (Turns::new(2), Flow::new());
        let first = now(&turns, flow).expect("a turn");
        let _second = now(&turns, flow).expect("a turn");
        assert!(now(&turns, flow).is_none());
        drop(first);
        assert!(now(&turns, flow).is_some());
    }

    #[tokio::test]
    async fn each_call_gets_a_turn_in_turn_however_many_one_waits_for() {
        let turns = Turns::new(1);
        let (greedy, modest) = (Flow::new(), Flow::new());
        let held = turns.take(greedy).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waits = Vec::new();
        for (flow, name) in [(greedy, "g1"), (greedy, "g2"), (greedy, "g3"), (modest, "m1")] {
            let (turns, order) = (turns.clone(), order.clone());
            let mut wait = Box::pin(async move {
                let turn = turns.take(flow).await;
                order.lock().expect("a list").push(name);
                drop(turn);
            });
            assert!((&mut wait).now_or_never().is_none(), "{name} waits");
            waits.push(wait);
        }
        drop(held);
        futures::future::join_all(waits).await;
        assert_eq!(*order.lock().expect("a list"), ["g1", "m1", "g2", "g3"]);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_takes_no_turn_away() {
        let (turns, flow) = (Turns::new(1), Flow::new());
        let held = turns.take(flow).await;
        let mut given_up = Box::pin(turns.take(flow));
        assert!((&mut given_up).now_or_never().is_none());
        let mut patient = Box::pin(turns.take(Flow::new()));
        assert!((&mut patient).now_or_never().is_none());
        drop(given_up);
        drop(held);
        let turn = patient.now_or_never().expect("its turn");
        drop(turn);
        assert!(now(&turns, flow).is_some());
    }
}
