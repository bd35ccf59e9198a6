//! How a thread of Python waits for a call that runs elsewhere.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::system::Progress;
use mngr_host_shim::engine::ProgressSink;
use mngr_host_shim::error::{internal, unavailable};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio_util::sync::CancellationToken;

use crate::process::Process;
use crate::{error, log};

/// How often the main thread, which alone hears signals, looks whether there was one.
const LOOK: Duration = Duration::from_millis(100);

/// What the waiting thread is told.
enum Message<T> {
    Progress(Progress),
    Done(Result<T>),
}

/// Runs a call to its end and returns what came of it. `work` gets the token that cancels the call, and where to say how far it
/// has come.
///
/// The GIL is given up meanwhile. `on_progress` is called by this very thread; what it raises is reported and goes no further.
/// A signal that raises, such as Ctrl-C, cancels the call, whose clean-up is waited for; a second one leaves at once.
pub fn wait<T, F>(
    py: Python<'_>,
    process: &Arc<Process>,
    on_progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(CancellationToken, ProgressSink) -> F,
) -> PyResult<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    process.check(py)?;
    let (sender, receiver) = channel();
    let cancel = CancellationToken::new();
    let sink: ProgressSink = match on_progress {
        Some(_) => {
            let sender = sender.clone();
            Arc::new(move |progress| drop(sender.send(Message::Progress(progress))))
        }
        None => Arc::new(|_| {}),
    };
    spawn(process, sender, work(cancel.clone(), sink));
    let done = attend(py, receiver, on_progress, &cancel);
    log::deliver(py)?;
    done
}

fn spawn<T, F>(process: &Process, sender: Sender<Message<T>>, work: F)
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let handle = process.handle();
    let task = handle.spawn(work);
    handle.spawn(async move {
        let done = match task.await {
            Ok(done) => done,
            Err(error) => Err(internal("the call", error.to_string(), "report this")),
        };
        let _ = sender.send(Message::Done(done));
    });
}

fn attend<T: Send>(
    py: Python<'_>,
    mut receiver: Receiver<Message<T>>,
    on_progress: Option<&Bound<'_, PyAny>>,
    cancel: &CancellationToken,
) -> PyResult<T> {
    let hears_signals = is_main_thread(py)?;
    let mut stop: Option<PyErr> = None;
    loop {
        let message = py.detach(|| next(&mut receiver, hears_signals));
        let raised = match message {
            Ok(Message::Done(done)) => return finish(py, done, stop),
            Ok(Message::Progress(progress)) => tell(py, on_progress, &progress),
            Err(RecvTimeoutError::Timeout) => log::deliver(py),
            Err(RecvTimeoutError::Disconnected) => {
                let error = unavailable("the call", "the interpreter is ending", "call before it does");
                return Err(error::raised(py, &error));
            }
        };
        if let Err(raised) = raised.and_then(|()| py.check_signals()) {
            if stop.is_some() {
                return Err(raised);
            }
            cancel.cancel();
            stop = Some(raised);
        }
    }
}

fn next<T>(
    receiver: &mut Receiver<Message<T>>,
    hears_signals: bool,
) -> std::result::Result<Message<T>, RecvTimeoutError> {
    match hears_signals {
        true => receiver.recv_timeout(LOOK),
        false => receiver.recv().map_err(Into::into),
    }
}

/// What the call itself says, unless it was stopped. What a stopped call could not clean up is the cause of what stopped it.
fn finish<T>(py: Python<'_>, done: Result<T>, stop: Option<PyErr>) -> PyResult<T> {
    use mngr_host_shim::contract::ProviderError::Internal;
    match (done, stop) {
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(error::raised(py, &error)),
        (done, Some(stop)) => {
            if let Err(error @ Internal(_)) = done {
                stop.set_cause(py, Some(error::raised(py, &error)));
            }
            Err(stop)
        }
    }
}

/// Calls the callback. Only a Ctrl-C that comes while it runs is passed on.
fn tell(py: Python<'_>, on_progress: Option<&Bound<'_, PyAny>>, progress: &Progress) -> PyResult<()> {
    let Some(callback) = on_progress else {
        return Ok(());
    };
    let told = || {
        let values = PyDict::new(py);
        values.set_item("step", &progress.step)?;
        values.set_item("subject", &progress.subject)?;
        values.set_item("done", progress.done)?;
        values.set_item("total", progress.total)?;
        callback.call1((values,))
    };
    match told() {
        Ok(_) => Ok(()),
        Err(raised) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => Err(raised),
        Err(raised) => {
            raised.write_unraisable(py, Some(callback));
            Ok(())
        }
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?;
    threading
        .call_method0("current_thread")
        .map(|current| current.is(&main))
}

/// Ends with `unavailable` when the token is cancelled first. For what a call hands over and nobody else watches: streams.
pub async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    what: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(unavailable(what, "it was interrupted", "call again")),
        done = work => done,
    }
}
