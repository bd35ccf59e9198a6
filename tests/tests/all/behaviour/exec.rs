//! Commands in agents: their bytes go past the plugin, their exit status is the engine's word.

use mngr_docker_tests::{argv, behaviours, error_kind, output_of};
use mngr_host_shim::contract::docker::{ExecOptions, TerminalSize};
use tokio::io::AsyncWriteExt;

behaviours! {
    #[everywhere]
    async fn stdout_stderr_and_the_exit_status_are_told_apart(bed) {
        bed.agent("a").await;
        let session = bed.provider.exec("a", argv(&["sh", "-c", "echo out; echo err >&2; exit 7"])).await.expect("an exec");
        assert_eq!(output_of(session).await, (7, "out\n".to_owned(), "err\n".to_owned()));
    }

    #[everywhere]
    async fn stdin_is_passed_on_to_its_end(bed) {
        bed.agent("a").await;
        let options = ExecOptions { stdin: true, ..argv(&["wc", "-c"]) };
        let mut session = bed.provider.exec("a", options).await.expect("an exec");
        let mut stdin = session.stdin.take().expect("stdin");
        stdin.write_all(&vec![b'x'; 300_000]).await.expect("written");
        stdin.shutdown().await.expect("closed");
        drop(stdin);
        let (status, stdout, _) = output_of(session).await;
        assert_eq!((status, stdout.trim()), (0, "300000"));
    }

    #[everywhere]
    async fn a_terminal_makes_one_stream_of_both_outputs(bed) {
        bed.agent("a").await;
        let terminal = Some(TerminalSize { columns: 80, rows: 24 });
        let options = ExecOptions { terminal, ..argv(&["sh", "-c", "echo out; echo err >&2"]) };
        let session = bed.provider.exec("a", options).await.expect("an exec");
        let (status, stdout, stderr) = output_of(session).await;
        assert_eq!((status, stderr.as_str()), (0, ""));
        assert!(stdout.contains("out\r\n") && stdout.contains("err\r\n"), "{stdout:?}");
    }

    async fn environment_directory_and_user_are_as_asked_for(bed) {
        bed.agent("a").await;
        let options = ExecOptions {
            env: vec!["WORD=with space".to_owned()],
            working_dir: Some("/tmp".to_owned()),
            user: Some("0".to_owned()),
            ..argv(&["sh", "-c", "echo $WORD; pwd; id -u"])
        };
        let session = bed.provider.exec("a", options).await.expect("an exec");
        assert_eq!(output_of(session).await.1, "with space\n/tmp\n0\n");
    }

    async fn a_missing_binary_ends_as_a_shell_has_it_and_is_named(bed) {
        bed.agent("a").await;
        let session = bed.provider.exec("a", argv(&["no-such-program"])).await.expect("an exec");
        let (status, stdout, stderr) = output_of(session).await;
        // Engines before 23.0 say 126 for a program that is not there, later ones 127.
        assert!(matches!(status, 126 | 127), "{status}");
        assert!((stdout + &stderr).contains("no-such-program"));
    }

    async fn arguments_are_no_shell_words(bed) {
        bed.agent("a").await;
        let session = bed.provider.exec("a", argv(&["echo", "$HOME", "; exit 9", "a  b", "*"])).await.expect("an exec");
        assert_eq!(output_of(session).await, (0, "$HOME ; exit 9 a  b *\n".to_owned(), String::new()));
    }

    async fn nothing_runs_in_an_agent_that_does_not_run(bed) {
        bed.agent("a").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let error = bed.provider.exec("a", argv(&["true"])).await.expect_err("it is stopped");
        assert_eq!(error.kind(), "conflict");
        assert!(error.remedy().contains("start"), "{}", error.remedy());
    }

    async fn a_command_without_words_is_refused(bed) {
        bed.agent("a").await;
        assert_eq!(error_kind(bed.provider.exec("a", argv(&[])).await), "invalid_argument");
    }
}
