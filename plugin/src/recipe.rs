//! What a container can be made from again: the label `com.imbue.mngr.spec`.
//!
//! It holds what the user asked for, in one spelling, and not what came of it, so that a later version of this crate makes
//! the container as it would make it then. Of the environment it holds the names alone: the values are in the image that a
//! commit leaves, and nowhere in labels.

use serde::{Deserialize, Serialize};

use crate::DockerProviderInstance;
use crate::contract::docker::ContainerSpec;
use crate::labels::{self, Fault, Identity, Pair};
use crate::settings::{self, Settings};
use crate::start_args::{self, Draft};

/// The only version there is.
const VERSION: u32 = 1;
/// A command that waits until it is told to stop, with what any image has.
const WAIT: [&str; 3] = ["tail", "-f", "/dev/null"];

/// What a container was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An image, by the reference that was given.
    Image(String),
    /// A snapshot, by its id.
    Snapshot(String),
}

/// Everything that decides what a container is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    version: u32,
    /// What it was made from.
    pub source: Origin,
    /// Start arguments with the provider's defaults, less the environment.
    #[serde(default)]
    pub args: Vec<String>,
    /// Names of the environment variables.
    #[serde(default)]
    pub env: Vec<String>,
    /// Flags whose values look like secrets and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<String>,
    /// The command that was asked for; empty for none.
    #[serde(default)]
    pub command: Vec<String>,
    /// It was to be left created and not started, so that it is no leftover of a create that was cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_start: bool,
}

impl Recipe {
    /// A recipe of what was asked for.
    pub fn new(source: Origin, draft: &Draft, command: Vec<String>) -> Self {
        Self {
            version: VERSION,
            source,
            args: draft.canonical(),
            env: draft.env_names(),
            omitted: draft.omitted(),
            command,
            no_start: false,
        }
    }

    /// A recipe of what was read off a container.
    pub fn read(source: Origin, args: Vec<String>, env: Vec<String>, command: Vec<String>) -> Self {
        Self {
            version: VERSION,
            source,
            args,
            env,
            omitted: Vec::new(),
            command,
            no_start: false,
        }
    }

    /// As the label has it.
    pub fn encode(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Reads the label of a container.
    ///
    /// # Errors
    /// Where it is missing, does not decode or is of a later version.
    pub fn of(labels: &[Pair]) -> Result<Self, Fault> {
        let fault = |reason: String| Fault {
            label: labels::SPEC,
            reason,
        };
        let text = labels::value(labels, labels::SPEC).ok_or_else(|| fault("it is missing or empty".to_owned()))?;
        Self::decode(text)
    }

    /// Reads the label's text.
    ///
    /// # Errors
    /// Where it does not decode or is of a later version.
    pub fn decode(text: &str) -> Result<Self, Fault> {
        let fault = |reason: String| Fault {
            label: labels::SPEC,
            reason,
        };
        let recipe: Self =
            serde_json::from_str(text).map_err(|error| fault(format!("it does not decode ({error})")))?;
        match recipe.version {
            VERSION => Ok(recipe),
            other => Err(fault(format!(
                "it is of version {other}, and this provider knows {VERSION}"
            ))),
        }
    }

    /// The container: the draft with a name, an image, a command and the labels.
    pub fn container<C>(
        &self,
        provider: &DockerProviderInstance<C>,
        identity: &Identity,
        draft: &Draft,
        image: String,
    ) -> ContainerSpec {
        let mut spec = draft.spec.clone();
        spec.name = provider.container_name(&identity.name);
        spec.image = image;
        let labels = labels::encode(identity, &provider.name, &self.encode());
        spec.labels.extend(labels);
        if !self.command.is_empty() {
            spec.command = Some(self.command.clone());
        } else if matches!(self.source, Origin::Image(_)) && spec.entrypoint.is_none() {
            spec.command = Some(WAIT.map(str::to_owned).to_vec());
            // As the Docker CLI writes `--entrypoint ""`: the image's own would take the command for its arguments.
            spec.entrypoint = Some(vec![String::new()]);
        }
        spec
    }
}

/// The start arguments of a new agent, with what the settings add where the user says nothing.
///
/// # Errors
/// The first argument at fault.
pub fn draft(settings: &Settings, start_args: &[String]) -> Result<Draft, start_args::Fault> {
    let mut draft = Draft::new();
    draft.take_of_settings(&settings.default_start_args)?;
    draft.take(start_args)?;
    // Who says what a GPU must be like wants one; in the settings it is a condition for whoever wants one.
    let wants_gpu = draft.gpu.model.is_some() || draft.gpu.memory_min.is_some() || draft.gpu.exclusive;
    let mut defaults = Vec::new();
    if let Some(cpus) = settings.default_cpus.filter(|_| !draft.has("cpus")) {
        defaults.push(format!("--cpus={cpus}"));
    }
    if let Some(memory) = settings.default_memory.as_deref().filter(|_| !draft.has("memory")) {
        defaults.push(format!("--memory={memory}"));
        if !draft.has("memory-swap") {
            defaults.push(format!("--memory-swap={memory}"));
        }
    }
    if let Some(runtime) = settings.docker_runtime.as_deref().filter(|_| !draft.has("runtime")) {
        defaults.push(format!("--runtime={runtime}"));
    }
    for (key, value) in &settings.gpu {
        let name = format!("gpu.{key}");
        let asks = key == "count" && (draft.has("gpus") || !draft.spec.limits.gpus.is_empty());
        if !draft.has(&name) && !asks {
            defaults.extend(settings::gpu_flag(key, value));
        }
    }
    if !draft.has("stop-timeout") {
        defaults.push(format!("--stop-timeout={}", settings.stop_timeout_seconds));
    }
    draft.take(&defaults)?;
    if wants_gpu && draft.gpu.count.is_none() && draft.spec.limits.gpus.is_empty() {
        draft.gpu.count = Some(1);
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            default_cpus: Some(2.0),
            default_memory: Some("8g".to_owned()),
            default_start_args: vec!["-e".to_owned(), "TOKEN=hunter2".to_owned()],
            ..Settings::default()
        }
    }

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn the_settings_fill_in_what_the_user_leaves_out_and_nothing_else() {
        let filled = draft(&settings(), &[]).expect("a draft").spec.limits;
        assert_eq!(
            (filled.cpus, filled.memory_bytes, filled.memory_swap_bytes),
            (Some(2.0), Some(8 << 30), Some(8 << 30))
        );
        let given = draft(&settings(), &strings(&["-m", "1g"]))
            .expect("a draft")
            .spec
            .limits;
        assert_eq!((given.memory_bytes, given.memory_swap_bytes), (Some(1 << 30), None));
    }

    #[test]
    fn the_label_comes_back_and_holds_no_environment_value() {
        let draft = draft(&settings(), &strings(&["-eA=hunter2", "-v/a:/b"])).expect("a draft");
        let recipe = Recipe::new(Origin::Image("busybox".to_owned()), &draft, strings(&["sleep", "1"]));
        let text = recipe.encode();
        assert!(!text.contains("hunter2") && text.contains("TOKEN"), "{text}");
        assert_eq!(Recipe::of(&[(labels::SPEC.to_owned(), text)]), Ok(recipe));
    }

    #[test]
    fn a_variable_that_was_taken_away_stays_away_until_it_gets_a_value() {
        let first = draft(&Settings::default(), &strings(&["-e", "A=1", "-e", "GONE"])).expect("a draft");
        assert_eq!(first.spec.env, ["A=1", "GONE"]);
        let recipe = Recipe::new(Origin::Image("busybox".to_owned()), &first, Vec::new());
        assert_eq!(recipe.env, ["A"]);
        assert!(recipe.args.contains(&"--env=GONE".to_owned()), "{:?}", recipe.args);
        let mut again = Draft::new();
        again.take(&recipe.args).expect("the arguments");
        assert_eq!(again.spec.env, ["GONE"]);
        again.take(&strings(&["--env=GONE=back"])).expect("a value");
        assert_eq!(again.spec.env, ["GONE=back"]);
        let canonical = again.canonical();
        assert!(!canonical.iter().any(|arg| arg.contains("GONE")), "{canonical:?}");
        let of_settings = Settings {
            default_start_args: strings(&["--init", "-e", "HOME"]),
            ..Settings::default()
        };
        let fault = draft(&of_settings, &[]).expect_err("nobody fills it in");
        assert_eq!(fault.element, 1);
    }

    proptest::proptest! {
        #[test]
        fn a_container_made_again_from_its_label_is_the_same(
            memory in 1_u32..9000,
            labels in proptest::collection::vec(("[a-z]{1,8}", "[ -~]{0,12}"), 0..5),
            ports in proptest::collection::vec(1_u16..u16::MAX, 0..4),
            networks in proptest::collection::btree_set("[a-z]{1,6}", 0..4),
            command in proptest::collection::vec("[ -~]{1,12}", 0..4),
        ) {
            let mut args = vec![format!("--memory={memory}m")];
            args.extend(labels.into_iter().map(|(name, value)| format!("--label={name}={value}")));
            args.extend(ports.into_iter().map(|port| format!("-p{port}")));
            args.extend(networks.into_iter().map(|name| format!("--network=name={name},alias=a")));
            let first = draft(&Settings::default(), &args).expect("a draft");
            let label = Recipe::new(Origin::Image("busybox".to_owned()), &first, command.clone()).encode();
            let again = Recipe::of(&[(labels::SPEC.to_owned(), label)]).expect("a recipe");
            let mut second = Draft::new();
            second.take(&again.args).expect("the arguments");
            proptest::prop_assert_eq!(first.spec, second.spec);
            proptest::prop_assert_eq!(again.command, command);
        }
    }

    #[test]
    fn a_recipe_of_a_later_version_is_not_guessed_at() {
        let later = r#"{"version":2,"source":{"image":"x"}}"#;
        let fault = Recipe::of(&[(labels::SPEC.to_owned(), later.to_owned())]).expect_err("a later version");
        assert!(fault.reason.contains("version 2"));
        assert!(Recipe::of(&[]).is_err());
    }
}
