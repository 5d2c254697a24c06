//! Certificates by ACME, from Pebble, the test server of Let's Encrypt's makers, which checks every
//! signature and really comes for the proof.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use saas_config::{AcmeSettings, Settings};
use saas_registry_client::{HttpClient, wire::GatewayShares};
use saas_testkit::TestAuthority;
use saas_tls::rustls::{ClientConfig, pki_types::ServerName};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Gateway, eventually};

const HOSTS: [&str; 2] = ["api.example.test", "console.example.test"];

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Where an authority is going to be.
struct Place {
    dir: TempDir,
    port: u16,
}

/// Ended when dropped.
struct Pebble<'a> {
    place: &'a Place,
    management: u16,
    programs: Vec<Child>,
}

impl Drop for Pebble<'_> {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = TestAuthority::new("The ACME server's own").unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let certificate = authority.issue(&["127.0.0.1"]).unwrap();
        certificate.write(dir.path(), "server").unwrap();
        let port = free_port();
        Self { dir, port }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn settings(&self, settings: &mut Settings) {
        settings.data_dir = self.file("data");
        settings.tls.ca_file = Some(self.file("ca.pem"));
        settings.tls.acme = Some(AcmeSettings {
            domains: HOSTS.map(str::to_owned).to_vec(),
            email: Some("operator@example.test".into()),
            directory_url: format!("https://127.0.0.1:{}/dir", self.port),
        });
    }

    async fn gateway(&self) -> Gateway {
        std::fs::create_dir_all(self.file("data")).unwrap();
        Gateway::with(Vec::new(), |settings| self.settings(settings)).await
    }

    /// An authority that comes to `proofs` for its proofs, whose certificates hold for so long.
    async fn pebble(&self, proofs: u16, seconds: u32) -> Pebble<'_> {
        let (management, names) = (free_port(), free_port());
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": self.file("server.pem"),
            "privateKey": self.file("server.key"),
            "httpPort": 1,
            "tlsPort": proofs,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": seconds,
        }});
        std::fs::write(self.file("pebble.json"), config.to_string()).unwrap();
        let mut resolver = Command::new("pebble-challtestsrv");
        resolver.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
        resolver.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        resolver.args(["-dns01", &format!("127.0.0.1:{names}")]);
        resolver.args(["-management", &format!("127.0.0.1:{}", free_port())]);
        let mut pebble = Command::new("pebble");
        pebble.args(["-config".as_ref(), self.file("pebble.json").as_os_str()]);
        pebble.args(["-dnsserver", &format!("127.0.0.1:{names}")]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1");
        let start = |mut command: Command| {
            let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
            quiet.spawn().expect("pebble: `make setup` installs it")
        };
        let pebble = Pebble {
            place: self,
            management,
            programs: vec![start(resolver), start(pebble)],
        };
        eventually("the authority", || async {
            TcpStream::connect((Ipv4Addr::LOCALHOST, management))
                .await
                .is_ok()
                && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
                    .await
                    .is_ok()
        })
        .await;
        pebble
    }
}

impl Pebble<'_> {
    /// Clients that believe this authority.
    async fn client(&self) -> Arc<ClientConfig> {
        let own = saas_tls::client_config(Some(&self.place.file("ca.pem"))).unwrap();
        let url = format!("https://127.0.0.1:{}/roots/0", self.management);
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        let answer = HttpClient::secure(&own)
            .send(request, Duration::from_secs(5))
            .await;
        let root = answer.unwrap().into_body().collect().await.unwrap();
        let file = self.place.file("root.pem");
        std::fs::write(&file, root.to_bytes()).unwrap();
        saas_tls::client_config(Some(&file)).unwrap()
    }
}

/// The certificate that is shown for the host, if it is a sound one.
async fn shown(address: SocketAddr, client: &Arc<ClientConfig>, host: &str) -> Option<Vec<u8>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let host = ServerName::try_from(host.to_owned()).unwrap();
    let connected = TlsConnector::from(Arc::clone(client))
        .connect(host, stream)
        .await;
    Some(
        connected
            .ok()?
            .get_ref()
            .1
            .peer_certificates()?
            .first()?
            .to_vec(),
    )
}

fn one() -> GatewayShares {
    GatewayShares {
        gateways: 1,
        ..GatewayShares::default()
    }
}

/// What readiness says of ACME.
async fn concern(gateway: &Gateway) -> String {
    let report = gateway.get("/health/ready").send().await;
    assert_eq!(
        report.status, 200,
        "a gateway without a certificate is ready all the same"
    );
    let report = report.json();
    let mut checks = report["checks"].as_array().unwrap().iter();
    let acme = checks.find(|check| check["name"] == "acme").unwrap();
    acme["detail"].as_str().unwrap_or_default().to_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_obtained_kept_and_renewed() {
    let place = Place::new();
    let gateway = place.gateway().await;
    let address = gateway.https.unwrap();
    let pebble = place.pebble(address.port(), 30).await;
    let client = pebble.client().await;
    assert_eq!(shown(address, &client, HOSTS[0]).await, None);
    gateway.control.share(one());
    eventually("a certificate", || async {
        shown(address, &client, HOSTS[0]).await.is_some()
    })
    .await;
    let first = shown(address, &client, HOSTS[0]).await;
    assert_eq!(
        shown(address, &client, HOSTS[1]).await,
        first,
        "one for all hosts"
    );
    assert_eq!(concern(&gateway).await, "");
    let kept = place.file("data/acme");
    assert_eq!(mode(&kept), 0o700);
    for name in ["account.json", "certificate.pem"] {
        assert_eq!(mode(&kept.join(name)), 0o600, "{name}");
    }
    assert!(!kept.join("attempts.json").exists());

    // At two thirds of half a minute.
    let second = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            let now = shown(address, &client, HOSTS[0]).await;
            if now.is_some() && now != first {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let second = second.await.expect("a renewed certificate");

    // Another process on the same directory shows what is kept before it asks anybody.
    drop(gateway);
    let next = place.gateway().await;
    let again = shown(next.https.unwrap(), &client, HOSTS[0]).await;
    assert_eq!(again, second);
}

#[tokio::test]
async fn several_gateways_are_told_who_does_it_better() {
    let place = Place::new();
    let gateway = place.gateway().await;
    let address = gateway.https.unwrap();
    let _pebble = place.pebble(address.port(), 3600).await;
    gateway.control.share(GatewayShares {
        gateways: 2,
        ..GatewayShares::default()
    });
    eventually("the sentence", || async {
        let concern = concern(&gateway).await;
        concern.contains("there are 2") && concern.contains("cert-manager")
    })
    .await;
    assert!(!place.file("data/acme").exists(), "nobody was asked");
}

#[tokio::test]
async fn a_proof_that_is_not_seen_is_told_of_and_not_tried_again_at_once() {
    let place = Place::new();
    let gateway = place.gateway().await;
    // The authority comes to where nobody listens.
    let pebble = place.pebble(free_port(), 3600).await;
    gateway.control.share(one());
    let told = || async {
        let concern = concern(&gateway).await;
        concern.contains("did not see the proof") && concern.contains("example.test")
    };
    eventually("the failure", told).await;
    let attempts = std::fs::read_to_string(place.file("data/acme/attempts.json")).unwrap();
    assert!(attempts.contains("\"failures\": 1"), "{attempts}");
    drop((gateway, pebble));

    // Started again, it waits as if it had never ended: nothing is written, nobody is asked.
    let next = place.gateway().await;
    let _pebble = place.pebble(next.https.unwrap().port(), 3600).await;
    next.control.share(one());
    eventually("reports", || async { next.control.last_report().is_some() }).await;
    let looked = std::time::Instant::now();
    eventually("three looks", || async {
        looked.elapsed() > Duration::from_secs(3)
    })
    .await;
    let unchanged = std::fs::read_to_string(place.file("data/acme/attempts.json")).unwrap();
    assert_eq!(unchanged, attempts);
}
