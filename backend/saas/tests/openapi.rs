//! The checked-in descriptions are what the program says: clients and documents are made from them.
#![cfg(test)]

use std::{fs, path::Path, process::Command};

#[test]
fn the_checked_in_descriptions_are_the_programs_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for service in ["core", "registry"] {
        let said = Command::new(env!("CARGO_BIN_EXE_saas"))
            .args(["openapi", service])
            .output()
            .unwrap();
        assert!(said.status.success());
        let kept = fs::read(root.join(format!("docs/openapi/{service}.json"))).unwrap();
        assert!(
            said.stdout == kept,
            "docs/openapi/{service}.json is stale: run `make openapi` and look at the difference"
        );
    }
}
