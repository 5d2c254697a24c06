//! The data directory, and the secret that development keeps there.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use saas_domain::Random;

use crate::{ConfigError, Secret, Settings};

impl Settings {
    /// Makes the data directory if it is not there, readable for this user alone, and makes sure
    /// that it can be written to.
    pub fn prepare_data_dir(&self) -> Result<(), ConfigError> {
        prepare(&self.data_dir).map_err(|source| self.data_dir_error(source))
    }

    /// In development, when no `SECRET_KEY` is set: takes the one in `DATA_DIR/secret_key`, or makes
    /// one and keeps it there, mode 0600, so that tokens outlive a restart. Processes that share the
    /// directory end with the same secret, even if they start at the same moment.
    ///
    /// Does nothing in production, where a missing secret is an error.
    pub fn ensure_development_secret(&mut self, random: &Random) -> Result<(), ConfigError> {
        if self.secret_key.is_none() && !self.environment.is_production() {
            self.prepare_data_dir()?;
            let path = self.data_dir.join("secret_key");
            let secret =
                keep_secret(&path, random).map_err(|source| self.data_dir_error(source))?;
            self.secret_key = Some(secret);
        }
        Ok(())
    }

    /// The same for a command that talks to a running platform or makes something for it: a fresh
    /// secret would be nobody's, so it is an error that there is none.
    pub fn read_development_secret(&mut self) -> Result<(), ConfigError> {
        if self.secret_key.is_none() && !self.environment.is_production() {
            let path = self.data_dir.join("secret_key");
            let found = read_secret(&path).map_err(|source| self.data_dir_error(source))?;
            self.secret_key = Some(found.ok_or_else(|| ConfigError::NoPlatform {
                path: std::path::absolute(&self.data_dir).unwrap_or(self.data_dir.clone()),
            })?);
        }
        Ok(())
    }

    fn data_dir_error(&self, source: io::Error) -> ConfigError {
        ConfigError::DataDir {
            path: self.data_dir.clone(),
            source,
        }
    }
}

fn prepare(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let probe = directory.join(format!(".probe-{}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(probe)
}

fn keep_secret(path: &Path, random: &Random) -> io::Result<Secret> {
    if let Some(secret) = read_secret(path)? {
        return Ok(secret);
    }
    let fresh = new_secret(random);
    let draft = write_draft(path, &fresh, random)?;
    // A link appears whole or not at all, and never replaces another process's.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(Secret::new(fresh)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_secret(path)?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

fn read_secret(path: &Path) -> io::Result<Option<Secret>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(Secret::new)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_draft(path: &Path, secret: &str, random: &Random) -> io::Result<PathBuf> {
    let draft = path.with_extension(format!("{:016x}", u64::from_be_bytes(random.bytes())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    Ok(draft)
}

/// 256 random bits.
fn new_secret(random: &Random) -> String {
    let [high, low] = [random.bytes(), random.bytes()].map(u128::from_be_bytes);
    format!("{high:032x}{low:032x}")
}
