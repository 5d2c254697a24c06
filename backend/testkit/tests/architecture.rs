//! Who may know whom. The workspace's manifests are held against the tables below; a change of
//! the tables is a change of the architecture, and docs/ARCHITECTURE.md describes it.

// Clippy then knows that helper functions here are test code too.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every crate, and the crates of ours it may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("telemetry", &["domain"]),
    ("security", &["domain"]),
    ("tls", &[]),
    ("cache", &["domain", "tls"]),
    ("migration", &["domain"]),
    ("storage", &["domain", "migration", "telemetry"]),
    ("web", &["domain", "security", "telemetry"]),
    ("registry-client", &["domain", "security", "tls"]),
    ("vault", &["domain", "config", "tls", "registry-client"]),
    (
        "recovery",
        &[
            "domain",
            "migration",
            "security",
            "storage",
            "registry-client",
        ],
    ),
    (
        "registry",
        &[
            "domain",
            "config",
            "telemetry",
            "security",
            "cache",
            "storage",
            "web",
            "registry-client",
        ],
    ),
    (
        "gateway",
        &[
            "domain",
            "config",
            "telemetry",
            "security",
            "tls",
            "cache",
            "web",
            "registry-client",
        ],
    ),
    (
        "core",
        &[
            "domain",
            "config",
            "telemetry",
            "security",
            "cache",
            "storage",
            "web",
            "registry-client",
        ],
    ),
    ("platform", EVERYBODY),
    ("testkit", &[]),
];

const EVERYBODY: &[&str] = &["*"];

/// What tests may know beside: the kit, the schema they run on.
const TESTS_MAY_KNOW: &[&str] = &["testkit", "migration"];

/// Not even by way of somebody else: the gateway touches no database, and it, the registry and
/// core know each other only by what they say over the wire.
const NEVER_REACHES: &[(&str, &[&str])] = &[
    ("gateway", &["storage", "migration", "core", "registry"]),
    ("registry", &["core", "gateway"]),
    ("core", &["registry", "gateway"]),
    ("web", &["storage"]),
];

/// A library that only these crates name, so that it can be replaced in one place.
const LIBRARY_OF: &[(&str, &[&str])] = &[
    ("sea-orm", &["storage", "migration"]),
    ("sea-orm-migration", &["storage", "migration"]),
    ("sqlx", &["storage", "migration", "recovery"]),
    ("redis", &["cache"]),
    ("moka", &["cache"]),
    ("argon2", &["security"]),
    ("rustls", &["tls"]),
    ("rustls-native-certs", &["tls"]),
    ("instant-acme", &["gateway"]),
    ("jsonwebtoken", &["security"]),
    ("figment", &["config"]),
    ("prometheus-client", &["telemetry"]),
    ("tracing-subscriber", &["telemetry"]),
    ("clap", &["platform"]),
];

/// What a pure crate never names: sockets, runtimes, files.
const INPUT_AND_OUTPUT: &[&str] = &[
    "tokio",
    "tokio-util",
    "hyper",
    "hyper-util",
    "axum",
    "socket2",
    "tower",
    "figment",
];
const PURE: &[&str] = &["domain", "security"];

/// One crate of the workspace: what it depends on to run, and what its tests add.
#[derive(Debug, Default, Clone)]
struct Manifest {
    runs_on: BTreeSet<String>,
    tested_with: BTreeSet<String>,
}

/// Manifests by short name: `saas-domain` is `domain`.
type Workspace = BTreeMap<String, Manifest>;

#[test]
fn nobody_knows_whom_they_should_not() {
    let found = violations(&read_workspace());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_gateway_must_not_know_storage() {
    let mut workspace = sound();
    learn(&mut workspace, "gateway", "saas-storage");
    assert_eq!(
        violations(&workspace),
        [
            "gateway may not depend on storage",
            "gateway reaches storage by way of gateway → storage"
        ]
    );
}

#[test]
fn a_way_round_is_found() {
    let mut workspace = sound();
    learn(&mut workspace, "gateway", "saas-web");
    learn(&mut workspace, "web", "saas-storage");
    let found = violations(&workspace);
    assert!(
        found.contains(&"gateway reaches storage by way of gateway → web → storage".to_owned()),
        "{found:?}"
    );
}

#[test]
fn registry_and_core_must_not_know_each_other_even_in_tests() {
    let mut workspace = sound();
    workspace
        .get_mut("registry")
        .unwrap()
        .tested_with
        .insert("saas-core".to_owned());
    assert_eq!(
        violations(&workspace),
        ["registry may not depend on core, not even in tests"]
    );
}

#[test]
fn only_storage_and_migration_name_the_database_library() {
    let mut workspace = sound();
    learn(&mut workspace, "storage", "sea-orm");
    learn(&mut workspace, "core", "sea-orm");
    assert_eq!(
        violations(&workspace),
        ["core may not name sea-orm: that is for storage, migration"]
    );
}

#[test]
fn a_pure_crate_must_not_do_input_or_output() {
    let mut workspace = sound();
    learn(&mut workspace, "domain", "tokio");
    assert_eq!(
        violations(&workspace),
        ["domain is pure and may not name tokio"]
    );
}

#[test]
fn a_new_crate_must_find_its_place() {
    let mut workspace = sound();
    workspace.insert("billing".to_owned(), Manifest::default());
    assert_eq!(violations(&workspace), ["billing has no place in MAY_KNOW"]);
}

/// A workspace of all crates that depend on nothing.
fn sound() -> Workspace {
    MAY_KNOW
        .iter()
        .map(|(name, _)| ((*name).to_owned(), Manifest::default()))
        .collect()
}

fn learn(workspace: &mut Workspace, name: &str, of: &str) {
    workspace
        .get_mut(name)
        .unwrap()
        .runs_on
        .insert(of.to_owned());
}

fn violations(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for (name, manifest) in workspace {
        let Some((_, may_know)) = MAY_KNOW.iter().find(|(known, _)| known == name) else {
            found.push(format!("{name} has no place in MAY_KNOW"));
            continue;
        };
        let everybody = *may_know == EVERYBODY;
        for other in ours(&manifest.runs_on) {
            if !everybody && !may_know.contains(&other) {
                found.push(format!("{name} may not depend on {other}"));
            }
        }
        for other in ours(&manifest.tested_with) {
            if !everybody && !may_know.contains(&other) && !TESTS_MAY_KNOW.contains(&other) {
                found.push(format!(
                    "{name} may not depend on {other}, not even in tests"
                ));
            }
        }
        for (library, owners) in LIBRARY_OF {
            let named =
                manifest.runs_on.contains(*library) || manifest.tested_with.contains(*library);
            if named && !owners.contains(&name.as_str()) {
                let owners = owners.join(", ");
                found.push(format!(
                    "{name} may not name {library}: that is for {owners}"
                ));
            }
        }
        if PURE.contains(&name.as_str()) {
            for library in INPUT_AND_OUTPUT
                .iter()
                .filter(|name| manifest.runs_on.contains(**name))
            {
                found.push(format!("{name} is pure and may not name {library}"));
            }
        }
    }
    for (from, never) in NEVER_REACHES {
        for way in ways(workspace, from) {
            if way.last().is_some_and(|end| never.contains(end)) {
                let end = way.last().copied().unwrap_or_default();
                found.push(format!(
                    "{from} reaches {end} by way of {}",
                    way.join(" → ")
                ));
            }
        }
    }
    found
}

/// A shortest way from `from` to each crate it can reach.
fn ways<'a>(workspace: &'a Workspace, from: &'a str) -> Vec<Vec<&'a str>> {
    let mut reached: Vec<Vec<&str>> = vec![vec![from]];
    let mut next = 0;
    while let Some(way) = reached.get(next).cloned() {
        next += 1;
        let Some(manifest) = way.last().and_then(|end| workspace.get(*end)) else {
            continue;
        };
        for other in ours(&manifest.runs_on) {
            if !reached.iter().any(|way| way.last() == Some(&other)) {
                reached.push(way.iter().copied().chain([other]).collect());
            }
        }
    }
    reached
}

fn ours(names: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    names.iter().filter_map(|name| name.strip_prefix("saas-"))
}

fn read_workspace() -> Workspace {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut workspace = Workspace::new();
    for package in metadata["packages"].as_array().unwrap() {
        let full = package["name"].as_str().unwrap();
        let name = full
            .strip_prefix("saas-")
            .unwrap_or_else(|| panic!("{full} is not saas-…"));
        let mut manifest = Manifest::default();
        for dependency in package["dependencies"].as_array().unwrap() {
            let of = dependency["name"].as_str().unwrap().to_owned();
            match dependency["kind"].as_str() {
                Some("dev") => manifest.tested_with.insert(of),
                // A normal dependency has no kind; what a build script knows ships too.
                _ => manifest.runs_on.insert(of),
            };
        }
        workspace.insert(name.to_owned(), manifest);
    }
    assert!(
        workspace.len() >= MAY_KNOW.len(),
        "a crate of MAY_KNOW is gone: {workspace:?}"
    );
    workspace
}
