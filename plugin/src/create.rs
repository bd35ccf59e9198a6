//! Making an agent: all or nothing.
//!
//! Everything the user gave is judged before the engine is asked. The labels go in with the create call, so there is never a
//! container without them, and the engine's unique container name is the lock: of two that create the same agent one gets
//! it. Whatever fails after the create call takes the container away again.

use crate::contract::docker::Image;
use crate::contract::instance;
use crate::contract::types::{Agent, Snapshot};
use crate::error::invalid;
use crate::gpu::{self, Wish};
use crate::labels::{self, Identity, Pair};
use crate::recipe::{self, Origin, Recipe};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{
    agent, build, container, first_process, image, launch, limits, ports, snapshot, start_args, tags, volumes,
};

/// What an agent is made from.
#[derive(Debug)]
pub enum Source<A> {
    /// The setting `default_image`.
    DefaultImage,
    /// An image.
    Image(String),
    /// An image to be built.
    Build {
        /// What is built from.
        context: A,
        /// The arguments of `docker build`.
        args: Vec<String>,
    },
    /// A snapshot's id, a unique prefix of one, or its name.
    Snapshot(String),
}

/// `instance.create-request`, with a build context of any kind.
#[derive(Debug)]
pub struct CreateRequest<A> {
    /// Unique within the provider.
    pub name: String,
    /// What it is made from.
    pub source: Source<A>,
    /// Empty for the setting `default_agent_type`.
    pub agent_type: String,
    /// The user's own.
    pub tags: Vec<Pair>,
    /// The agent this one descends from.
    pub parent_id: Option<String>,
    /// Flags of `docker run`.
    pub start_args: Vec<String>,
    /// Empty for one that waits.
    pub command: Vec<String>,
    /// Leave it created and not started.
    pub no_start: bool,
    /// Publish port 22 where it is reached from the host's machine.
    pub publish_ssh: bool,
}

impl<A> CreateRequest<A> {
    /// A request as the contract has it, with the context of its build where it is one.
    ///
    /// # Errors
    /// `invalid-argument` for a build without a context.
    pub fn with_context(request: instance::CreateRequest, context: Option<A>) -> Result<Self> {
        let source = match (request.source, context) {
            (instance::Source::DefaultImage, _) => Source::DefaultImage,
            (instance::Source::Image(image), _) => Source::Image(image),
            (instance::Source::Snapshot(snapshot), _) => Source::Snapshot(snapshot),
            (instance::Source::Build(build), Some(context)) => Source::Build {
                context,
                args: build.args,
            },
            (instance::Source::Build(_), None) => {
                let reason = "there is nothing to build from";
                return Err(invalid("context", "", reason, "hand in the context of the build"));
            }
        };
        Ok(Self {
            name: request.name,
            source,
            agent_type: request.agent_type,
            tags: request.tags,
            parent_id: request.parent_id,
            start_args: request.start_args,
            command: request.command,
            no_start: request.no_start,
            publish_ssh: request.publish_ssh,
        })
    }
}

/// Makes an agent.
///
/// # Errors
/// `invalid-argument` for what can not be meant, `already-exists` for a name that is taken, `not-found` for an image or a
/// snapshot, `denied` by the host's policy, and whatever the engine answers. No container is left then.
pub async fn create<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    request: CreateRequest<C::Archive>,
) -> Result<Agent> {
    agent::check_name("name", &request.name)?;
    let tags = tags::check(&request.tags)?;
    let agent_type = match request.agent_type.as_str() {
        "" => provider.settings.default_agent_type.clone(),
        given => word("agent-type", given)?,
    };
    let parent_id = request
        .parent_id
        .as_deref()
        .map(|id| word("parent-id", id))
        .transpose()?;
    check_command(&request.command)?;
    let mut draft = recipe::draft(&provider.settings, &request.start_args).map_err(start_args::Fault::into_error)?;
    if request.publish_ssh {
        ports::publish_ssh(provider, &mut draft)?;
    }
    // Before an image is built or pulled for nothing.
    let program = draft.spec.entrypoint.iter().flatten().chain(&request.command);
    first_process::strings(&draft.spec.env, program, &draft.spec.limits)?;
    limits::fit(provider, &draft.spec.limits).await?;
    let id = format!("{}{}", agent::ID_PREFIX, provider.capabilities.random_id());
    let wish = Wish::of(&draft);
    gpu::foresee(provider, &wish, &id).await?;
    let free = container::check_free(provider, &request.name);
    let base = match request.source {
        Source::DefaultImage => beside(free, from_image(provider, &provider.settings.default_image, &draft)).await?,
        Source::Image(reference) => beside(free, from_image(provider, &reference, &draft)).await?,
        Source::Snapshot(reference) => {
            let snapshot = beside(free, snapshot::find(provider, &reference)).await?;
            Base::snapshot(snapshot)
        }
        Source::Build { context, args } => {
            let mut options = build::options(&args)?;
            free.await?;
            options.platform = options.platform.or_else(|| draft.platform.clone());
            let (tag, image) = build::image(provider, context, options, &id, &request.name).await?;
            Base {
                built: true,
                ..Base::image(&tag, image)
            }
        }
    };
    let identity = Identity {
        id,
        name: request.name,
        agent_type,
        tags,
        parent_id: parent_id.or(base.snapshot.as_ref().map(|snapshot| snapshot.agent_id.clone())),
        created_at: provider.capabilities.now(),
        snapshot_id: labels::value(&base.labels, labels::SNAPSHOT_ID).map(str::to_owned),
    };
    let built = base.built.then(|| base.image.clone());
    let restored = match &base.snapshot {
        Some(snapshot) => Some(volumes::restore(provider, snapshot, &identity, &draft, &draft).await?),
        None => None,
    };
    let draft = restored.as_ref().map_or(&draft, |restored| &restored.draft);
    let mut recipe = Recipe::new(base.origin, draft, request.command);
    recipe.no_start = request.no_start;
    let mut spec = recipe.container(provider, &identity, draft, base.image);
    spec.labels.extend(base.labels);

    let made = launch::begin(provider, spec, &identity, &wish, !request.no_start, restored.as_ref()).await;
    if let (Err(_), Some(image)) = (&made, built) {
        build::remove(provider, &image).await;
    }
    Ok(agent::of_container(&provider.name, &made?))
}

/// Does two things at once, of which the first must not fail.
async fn beside<T>(check: impl Future<Output = Result<()>>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let (checked, done) = futures::join!(check, work);
    checked.and(done)
}

fn word(field: &str, given: &str) -> Result<String> {
    if labels::is_word(given) {
        return Ok(given.to_owned());
    }
    let remedy = "use at most 128 of the characters a-z A-Z 0-9 _ . - with a letter or digit first";
    Err(invalid(field, given, "it is not one plain word", remedy))
}

fn check_command(command: &[String]) -> Result<()> {
    let remedy = "give a program and its arguments, or nothing for an agent that waits";
    if command.first().is_some_and(String::is_empty) {
        return Err(invalid("command", "", "its program is empty", remedy));
    }
    if let Some(bad) = command.iter().find(|word| word.contains('\0')) {
        return Err(invalid("command", bad, "it holds a NUL character", remedy));
    }
    Ok(())
}

/// What a container is made from, and what follows from that.
struct Base {
    origin: Origin,
    image: String,
    /// Whether the image was built for this agent alone.
    built: bool,
    /// The snapshot that it is.
    snapshot: Option<Snapshot>,
    /// Labels over those that the image would hand down.
    labels: Vec<Pair>,
}

impl Base {
    /// An image may itself be made of a snapshot, and its labels would then claim that the container was made from that.
    fn image(reference: &str, image: Image) -> Self {
        let claims = image
            .labels
            .into_iter()
            .filter(|(name, _)| name.starts_with(labels::SNAPSHOT_PREFIX));
        Self {
            origin: Origin::Image(reference.to_owned()),
            image: reference.to_owned(),
            built: false,
            snapshot: None,
            labels: claims.map(|(name, _)| (name, String::new())).collect(),
        }
    }

    fn snapshot(snapshot: Snapshot) -> Self {
        Self {
            labels: vec![(labels::SNAPSHOT_ID.to_owned(), snapshot.id.clone())],
            origin: Origin::Snapshot(snapshot.id.clone()),
            image: snapshot.image.clone(),
            built: false,
            snapshot: Some(snapshot),
        }
    }
}

async fn from_image<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    draft: &start_args::Draft,
) -> Result<Base> {
    let image = image::ensure(&provider.capabilities, reference, draft.platform.as_deref(), draft.pull).await?;
    Ok(Base::image(reference, image))
}
