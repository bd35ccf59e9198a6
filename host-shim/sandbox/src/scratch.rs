//! The tests of how scratch containers are removed: they need an engine that can be made to say no.

use mngr_contract::docker::ContainerSpec;
use mngr_contract::error::conflict;
use mngr_engine::scratch::{container, remove, remove_late};

use crate::{Fault, Operation, SandboxEngine};

#[tokio::test]
async fn a_container_that_is_being_removed_already_is_waited_for() {
    let engine = SandboxEngine::new().with_image("busybox");
    let name = container("tag");
    let busy = || Fault::Error(conflict("it", "removing", "it is being removed already", "wait"));
    for late in [false, true] {
        let spec = ContainerSpec {
            name: name.clone(),
            image: "busybox".to_owned(),
            command: Some(vec!["true".to_owned()]),
            ..ContainerSpec::default()
        };
        engine.container_create(spec).await.expect("made");
        engine.fail_next(Operation::ContainerRemove, busy());
        let removed = match late {
            false => remove(&engine, &name).await,
            true => remove_late(&engine, &name).await,
        };
        removed.expect("it is gone by then");
        assert_eq!(
            engine
                .container_inspect(&name, false)
                .await
                .expect_err("it is gone")
                .kind(),
            "not_found"
        );
    }
}
