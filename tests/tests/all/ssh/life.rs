//! How long a connection lives.

use std::sync::Arc;
use std::time::Duration;

use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::until_asked;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;

use super::{command, list};
use mngr_host_shim::engine::Engine;

#[tokio::test]
async fn providers_on_one_machine_share_its_connection() {
    let sshd = Sshd::start(&[]);
    let tunnels = Tunnels::default();
    let open = |name| connect(&sshd.provider(name), &Environment::default(), &tunnels).expect("nothing is sent yet");
    let (first, second) = (open("first"), open("second"));
    list(&first).await.expect("an answer");
    list(&second).await.expect("an answer");
    second.machine_run(command(&["true"])).await.expect("run");
    assert_eq!(clients(sshd.port()).len(), 1);
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
}

#[tokio::test]
async fn a_connection_that_nothing_uses_is_closed_and_made_again_when_it_is_needed() {
    let sshd = Sshd::start(&[]);
    let tunnels = Tunnels::closed_after(Duration::from_millis(100));
    let engine = connect(&sshd.provider("test"), &Environment::default(), &tunnels).expect("nothing is sent yet");
    let (tunnel, _) = engine.tunnel().expect("a tunnel");
    tunnel.run(command(&["true"])).await.expect("run");
    assert_eq!(clients(sshd.port()).len(), 1);
    gone(sshd.port()).await;
    tunnel.run(command(&["true"])).await.expect("run");
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 2, "{}", sshd.log());
}

#[tokio::test]
async fn a_connection_in_use_is_kept_however_long_it_takes() {
    let sshd = Sshd::start(&[]);
    let tunnels = Arc::new(Tunnels::closed_after(Duration::from_millis(1)));
    let engine = connect(&sshd.provider("test"), &Environment::default(), &tunnels).expect("nothing is sent yet");
    let (tunnel, socket) = engine.tunnel().expect("a tunnel");
    let held = tunnel.open(socket).await.expect("a stream");
    for _ in 0..20 {
        tunnel
            .run(command(&["sh", "-c", "read line < /dev/null"]))
            .await
            .expect("run");
    }
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
    drop(held);
    gone(sshd.port()).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_last_who_could_use_it_goes() {
    let sshd = Sshd::start(&[]);
    let engine = super::behind(&sshd);
    list(&engine).await.expect("an answer");
    assert_eq!(clients(sshd.port()).len(), 1);
    drop(engine);
    gone(sshd.port()).await;
}

/// Waits until no `ssh` leads to the port.
async fn gone(port: u16) {
    until_asked("no ssh is left", async || clients(port).is_empty()).await;
}
