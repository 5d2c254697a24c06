//! What is checked in is what the program says: the descriptions, from which clients and documents
//! are made, and the documents of the settings.
#![cfg(test)]

use std::{fs, path::Path, process::Command};

/// Holds the output of a command against a file of the repository.
fn is_current(arguments: &[&str], file: &str, target: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let said = Command::new(env!("CARGO_BIN_EXE_saas"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(said.status.success());
    let kept = fs::read(root.join(file)).unwrap();
    assert!(
        said.stdout == kept,
        "{file} is stale: run `make {target}` and look at the difference"
    );
}

#[test]
fn the_checked_in_descriptions_are_the_programs_own() {
    for service in ["core", "registry"] {
        let file = format!("docs/openapi/{service}.json");
        is_current(&["openapi", service], &file, "openapi");
    }
}

#[test]
fn the_example_of_an_env_file_is_the_one_that_is_generated() {
    let arguments = ["config", "generate", "--example"];
    is_current(&arguments, ".env.prod.example", "settings");
}

#[test]
fn the_checked_in_documents_of_the_settings_are_the_programs_own() {
    for (language, file) in [
        ("en", "docs/SETTINGS.md"),
        ("zh-CN", "docs/zh-CN/SETTINGS.md"),
    ] {
        is_current(
            &["config", "document", "--language", language],
            file,
            "settings",
        );
    }
}
