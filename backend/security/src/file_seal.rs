//! Authenticates files that lie between two runs of a process, such as the last good copy.

use std::fmt;

use ring::hmac;

use crate::RootSecret;

const PURPOSE: &str = "file-seal";
const REPORTS: &str = "report-seal";

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
    /// Under the current secret; tags of the previous one are still accepted.
    pub fn new(root: &RootSecret) -> Self {
        Self::of(root, PURPOSE)
    }

    /// The same for reports that people keep, under a key of its own: what is a report can never be
    /// taken for a file of another kind.
    pub fn for_reports(root: &RootSecret) -> Self {
        Self::of(root, REPORTS)
    }

    fn of(root: &RootSecret, purpose: &str) -> Self {
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
