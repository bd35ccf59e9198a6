//! One command for several agents: side by side, each reported, and a failure of one no failure of the others.

use mngr_host_shim::contract::Result;
use mngr_host_shim::json::{ErrorJson, Written, written};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome, show_provider_error};
use super::output::Shown;
use super::progress::Spinner;

/// Calls `call` for each agent. People get a line as each is done. Programs get the value for one agent, and an array in
/// the order given for more, in which an agent that failed is `{"error": …}`.
pub async fn each<T>(
    context: &Context,
    spinner: Spinner,
    agents: &[String],
    call: impl AsyncFn(&str) -> Result<T>,
    line: impl Fn(&T) -> Shown,
    to_json: impl Fn(&T) -> std::io::Result<Written>,
) -> Outcome {
    let mut agents: Vec<_> = agents.iter().map(String::as_str).collect();
    let mut seen = std::collections::HashSet::new();
    agents.retain(|agent| seen.insert(*agent));
    if let [agent] = agents[..] {
        let done = call(agent).await.map_err(|error| context.failure(error))?;
        drop(spinner);
        match context.output.json {
            true => context.output.value(&to_json(&done)?)?,
            false => context.output.line(line(&done))?,
        }
        return Ok(Exit::OK);
    }
    let report = async |agent: &str| {
        let result = call(agent).await;
        if !context.output.json {
            spinner.suspend(|| match &result {
                Ok(done) => context.output.line(line(done)),
                Err(error) if context.interrupt.exit().is_none() => show_provider_error(error),
                Err(_) => Ok(()),
            })?;
        }
        Ok::<_, Failure>(result)
    };
    let results = futures::future::try_join_all(agents.into_iter().map(report)).await?;
    drop(spinner);
    if context.output.json {
        let value = |result: &Result<T>| match result {
            Ok(done) => to_json(done),
            Err(error) => written(&ErrorJson::from(error)),
        };
        let values = results.iter().map(value).collect::<std::io::Result<Vec<_>>>()?;
        context.output.value(&values)?;
    }
    let failed = results.iter().find_map(|result| result.as_ref().err());
    Ok(match (context.interrupt.exit(), failed) {
        (Some(exit), Some(_)) => exit,
        (None, Some(error)) => error.into(),
        (_, None) => Exit::OK,
    })
}
