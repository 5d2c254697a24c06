//! `DATA_DIR/run.json`: where the running platform is to be found.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{DataDir, DataDirError};

const NAME: &str = "run.json";

/// The addresses of what runs in this process, and its identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Base URL of the gateway, if it runs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Base URL of the registry, if it runs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Base URL of core, if it runs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
    /// Base URL of the schedule of backups, if it runs here by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// The process identifier.
    pub pid: u32,
}

/// Writes the file in one step.
pub(crate) fn write(data_dir: &DataDir, run: &RunFile) -> Result<(), DataDirError> {
    let json = serde_json::to_vec_pretty(run).unwrap_or_default();
    data_dir.write(NAME, &json)
}

/// Removes the file: nothing runs here any more.
pub(crate) fn remove(data_dir: &DataDir) {
    data_dir.remove(NAME);
}

/// What the file says, if it is there and can be read.
pub(crate) fn read(data_dir: &Path) -> Option<RunFile> {
    let bytes = fs::read(data_dir.join(NAME)).ok()?;
    serde_json::from_slice(&bytes).ok()
}
