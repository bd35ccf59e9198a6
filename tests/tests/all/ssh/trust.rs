//! Who is believed, and who is let in.

use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::until_asked;
use mngr_host_shim::engine::Engine;

use super::{behind, engine, refusal};

#[tokio::test]
async fn a_known_machine_is_reached() {
    let sshd = Sshd::start(&[]);
    let version = behind(&sshd).version().await.expect("an answer");
    assert!(!version.version.is_empty());
}

#[tokio::test]
async fn a_machine_whose_key_is_unknown_is_refused_with_the_key_and_the_command_that_accepts_it() {
    let sshd = Sshd::start(&[]);
    std::fs::write(sshd.file("known_hosts"), "").expect("written");
    let error = refusal(&behind(&sshd)).await;
    assert_eq!(error.kind(), "denied");
    assert!(error.message().contains("ssh-ed25519 SHA256:"), "{}", error.message());
    assert!(error.message().contains("not known"), "{}", error.message());
    assert!(
        error.remedy().contains("StrictHostKeyChecking=ask"),
        "{}",
        error.remedy()
    );
    assert!(error.remedy().contains(&sshd.port().to_string()), "{}", error.remedy());
    let known = std::fs::read_to_string(sshd.file("known_hosts")).expect("there");
    assert_eq!(known, "", "nothing is accepted by itself");
}

#[tokio::test]
async fn a_machine_whose_key_has_changed_is_refused_with_the_line_at_fault() {
    let sshd = Sshd::start(&[]);
    sshd.know("stranger");
    let error = refusal(&behind(&sshd)).await;
    assert_eq!(error.kind(), "denied");
    let line = format!("{}:1", sshd.file("known_hosts").display());
    assert!(error.message().contains(&line), "{}", error.message());
    assert!(error.remedy().contains("ssh-keygen -f"), "{}", error.remedy());
}

#[tokio::test]
async fn a_machine_whose_key_is_revoked_is_refused_for_good() {
    let sshd = Sshd::start(&[]);
    sshd.know_as(sshd.port(), "@revoked ", "host");
    let error = refusal(&behind(&sshd)).await;
    assert_eq!(error.kind(), "denied");
    assert!(error.message().contains("revoked"), "{}", error.message());
    assert!(!error.remedy().contains("StrictHostKeyChecking"), "{}", error.remedy());
}

#[tokio::test]
async fn a_users_own_configuration_can_not_weaken_the_check() {
    let sshd = Sshd::start(&[]);
    std::fs::write(sshd.file("known_hosts"), "").expect("written");
    let careless = "Host *\n  StrictHostKeyChecking no\n  ForwardAgent yes\n  RemoteCommand id\n  RequestTTY force\n";
    std::fs::write(sshd.file("ssh_config"), careless).expect("written");
    let mut config = sshd.provider("test");
    config.ssh.config_file = Some(sshd.file("ssh_config"));
    assert_eq!(refusal(&engine(&config)).await.kind(), "denied");
    sshd.know("host");
    engine(&config)
        .version()
        .await
        .expect("a known machine is reached all the same");
}

#[tokio::test]
async fn an_alias_of_ssh_config_is_a_host() {
    let sshd = Sshd::start(&[]);
    let alias = format!(
        "Host build1\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  LocalForward 1 127.0.0.1:1\n",
        sshd.port(),
        sshd.file("user").display()
    );
    std::fs::write(sshd.file("ssh_config"), alias).expect("written");
    let mut config = sshd.provider("test");
    let host = config.host.take().expect("a host");
    config.host = Some(host.replace(&format!("127.0.0.1:{}", sshd.port()), "build1"));
    config.ssh.config_file = Some(sshd.file("ssh_config"));
    config.ssh.identity_file = None;
    engine(&config).version().await.expect("an answer");
}

#[tokio::test]
async fn a_machine_behind_another_is_reached_by_proxy_jump() {
    let sshd = Sshd::start(&[]);
    // The jump's own ssh has only a configuration to go by.
    let text = format!(
        "Host *\n  IdentityFile {}\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
        sshd.file("user").display(),
        sshd.file("known_hosts").display()
    );
    std::fs::write(sshd.file("ssh_config"), text).expect("written");
    let mut config = sshd.provider("test");
    config.ssh.config_file = Some(sshd.file("ssh_config"));
    // ssh takes the same name for both for a loop.
    let known = std::fs::read_to_string(sshd.file("known_hosts")).expect("there");
    let both = format!("{known}{}", known.replace("127.0.0.1", "localhost"));
    std::fs::write(sshd.file("known_hosts"), both).expect("written");
    let hop = format!("localhost:{}", sshd.port());
    config.ssh.options.insert("ProxyJump".to_owned(), hop);
    engine(&config).version().await.expect("an answer");
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 2, "{}", sshd.log());
}

#[tokio::test]
async fn a_user_without_a_key_is_told_which_keys_were_offered() {
    let sshd = Sshd::start(&[]);
    let mut config = sshd.provider("test");
    config.ssh.identity_file = Some(sshd.file("stranger"));
    let error = refusal(&engine(&config)).await;
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("Permission denied"), "{}", error.message());
    assert!(error.message().contains("stranger"), "{}", error.message());
    assert!(error.remedy().contains("ssh-add"), "{}", error.remedy());
}

#[tokio::test]
async fn a_user_who_may_run_nothing_is_told_so() {
    let sshd = Sshd::start(&["ForceCommand /bin/false"]);
    let error = refusal(&behind(&sshd)).await;
    assert_eq!(error.kind(), "unavailable");
    assert!(error.remedy().contains("ForceCommand"), "{}", error.remedy());
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_told_from_one_that_may_not_be_used() {
    let sshd = Sshd::start(&[]);
    let mut config = sshd.provider("test");
    let host = format!("ssh://127.0.0.1:{}", sshd.port());
    config.host = Some(format!("{host}/nowhere/docker.sock"));
    let error = refusal(&engine(&config)).await;
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("no such socket"), "{}", error.message());
    // A socket that nothing listens on.
    let dead = sshd.file("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("a socket"));
    config.host = Some(format!("{host}{}", dead.display()));
    let error = refusal(&engine(&config)).await;
    assert!(error.message().contains("nothing listens"), "{}", error.message());
}

#[tokio::test]
async fn a_name_that_is_no_machine_and_a_port_without_a_server_are_told_apart() {
    let sshd = Sshd::start(&[]);
    let mut config = sshd.provider("test");
    config.host = Some("ssh://no-such-machine.invalid".to_owned());
    let error = refusal(&engine(&config)).await;
    assert!(error.message().contains("resolve"), "{}", error.message());
    config.host = Some(format!("ssh://127.0.0.1:{}", sshd.port()));
    let port = sshd.port();
    drop(sshd);
    let error = refusal(&engine(&config)).await;
    assert!(error.message().contains("refused"), "{}", error.message());
    until_asked("no ssh is left", async || clients(port).is_empty()).await;
}
