//! Authenticates files that lie between two runs of a process: a last good copy, a backup.

use std::fmt;

use ring::hmac;

use crate::RootSecret;

const LAST_GOOD_COPY: &str = "file-seal";
const BACKUP: &str = "backup-seal";
const REPORT: &str = "report-seal";

/// Tags bytes with an HMAC, so that a file somebody else wrote or altered is not believed.
#[derive(Clone)]
pub struct FileSeal {
    signing: hmac::Key,
    accepted: Vec<hmac::Key>,
}

impl fmt::Debug for FileSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileSeal(…)")
    }
}

impl FileSeal {
    /// Of last good copies. Under the current secret; tags of the previous one are still accepted.
    pub fn new(root: &RootSecret) -> Self {
        Self::of(LAST_GOOD_COPY, root)
    }

    /// The same of backups, which no other file can be taken for.
    pub fn of_backups(root: &RootSecret) -> Self {
        Self::of(BACKUP, root)
    }

    /// The same of reports that people keep.
    pub fn of_reports(root: &RootSecret) -> Self {
        Self::of(REPORT, root)
    }

    fn of(purpose: &str, root: &RootSecret) -> Self {
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self {
            signing: key(root.derive(b"", purpose).as_ref()),
            accepted: root
                .derive_accepted(b"", purpose)
                .iter()
                .map(|k| key(k.as_ref()))
                .collect(),
        }
    }

    /// The tag of the bytes.
    pub fn tag(&self, bytes: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        for (to, from) in tag
            .iter_mut()
            .zip(hmac::sign(&self.signing, bytes).as_ref())
        {
            *to = *from;
        }
        tag
    }

    /// Whether the tag belongs to the bytes, compared in constant time.
    pub fn verify(&self, bytes: &[u8], tag: &[u8]) -> bool {
        self.accepted
            .iter()
            .any(|key| hmac::verify(key, bytes, tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_one_purpose_or_by_another_secret_is_not_believed() {
        let root = RootSecret::new(&[1; 32], None);
        let (copies, backups) = (FileSeal::new(&root), FileSeal::of_backups(&root));
        let tag = backups.tag(b"bytes");
        assert!(backups.verify(b"bytes", &tag) && !copies.verify(b"bytes", &tag));
        assert!(!backups.verify(b"others", &tag));
        let rotated = RootSecret::new(&[2; 32], Some(&[1; 32]));
        assert!(FileSeal::of_backups(&rotated).verify(b"bytes", &tag));
        let other = RootSecret::new(&[2; 32], None);
        assert!(!FileSeal::of_backups(&other).verify(b"bytes", &tag));
    }
}
