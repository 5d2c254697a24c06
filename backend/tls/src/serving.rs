//! What is shown to those who connect, and how it is replaced while they do.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use crate::{Certificate, CertificateFiles, TlsError, certificate::stamp, provider};

/// By which a browser says that it speaks HTTP/1.1 (RFC 7301).
const HTTP11: &[u8] = b"http/1.1";
/// By which an authority asks for its proof (RFC 8737).
const ACME: &[u8] = b"acme-tls/1";

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeastVersion {
    /// Anything since 2008 can connect.
    #[default]
    Tls12,
    /// Only what is newer than about 2019 can.
    Tls13,
}

impl LeastVersion {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        static NEWER: [&SupportedProtocolVersion; 1] = [&TLS13];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => &NEWER,
        }
    }
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// From files, the first for whoever names no host or an unknown one.
    Files(Vec<CertificateFiles>),
    /// From elsewhere, by [`ServingTls::show`].
    Given,
}

/// The server's side of TLS. All threads share one, so that a session begun with one is resumed with
/// any other; the tickets' keys are replaced every six hours.
pub struct ServingTls {
    identity: Identity,
    least: LeastVersion,
    is_strict: bool,
    tickets: Arc<dyn ProducesTickets>,
    config: ArcSwapOption<ServerConfig>,
    certificates: ArcSwap<Vec<Certificate>>,
    /// What an authority gets to see, while one looks.
    proofs: ArcSwap<Vec<(String, Arc<ServerConfig>)>>,
    stamps: Mutex<Vec<Stamp>>,
}

type Stamp = Option<(u64, u64, i64, i64)>;

impl fmt::Debug for ServingTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingTls")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl ServingTls {
    /// Reads the certificates. `is_strict` refuses keys that everybody may read.
    ///
    /// A certificate that has expired is shown all the same: whoever renews it finds a service that
    /// takes the new one within a minute, and one that refuses to start would take its plain port
    /// and its probes along.
    ///
    /// # Errors
    /// One sentence for whatever is wrong with the files.
    pub fn new(identity: Identity, least: LeastVersion, is_strict: bool) -> Result<Self, TlsError> {
        let this = Self {
            identity,
            least,
            is_strict,
            tickets: rustls::crypto::ring::Ticketer::new()?,
            config: ArcSwapOption::empty(),
            certificates: ArcSwap::default(),
            proofs: ArcSwap::default(),
            stamps: Mutex::default(),
        };
        this.reload()?;
        Ok(this)
    }

    /// Reads the files again. Connections that stand go on as they are; new ones see what was read.
    ///
    /// # Errors
    /// As for [`ServingTls::new`]; what was shown before is shown further.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Identity::Files(files) = &self.identity else {
            return Ok(());
        };
        // Before the files are read: a change while they are is seen the next time.
        let stamps = self.look();
        let read: Result<Vec<_>, _> = files
            .iter()
            .map(|files| Certificate::read(files, self.is_strict))
            .collect();
        self.show(read?)?;
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = stamps;
        Ok(())
    }

    /// Whether the files are others than those that were read last.
    pub fn have_files_changed(&self) -> bool {
        let looked = self.look();
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) != looked
    }

    fn look(&self) -> Vec<Stamp> {
        let Identity::Files(files) = &self.identity else {
            return Vec::new();
        };
        let paths = files.iter().flat_map(|files| {
            let both: [&PathBuf; 2] = [&files.certificate, &files.key];
            both
        });
        paths.map(|path| stamp(path)).collect()
    }

    /// From here on new connections see these.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn show(&self, certificates: Vec<Certificate>) -> Result<(), TlsError> {
        let resolver = Arc::new(ByName(certificates.clone()));
        let mut config = self.base(resolver)?;
        config.alpn_protocols = vec![HTTP11.to_vec()];
        config.ticketer = Arc::clone(&self.tickets);
        self.certificates.store(Arc::new(certificates));
        self.config.store(Some(Arc::new(config)));
        Ok(())
    }

    /// Shows an authority that asks for one of these hosts the certificate that its challenge demands
    /// (RFC 8737); nothing ends that.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn prove(&self, proofs: Vec<Proof>) -> Result<(), TlsError> {
        let ready = proofs.into_iter().map(|proof| {
            let key = provider().key_provider.load_private_key(proof.key)?;
            let shown = CertifiedKey::new(vec![proof.certificate], key);
            let mut config = self.base(Arc::new(Always(Arc::new(shown))))?;
            config.alpn_protocols = vec![ACME.to_vec()];
            Ok((proof.host, Arc::new(config)))
        });
        let ready: Result<Vec<_>, TlsError> = ready.collect();
        self.proofs.store(Arc::new(ready?));
        Ok(())
    }

    fn base(&self, resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let mut config = builder
            .with_protocol_versions(self.least.versions())?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        // Tickets keep sessions at the clients; a store here would be a lock between the threads.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    /// How to go on with whoever says hello like this; whether it is an authority that looks for its
    /// proof, which has nothing else to say. `None`: there is no certificate yet.
    pub fn config_for(&self, hello: &ClientHello<'_>) -> Option<(Arc<ServerConfig>, bool)> {
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.next() == Some(ACME) && protocols.next().is_none() {
            let asked = hello.server_name()?;
            let proofs = self.proofs.load();
            let mut proofs = proofs.iter();
            let (_, proof) = proofs.find(|(host, _)| host.eq_ignore_ascii_case(asked))?;
            return Some((Arc::clone(proof), true));
        }
        Some((self.config.load_full()?, false))
    }

    /// What is shown now.
    pub fn certificates(&self) -> Arc<Vec<Certificate>> {
        self.certificates.load_full()
    }
}

/// What proves to an authority that a host leads here. Its certificate is one that nobody else would
/// take, so that it is not looked at.
pub struct Proof {
    /// The host.
    pub host: String,
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// One certificate, whoever asks.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// The certificate for the host that the client names, or the first.
#[derive(Debug)]
struct ByName(Vec<Certificate>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|host| {
            let host = host.to_ascii_lowercase();
            self.0.iter().find(|certificate| certificate.is_for(&host))
        });
        let shown = named.or_else(|| self.0.first())?;
        Some(Arc::clone(&shown.certified))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write(directory: &Path, name: &str) {
        fs::create_dir_all(directory).unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(directory.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
    }

    #[test]
    fn changed_files_are_seen_once_and_a_turned_link_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        write(&at("one"), "one.test");
        write(&at("two"), "two.test");
        // As certbot and Kubernetes lay them.
        symlink(at("one"), at("live")).unwrap();
        let files = CertificateFiles {
            certificate: at("live").join("cert.pem"),
            key: at("live").join("key.pem"),
        };
        let identity = Identity::Files(vec![files]);
        let tls = ServingTls::new(identity, LeastVersion::Tls12, false).unwrap();
        let name = || tls.certificates()[0].name().to_owned();
        assert!(!tls.have_files_changed());
        fs::remove_file(at("live")).unwrap();
        symlink(at("two"), at("live")).unwrap();
        assert!(tls.have_files_changed());
        assert_eq!(name(), "one.test");
        tls.reload().unwrap();
        assert!(!tls.have_files_changed());
        assert_eq!(name(), "two.test");

        // Half of a change: refused now, and looked at again until the other half is there.
        let other = KeyPair::generate().unwrap().serialize_pem();
        fs::write(at("two").join("key.pem"), other).unwrap();
        assert!(tls.have_files_changed());
        tls.reload().unwrap_err();
        assert!(tls.have_files_changed());
        assert_eq!(name(), "two.test");
        write(&at("two"), "three.test");
        tls.reload().unwrap();
        assert!(!tls.have_files_changed());
        assert_eq!(name(), "three.test");
    }
}
