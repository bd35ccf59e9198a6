//! What it says of itself.

use mngr_docker_plugin::DockerProviderBackend;
use mngr_docker_plugin::contract::backend::Description;

/// Written over in the component's bytes by the id of the rule that is to be broken, and spaces.
pub const NONE: &str = "describe.nothing-is-wrong                                   ";

/// Written over in the component's bytes by the version that it is to say it is, and spaces.
pub const VERSION: &str = "its own version                 ";

/// What a constant has been written over with, which is not known when this is compiled.
fn written(constant: &str) -> &str {
    std::hint::black_box(constant).trim_end()
}

pub fn describe() -> Description {
    let mut said = DockerProviderBackend.describe();
    let version = written(VERSION);
    if version != "its own version" {
        said.version = version.to_owned();
    }
    match written(NONE) {
        "describe.name-is-a-word" => said.name = "no word".to_owned(),
        "describe.version-is-semver" => said.version = "one".to_owned(),
        "describe.capabilities-are-functions" => said.capabilities.push("instance.compose".to_owned()),
        "describe.capabilities-are-all-that-works" => said.capabilities.retain(|known| known != "instance.port"),
        "describe.settings-are-whole" => said.settings.iter_mut().for_each(|setting| setting.help.clear()),
        "describe.arguments-are-flags" => {
            let argument = said.build_arguments.iter_mut().next();
            argument
                .into_iter()
                .for_each(|argument| argument.flag = "flag".to_owned());
        }
        _ => {}
    }
    said
}
