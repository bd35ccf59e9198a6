//! `logs`.

use clap::Args;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use mngr_host_shim::contract::docker::LogOptions;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::stream::Printer;

/// Print what an agent's main command has printed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker logs -f --tail 20 a1
  mngr-docker logs --since 10m a1")]
pub struct Logs {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// Go on with what is printed from now on
    #[arg(short, long)]
    follow: bool,
    /// Only the last N lines; `all` for all
    #[arg(short = 'n', long, value_name = "N", value_parser = tail)]
    tail: Option<Tail>,
    /// Only what is newer: RFC 3339, seconds since the epoch, or how long ago (`10m`)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Only what is older
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
    /// Put the time before each line
    #[arg(short, long)]
    timestamps: bool,
}

/// How many of the last lines; none for all.
type Tail = Option<u64>;

impl Logs {
    /// Prints it.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("asking the engine");
        let provider = context.provider(&spinner).await?;
        let options = LogOptions {
            follow: self.follow,
            stdout: true,
            stderr: true,
            timestamps: self.timestamps,
            since: self.since.unwrap_or(0),
            until: self.until.unwrap_or(0),
            tail: self.tail.flatten(),
        };
        let mut log = provider
            .logs(&self.agent, options)
            .await
            .map_err(|error| context.failure(error))?;
        drop(spinner);
        let mut printer = Printer::new(context.output.json);
        loop {
            tokio::select! {
                piece = log.output.next() => match piece {
                    Some(piece) => printer.print(&piece?).await?,
                    None => break,
                },
                failure = context.interrupted() => return Err(failure),
            }
        }
        printer.finish(None).await?;
        Ok(Exit::OK)
    }
}

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(None),
        _ => text
            .parse()
            .map(Some)
            .map_err(|_| "write a number of lines, or `all`".to_owned()),
    }
}

/// Seconds since the epoch.
fn moment(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_second());
    }
    let ago = text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative());
    ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok())
        .map(Timestamp::as_second)
        .ok_or_else(|| {
            "write a time like 2026-01-31T09:30:00Z, seconds since the epoch, or a duration like 10m".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_a_number_or_how_long_ago() {
        assert_eq!(moment("1700000000"), Ok(1_700_000_000));
        assert_eq!(moment("2023-11-14T22:13:20Z"), Ok(1_700_000_000));
        let ago = Timestamp::now().as_second() - moment("1h30m").expect("a duration");
        assert!((5400..5500).contains(&ago), "{ago}");
        assert!(moment("soon").is_err());
        assert!(moment("-5m").is_err());
    }

    #[test]
    fn the_tail_is_a_number_or_all() {
        assert_eq!(tail("20"), Ok(Some(20)));
        assert_eq!(tail("all"), Ok(None));
        assert!(tail("-1").is_err());
    }
}
