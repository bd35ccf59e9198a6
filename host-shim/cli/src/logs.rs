//! `logs`.

use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use mngr_host_shim::contract::docker::LogOptions;
use mngr_host_shim::engine::Fractions;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::moment;
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
    /// Only what is newer: a date or time (RFC 3339), seconds since the epoch, or how long ago (`10m`)
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    since: Option<Timestamp>,
    /// Only what is older
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
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
        let (since, more_since) = self.since.map_or((0, 0), moment::split);
        let (until, more_until) = self.until.map_or((0, 0), moment::split);
        let fractions = Fractions {
            since: more_since,
            until: more_until,
        };
        let options = LogOptions {
            follow: self.follow,
            stdout: true,
            stderr: true,
            timestamps: self.timestamps,
            since,
            until,
            tail: self.tail.flatten(),
        };
        let mut log = provider
            .logs_between(&self.agent, options, fractions)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_a_number_or_all() {
        assert_eq!(tail("20"), Ok(Some(20)));
        assert_eq!(tail("all"), Ok(None));
        assert!(tail("-1").is_err());
    }
}
