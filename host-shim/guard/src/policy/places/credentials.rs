//! Where people and programs keep what lets them in elsewhere.

/// Names within a path, each with all that lies below it.
const CREDENTIALS: [&[&str]; 33] = [
    &[".ssh"],
    &[".docker"],
    &[".aws"],
    &[".azure"],
    &[".gnupg"],
    &[".kube"],
    &[".netrc"],
    &["_netrc"],
    &[".npmrc"],
    &[".yarnrc.yml"],
    &[".pypirc"],
    &[".pgpass"],
    &[".my.cnf"],
    &[".git-credentials"],
    &[".vault-token"],
    &[".password-store"],
    &[".terraform.d"],
    &[".terraformrc"],
    &[".oci"],
    &[".s3cfg"],
    &[".boto"],
    &[".cargo", "credentials"],
    &[".cargo", "credentials.toml"],
    &[".gem", "credentials"],
    &[".config", "gcloud"],
    &[".config", "gh"],
    &[".config", "op"],
    &[".config", "containers"],
    &[".config", "rclone"],
    &[".config", "google-chrome"],
    &[".local", "share", "keyrings"],
    &["Library", "Keychains"],
    &[".mozilla"],
];
/// What holds some of them, and may be named in part and not as a whole.
const ROOTS: [&[&str]; 5] = [&[".config"], &[".local"], &[".local", "share"], &[".cargo"], &[".gem"]];

/// The part of a clean path that holds credentials. Upper and lower case are one: the file systems of macOS and Windows take
/// them so.
pub(super) fn within(path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').collect();
    let is = |own: &[&str], names: &[&str]| {
        own.len() == names.len() && own.iter().zip(names).all(|(own, name)| own.eq_ignore_ascii_case(name))
    };
    let at = |names: &[&str]| parts.windows(names.len()).position(|window| is(window, names));
    for names in CREDENTIALS {
        if let Some(position) = at(names) {
            return Some(parts[..position + names.len()].join("/"));
        }
    }
    let whole = |names: &&[&str]| parts.len() > names.len() && is(&parts[parts.len() - names.len()..], names);
    ROOTS.iter().any(whole).then(|| path.to_owned())
}
