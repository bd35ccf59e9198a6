//! `list --all-providers`: what every provider has, and which of them did not answer.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::discovery::discover_all;
use mngr_host_shim::json::{AgentJson, ErrorJson, Written, written};
use mngr_host_shim::provider::Provider;

use super::context::{Context, Named};
use super::exit::Exit;
use super::failure::{Failure, Outcome, complain_of};
use super::list::{Columns, table};
use super::output::{Shown, shown};
use super::progress::Spinner;
use super::watch::Watcher;

/// Lists them once. An answer that is missing never looks like a provider without agents: it is named, and the status says
/// it.
pub async fn list(context: &Context, spinner: Spinner, request: &DiscoverRequest) -> Outcome {
    let providers = enabled(context)?;
    let answers = discover_all(&context.host()?, &providers, request, context.interrupt.token()).await;
    drop(spinner);
    if let Some(exit) = context.interrupt.exit() {
        return Err(Failure::Interrupted(exit));
    }
    let (mut agents, mut failed) = (Vec::new(), Vec::new());
    let asked = answers.len();
    for answer in answers {
        match answer.agents {
            Ok(theirs) => agents.extend(theirs),
            Err(error) => failed.push((answer.provider, error)),
        }
    }
    let answered = failed.len() < asked;
    match (context.output.json, failed.first()) {
        (true, Some((provider, error))) if !answered => {
            context.output.value(&ErrorJson::from(error).of_provider(provider))?;
        }
        (true, _) => context
            .output
            .value(&agents.iter().map(AgentJson::from).collect::<Vec<_>>())?,
        (false, _) if !agents.is_empty() => {
            context
                .output
                .table(table(&agents, Columns::OfSeveral, Timestamp::now()))?
        }
        (false, None) if request.tags.is_empty() && request.states.is_empty() => context.output.note(shown!(
            "None of the {} providers has agents. Make one: mngr-docker create NAME",
            asked
        )),
        (false, None) => context.output.note("No agent fits."),
        (false, Some(_)) => {}
    }
    for (provider, error) in &failed {
        show(context, provider, error)?;
    }
    for warning in twins(&agents) {
        context.output.warn(warning);
    }
    Ok(match failed.first() {
        None => Exit::OK,
        Some(_) if answered => Exit::PARTIAL,
        Some((_, error)) => error.into(),
    })
}

/// What a move that did not come to its end leaves: one agent in two places.
fn twins(agents: &[Agent]) -> Vec<Shown> {
    let mut places: BTreeMap<&str, Vec<&Agent>> = BTreeMap::new();
    for agent in agents {
        places.entry(&agent.id).or_default().push(agent);
    }
    let told = |same: &Vec<&Agent>| {
        let each = same
            .iter()
            .map(|agent| shown!("{} on {}", &agent.name, &agent.provider));
        let remedy = "keep one of them and destroy the others: mngr-docker destroy NAME --provider PROVIDER";
        shown!(
            "one agent is there more than once, as {}; {}",
            Shown::join(each, " and "),
            remedy
        )
    };
    places.values().filter(|same| same.len() > 1).map(told).collect()
}

/// On stderr, so that the list is whole for who reads it: in a line for people, as one JSON value for programs.
fn show(context: &Context, provider: &str, error: &ProviderError) -> std::io::Result<()> {
    if !context.output.json {
        return complain_of(provider, error);
    }
    context
        .output
        .value_on_stderr(&ErrorJson::from(error).of_provider(provider))
}

fn enabled(context: &Context) -> Result<Vec<ProviderConfig>, Failure> {
    let config = context.config()?;
    let mut providers: Vec<_> = config
        .providers
        .values()
        .filter(|each| each.is_enabled)
        .cloned()
        .collect();
    if providers.is_empty() {
        // Says why there is none.
        providers.push(config.provider(None)?.clone());
    }
    for provider in &mut providers {
        if let Some(Named(plugin)) = &context.global.plugin {
            provider.plugin = plugin.clone();
        }
    }
    Ok(providers)
}

/// Lists them after every change, each provider as it answers. Of one that is away the last list stays, and stderr says so.
pub async fn watch(context: &Context, spinner: Spinner, request: &DiscoverRequest) -> Outcome {
    let host = context.host()?;
    let mut providers = Vec::new();
    for config in enabled(context)? {
        let provider = host.open(&config).await?;
        providers.push(provider.cancelled_by(context.interrupt.token().clone()));
    }
    drop(spinner);
    let board = Board::default();
    let watchers = providers
        .iter()
        .map(|provider| watch_one(context, provider, request, &board));
    futures::future::try_join_all(watchers).await?;
    Ok(Exit::OK)
}

async fn watch_one(
    context: &Context,
    provider: &Provider,
    request: &DiscoverRequest,
    board: &Board,
) -> Result<(), Failure> {
    let mut watcher = Watcher::new(context, provider);
    loop {
        watcher.mark_start().await?;
        match provider.discover(request.clone()).await {
            Ok(agents) => {
                board.show(context, provider.name(), agents)?;
                watcher.next().await?;
            }
            Err(error) => watcher.broken(error).await?,
        }
    }
}

/// What is known of each provider, and what was last told of it.
#[derive(Default)]
struct Board {
    agents: RefCell<BTreeMap<String, Vec<Agent>>>,
    told: RefCell<Option<Written>>,
}

impl Board {
    fn show(&self, context: &Context, provider: &str, agents: Vec<Agent>) -> std::io::Result<()> {
        let mut known = self.agents.borrow_mut();
        known.insert(provider.to_owned(), agents);
        let all: Vec<_> = known.values().flatten().cloned().collect();
        if !context.output.json {
            return context.output.redraw(table(&all, Columns::OfSeveral, Timestamp::now()));
        }
        let list = written(&all.iter().map(AgentJson::from).collect::<Vec<_>>())?;
        if self.told.borrow().as_ref().map(|told| told.get()) != Some(list.get()) {
            context.output.value(&list)?;
            self.told.replace(Some(list));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::contract::types::AgentState;

    use super::*;
    use crate::list::tests::agent;

    #[test]
    fn an_agent_in_two_places_is_told_with_both() {
        let here = agent("a", AgentState::Running);
        let there = Agent {
            provider: "big".to_owned(),
            ..here.clone()
        };
        let told = twins(&[here, there, agent("b", AgentState::Running)]);
        assert_eq!(told.len(), 1);
        assert!(told[0].plain().contains("a on docker and a on big"), "{:?}", told[0]);
    }
}
