//! What is logged while the engine fails, and what never is: a text of the engine, which may hold a secret.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use mngr_docker_tests::{Kind, Testbed, argv, run, until_asked};
use mngr_host_shim::contract::instance::{
    DestroyRequest, DocumentChange, ForkRequest, PushRequest, SnapshotRequest, StartRequest,
};
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::error::{internal, unavailable};
use mngr_host_shim::provider::NewAgent;
use mngr_host_shim::sandbox::{Fault, Operation};
use mngr_host_shim::trace::is_safe;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// What the engine says where it fails.
const SECRET: &str = "hunter2";

/// What is done to the agent `a` and its snapshot, and the call of the engine that fails meanwhile.
const FAILURES: [(&str, Operation); 13] = [
    ("create", Operation::ContainerCreate),
    ("create", Operation::ContainerStart),
    ("snapshot", Operation::ContainerCommit),
    ("snapshot", Operation::ContainerUnpause),
    ("snapshot", Operation::VolumeImport),
    ("push", Operation::ImagePush),
    ("push", Operation::ImagePull),
    ("fork", Operation::ContainerStart),
    ("restart", Operation::ContainerStart),
    ("restart", Operation::ContainerRename),
    ("document", Operation::VolumeFill),
    ("destroy", Operation::ContainerStop),
    ("give up", Operation::ContainerKill),
];

/// What takes away what is not to stay. These always fail, too.
const CLEANING: [Operation; 3] = [
    Operation::ContainerRemove,
    Operation::ImageRemove,
    Operation::VolumeRemove,
];

/// More than any one action calls.
const TIMES: usize = 20;

/// Every line of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn agent() -> NewAgent {
    NewAgent {
        start_args: vec!["--volume=/data".to_owned()],
        ..NewAgent::named("a")
    }
}

fn along() -> SnapshotRequest {
    SnapshotRequest {
        pause: Some(true),
        include_volumes: true,
        ..SnapshotRequest::default()
    }
}

/// Cancels a create whose container is there and does not start.
async fn give_up(bed: &Testbed) -> Result<Agent> {
    let sandbox = bed.sandbox.as_ref().expect("the sandbox engine");
    sandbox.fail_next(Operation::ContainerStart, Fault::Hang);
    let cancel = CancellationToken::new();
    let provider = bed.provider.clone().cancelled_by(cancel.clone());
    let name = format!("mngr-{}.b", provider.name());
    let cancelling = async {
        until_asked("it is made", async || {
            bed.engine.container_inspect(&name, false).await.is_ok()
        })
        .await;
        cancel.cancel();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        made = provider.create(NewAgent::named("b")) => made,
        never = cancelling => match never {},
    }
}

/// Does one thing, and returns what went wrong.
async fn act(bed: &Testbed, action: &str, snapshot: &str, address: &str) -> Option<ProviderError> {
    let provider = &bed.provider;
    match action {
        "give up" => give_up(bed).await.err(),
        "create" => provider.create(NewAgent::named("b")).await.err(),
        "snapshot" => provider.snapshot_create("a", along()).await.err(),
        "push" => {
            let request = PushRequest {
                snapshot: snapshot.to_owned(),
                reference: format!("{address}/agents:1"),
                include_env: false,
            };
            match provider.snapshot_push(request).await {
                Ok(pushed) => provider.snapshot_pull(&pushed.reference).await.err(),
                Err(error) => Some(error),
            }
        }
        "fork" => {
            let request = ForkRequest {
                names: vec!["c".to_owned(), "d".to_owned()],
                include_volumes: true,
                ..ForkRequest::default()
            };
            provider.fork("a", request).await.err()
        }
        "restart" => {
            let request = StartRequest {
                snapshot: Some(snapshot.to_owned()),
            };
            provider.start("a", request).await.err()
        }
        "document" => {
            let change = DocumentChange {
                agent_id: "a".to_owned(),
                key: "k".to_owned(),
                body: Some("{}".to_owned()),
                revision: None,
            };
            provider.document_write(change).await.err()
        }
        "destroy" => provider.destroy("a", DestroyRequest { snapshots: true }).await.err(),
        other => panic!("{other} is not an action"),
    }
}

/// Does one thing while the engine fails, and returns what went wrong.
async fn fail(bed: &Testbed, action: &str, operation: Operation) -> Option<ProviderError> {
    let sandbox = bed.sandbox.as_ref().expect("the sandbox engine");
    let registry = bed.registry();
    bed.provider.create(agent()).await.expect("an agent");
    let snapshot = bed.provider.snapshot_create("a", along()).await.expect("a snapshot");
    sandbox.fail_next(operation, Fault::AfterEffect(unavailable(SECRET, SECRET, SECRET)));
    for failing in CLEANING.into_iter().chain([operation]) {
        for _ in 0..TIMES {
            sandbox.fail_next(failing, Fault::Error(internal(SECRET, SECRET, SECRET)));
        }
    }
    let failed = act(bed, action, &snapshot.id, registry.address()).await;
    // What is left half done is settled before the next call, and that fails too.
    let _ = bed.again().await.exec("a", argv(&["true"])).await;
    sandbox.forget_faults();
    failed
}

/// The lines that a person sees unasked.
fn warnings(lines: &str) -> String {
    let warnings = lines
        .lines()
        .filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    warnings.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_that_a_failing_engine_says_is_logged() {
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(lines.clone())
        .with_filter(filter_fn(is_safe));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).expect("the only one");
    let mut told = 0;
    for (action, operation) in FAILURES {
        run(Kind::Sandbox, async |bed| {
            let failed = fail(bed, action, operation).await;
            told += usize::from(failed.is_some_and(|error| error.message().contains(SECRET)));
        });
    }
    assert!(told > 3, "the caller is told what the engine says: {told}");
    let lines = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    for said in [
        "the engine has answered",
        "status=\"unavailable\"",
        "could not be undone",
        "and could not be removed (internal)",
        "is left (internal)",
    ] {
        assert!(
            lines.contains(said),
            "nothing is logged of: {said}\n{}",
            warnings(&lines)
        );
    }
    let found = lines.lines().find(|line| line.contains(SECRET));
    assert_eq!(found, None);
}
