//! What can be wrong, each as one sentence that names the setting and the remedy.

use std::{io, path::PathBuf};

/// TLS cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no such file.
    #[error("{setting} names {}, which does not exist; correct the path", path.display())]
    Missing {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is there, and cannot be read.
    #[error("{setting} names {}, which cannot be read: {source}; make it a file that the user of this process may read", path.display())]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and does not hold what it should.
    #[error("{setting} names {}, which {problem}", path.display())]
    Content {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// Key and certificate are not of one pair.
    #[error("the key in {} (TLS_KEY_FILE) does not belong to the first certificate in {} (TLS_CERT_FILE); name two files that were issued together, with the server's own certificate before those of its authorities", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Everybody on the machine may read the key.
    #[error("TLS_KEY_FILE names {}, which every user of this machine may read, and ENVIRONMENT=production refuses that; `chmod 640` it for the group of this process (Kubernetes: `defaultMode: 0440` with an fsGroup; Swarm: `mode: 0440`)", path.display())]
    Exposed {
        /// The key's file.
        path: PathBuf,
    },
    /// The library refused.
    #[error("TLS cannot be set up")]
    Library(#[from] rustls::Error),
}
