//! The last good copy of a table on disk, from which a gateway starts while everything else is down.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use saas_security::FileSeal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::wire::EventId;

const MAGIC: &[u8; 8] = b"saas-lg1";
const TAG_BYTES: usize = 32;

/// A file of mode 0600: eight bytes that name the format, an HMAC, then JSON. A file that was
/// altered, or written under another secret, is not believed.
#[derive(Clone, Debug)]
pub struct LastGoodCopy {
    path: PathBuf,
    seal: FileSeal,
    issuer: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Content<T> {
    seen: EventId,
    snapshot: T,
}

impl LastGoodCopy {
    /// The copy at `path`, which need not exist yet.
    pub fn new(path: PathBuf, seal: FileSeal) -> Self {
        Self {
            path,
            seal,
            issuer: None,
        }
    }

    /// The same copy where tokens are issued by `issuer`: one that was written under another issuer
    /// is not used. `None`: the issuer is not known, and any will do.
    #[must_use]
    pub fn for_issuer(mut self, issuer: Option<String>) -> Self {
        self.issuer = issuer;
        self
    }

    /// Who issues tokens here, as far as that is known.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// What was kept, and up to which event it is true. `Ok(None)`: there is none.
    pub fn load<T: DeserializeOwned>(&self) -> io::Result<Option<(EventId, T)>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let refused = |why: &str| {
            let text = format!("{} {why}; it is ignored", self.path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        let sealed = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| refused("is no last good copy of this version"))?;
        let (tag, json) = sealed
            .split_at_checked(TAG_BYTES)
            .ok_or_else(|| refused("is cut short"))?;
        if !self.seal.verify(json, tag) {
            return Err(refused("was altered or written under another SECRET_KEY"));
        }
        let content: Content<T> = serde_json::from_slice(json)?;
        Ok(Some((content.seen, content.snapshot)))
    }

    /// Replaces the copy in one step: a reader, or a crash, sees the old file or the new one.
    pub fn store<T: Serialize>(&self, seen: EventId, snapshot: &T) -> io::Result<()> {
        let json = serde_json::to_vec(&Content { seen, snapshot })?;
        let temporary = self.path.with_extension("tmp");
        let mut file = private_file(&temporary)?;
        file.write_all(MAGIC)?;
        file.write_all(&self.seal.tag(&json))?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)
    }
}

/// A new file. What is there under its name, an earlier try or a link to elsewhere, makes way.
fn private_file(path: &Path) -> io::Result<fs::File> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_security::RootSecret;

    #[test]
    fn a_copy_survives_and_an_altered_one_is_not_believed() {
        let folder = std::env::temp_dir().join(format!("saas-last-good-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("routing.last-good");
        let copy = LastGoodCopy::new(
            path.clone(),
            FileSeal::new(&RootSecret::new(&[1; 32], None)),
        );
        assert!(copy.load::<Vec<u8>>().unwrap().is_none());
        let seen = EventId {
            epoch: 1,
            number: 9,
        };
        copy.store(seen, &vec![1_u8, 2]).unwrap();
        assert_eq!(copy.load::<Vec<u8>>().unwrap(), Some((seen, vec![1, 2])));

        let stranger = LastGoodCopy::new(
            path.clone(),
            FileSeal::new(&RootSecret::new(&[2; 32], None)),
        );
        assert!(stranger.load::<Vec<u8>>().is_err());

        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(copy.load::<Vec<u8>>().is_err());
        fs::write(&path, b"saas-lg1short").unwrap();
        assert!(copy.load::<Vec<u8>>().is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
