//! What an agent's main command prints.

use futures::StreamExt;
use mngr_docker_tests::{Testbed, behaviours};
use mngr_host_shim::contract::docker::LogOptions;
use mngr_host_shim::provider::NewAgent;
use mngr_host_shim::streams::{Channel, LogStream};

async fn text(mut stream: LogStream, channel: Channel) -> String {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.output.next().await {
        let piece = piece.expect("output");
        if piece.channel == channel {
            bytes.extend_from_slice(&piece.bytes);
        }
    }
    String::from_utf8(bytes).expect("text")
}

async fn speaker(bed: &Testbed, script: &str) {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    bed.provider
        .create(NewAgent {
            command,
            ..NewAgent::named("a")
        })
        .await
        .expect("an agent");
}

behaviours! {
    #[everywhere]
    async fn following_a_log_ends_when_the_agent_does(bed) {
        speaker(bed, "echo one; echo two >&2; echo three").await;
        let stream = bed.provider.logs("a", LogOptions { follow: true, ..LogOptions::default() }).await.expect("a log");
        assert_eq!(text(stream, Channel::Stdout).await, "one\nthree\n");
        let stream = bed.provider.logs("a", LogOptions::default()).await.expect("a log");
        assert_eq!(text(stream, Channel::Stderr).await, "two\n");
    }

    async fn only_the_last_lines_can_be_asked_for(bed) {
        speaker(bed, "echo one; echo two; echo three").await;
        let ended = bed.provider.logs("a", LogOptions { follow: true, ..LogOptions::default() }).await.expect("a log");
        text(ended, Channel::Stdout).await;
        let stream = bed.provider.logs("a", LogOptions { tail: Some(2), ..LogOptions::default() }).await.expect("a log");
        assert_eq!(text(stream, Channel::Stdout).await, "two\nthree\n");
    }
}
