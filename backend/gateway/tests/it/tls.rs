//! The gateway's own TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use saas_config::{Environment, Settings};
use saas_testkit::{TestAuthority, TestCertificate};
use saas_tls::rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Gateway, Upstream, eventually, instance, read_head, service};

/// An authority, its certificates' directory, and clients that believe it.
struct Site {
    authority: TestAuthority,
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        Self {
            authority: TestAuthority::new("Test").unwrap(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn issue(&self, file: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let issued = self.authority.issue(names).unwrap();
        issued.write(self.dir.path(), file).unwrap()
    }

    async fn gateway(&self, upstream: &Upstream, change: impl FnOnce(&mut Settings)) -> Gateway {
        let files = self.issue("api", &["api.test"]);
        let orders = service("orders", vec![instance("a", upstream.address)]);
        Gateway::with(vec![orders], |settings| {
            settings.tls.certificates = vec![files];
            change(settings);
        })
        .await
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let ca = self.dir.path().join("ca.pem");
        std::fs::write(&ca, self.authority.pem()).unwrap();
        let sound = saas_tls::client_config(Some(&ca)).unwrap();
        let mut config = if versions.is_empty() {
            ClientConfig::clone(&sound)
        } else {
            let provider = Arc::clone(sound.crypto_provider());
            ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(versions)
                .unwrap()
                .with_root_certificates(roots(&self.authority))
                .with_no_client_auth()
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn roots(authority: &TestAuthority) -> saas_tls::rustls::RootCertStore {
    use saas_tls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let mut store = saas_tls::rustls::RootCertStore::empty();
    let der = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    store.add(der).unwrap();
    store
}

async fn try_connect(
    gateway: &Gateway,
    config: &Arc<ClientConfig>,
    host: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(gateway.https.unwrap()).await.unwrap();
    let host = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::clone(config))
        .connect(host, stream)
        .await
}

async fn connect(gateway: &Gateway, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    try_connect(gateway, config, "api.test").await.unwrap()
}

/// Everything until the other side says goodbye; a connection that is cut off is an error.
async fn to_the_end(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

fn get(path: &str, connection: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: api.test\r\nConnection: {connection}\r\n\r\n")
}

/// One answer with a length, of a connection that stays open.
async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    stream
        .write_all(get(path, "keep-alive").as_bytes())
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_service_is_told_of_https() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    for (version, spoken) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut stream = connect(&gateway, &site.client(&[version])).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let request = get("/api/orders/public/x", "close");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = to_the_end(&mut stream).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.contains("\"x-forwarded-proto\":\"https\""),
            "{answer}"
        );
        assert!(!answer.contains("strict-transport-security"), "{answer}");
    }
    let plain = gateway.get("/api/orders/public/x").send().await.json();
    assert_eq!(plain["headers"]["x-forwarded-proto"], "http");
}

#[tokio::test]
async fn production_tells_browsers_to_come_by_https_alone() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site
        .gateway(&upstream, |settings| {
            settings.environment = Environment::Production;
        })
        .await;
    let mut stream = connect(&gateway, &site.client(&[])).await;
    let answer = ask(&mut stream, "/api/orders/public/x").await;
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    let plain = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(plain.header("strict-transport-security"), "");
}

/// A hello of before TLS 1.2, with one cipher, one group and one kind of signature, so that nothing but
/// its version is amiss.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x09, 1, 0]);
    body.extend([0, 16, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(body.len()).unwrap();
    let mut hello = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend(body);
    hello
}

#[tokio::test]
async fn broken_versions_are_refused() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    for minor in [1, 2] {
        let mut stream = TcpStream::connect(gateway.https.unwrap()).await.unwrap();
        stream.write_all(&old_hello(minor)).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        // A fatal alert: protocol_version.
        assert_eq!(&answer[..1], [21], "{answer:?}");
        assert_eq!(&answer[5..], [2, 70], "{answer:?}");
    }
    let gateway = site
        .gateway(&upstream, |settings| settings.tls.only_tls13 = true)
        .await;
    let refused = try_connect(&gateway, &site.client(&[&TLS12]), "api.test").await;
    assert!(refused.unwrap_err().to_string().contains("ProtocolVersion"));
    connect(&gateway, &site.client(&[&TLS13])).await;
}

#[tokio::test]
async fn each_host_gets_its_certificate_and_strangers_the_first() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let other = site.issue("other", &["*.other.test", "other.test"]);
    let gateway = site
        .gateway(&upstream, |settings| settings.tls.certificates.push(other))
        .await;
    let config = site.client(&[]);
    for host in ["api.test", "shop.other.test", "other.test", "OTHER.test"] {
        try_connect(&gateway, &config, host).await.unwrap();
    }
    for host in ["a.b.other.test", "stranger.test"] {
        let wrong = try_connect(&gateway, &config, host).await.unwrap_err();
        assert!(wrong.to_string().contains("api.test"), "{host}: {wrong}");
    }
}

#[tokio::test]
async fn a_session_begun_with_one_thread_is_resumed_with_any() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    for version in [&TLS12, &TLS13] {
        let config = site.client(&[version]);
        for number in 0..12 {
            let mut stream = connect(&gateway, &config).await;
            let kind = stream.get_ref().1.handshake_kind();
            let expected = if number == 0 {
                HandshakeKind::Full
            } else {
                HandshakeKind::Resumed
            };
            assert_eq!(kind, Some(expected), "{number}");
            // Tickets come with the first answer.
            ask(&mut stream, "/api/orders/public/x").await;
        }
    }
}

#[tokio::test]
async fn who_says_nothing_is_dropped() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    let mut silent = TcpStream::connect(gateway.https.unwrap()).await.unwrap();
    let mut slow = TcpStream::connect(gateway.https.unwrap()).await.unwrap();
    slow.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    let mut rest = Vec::new();
    for stream in [&mut silent, &mut slow] {
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest));
        // An end or a reset: closed either way.
        let _ = ended.await.expect("the gateway to close the connection");
    }
    let metrics = gateway.get("/metrics").send().await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(
        metrics.contains("gateway_tls_handshakes_total{kind=\"timeout\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn plain_http_is_told_what_is_spoken_here() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    let answer = crate::support::raw(
        gateway.https.unwrap(),
        get("/api/orders/public/x", "close").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.ends_with('}') && answer.contains("https_expected"),
        "{answer}"
    );
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn everybody_is_led_to_https() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site
        .gateway(&upstream, |settings| {
            settings.tls.redirect_port = Some(0);
            settings.public_url = Some("https://api.test:8443".into());
        })
        .await;
    let request = "POST /a?b=c HTTP/1.1\r\nHost: api.test:8080\r\nConnection: close\r\n\r\n";
    let answer = crate::support::raw(gateway.redirect.unwrap(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(
        answer.contains("location: https://api.test:8443/a?b=c\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_websocket_goes_by_tls() {
    let site = Site::new();
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                      Connection: Upgrade\r\n\r\nhello";
        let _ = stream.write_all(answer.as_bytes()).await;
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await;
    let gateway = site.gateway(&upstream, |_| {}).await;
    let mut stream = connect(&gateway, &site.client(&[])).await;
    let request = "GET /api/orders/public/socket HTTP/1.1\r\nHost: api.test\r\n\
                   Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\nhello") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..2_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer
    });
    let mut back = vec![0; expected.len()];
    reader.read_exact(&mut back).await.unwrap();
    assert!(back == expected);
    let mut writer = sending.await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(reader.read(&mut back).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refusal_amid_a_body_arrives_whole() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site
        .gateway(&upstream, |settings| settings.max_upload_bytes = Some(1000))
        .await;
    let stream = connect(&gateway, &site.client(&[])).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let length = 4_000_000;
    let sending = tokio::spawn(async move {
        let head = format!(
            "POST /api/orders/public/x HTTP/1.1\r\nHost: api.test\r\nContent-Length: {length}\r\n\r\n"
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        // The other side may be gone before it has read all.
        let _ = writer.write_all(&vec![b'x'; length]).await;
    });
    let mut answer = Vec::new();
    // No error: the gateway said goodbye before it closed.
    reader.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.ends_with('}'), "{answer}");
    sending.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_tls_too() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    let mut stream = connect(&gateway, &site.client(&[])).await;
    stream
        .write_all(b"GET /x HTTP/1.1\r\nHost : x\r\n\r\n")
        .await
        .unwrap();
    let answer = to_the_end(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("white space before its colon"), "{answer}");
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way() {
    let site = Site::new();
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let go = Arc::new(tokio::sync::Notify::new());
    let held = Arc::clone(&go);
    let upstream = Upstream::bytes(move |mut stream, _| {
        let (arrived, held) = (arrived.clone(), Arc::clone(&held));
        async move {
            read_head(&mut stream).await;
            arrived.send(()).await.unwrap();
            held.notified().await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let mut gateway = site.gateway(&upstream, |_| {}).await;
    let config = site.client(&[]);
    let mut idle = connect(&gateway, &config).await;
    ask(&mut idle, "/health/live").await;
    let mut silent = TcpStream::connect(gateway.https.unwrap()).await.unwrap();
    let mut busy = connect(&gateway, &config).await;
    let request = get("/api/orders/public/x", "keep-alive");
    busy.write_all(request.as_bytes()).await.unwrap();
    arrival.recv().await.unwrap();
    let handle = gateway.take_handle();
    let stopping = tokio::spawn(handle.stop());
    // The idle one is told, while the other is still waited for.
    assert_eq!(to_the_end(&mut idle).await.unwrap(), "");
    go.notify_one();
    let answer = to_the_end(&mut busy).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    assert!(answer.ends_with("done"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn certificates_are_replaced_while_requests_run() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = Arc::new(site.gateway(&upstream, |_| {}).await);
    let fresh = || site.client(&[]);
    let before = shown(&connect(&gateway, &fresh()).await);
    let going_on = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let mut running = Vec::new();
    for _ in 0..4 {
        let (gateway, going_on) = (Arc::clone(&gateway), Arc::clone(&going_on));
        let mut kept = connect(&gateway, &fresh()).await;
        let config = fresh();
        running.push(tokio::spawn(async move {
            let mut count = 0;
            while going_on.load(std::sync::atomic::Ordering::SeqCst) {
                let answer = ask(&mut kept, "/api/orders/public/x").await;
                assert!(answer.starts_with("http/1.1 200"), "{answer}");
                let mut other = connect(&gateway, &config).await;
                let answer = ask(&mut other, "/api/orders/public/x").await;
                assert!(answer.starts_with("http/1.1 200"), "{answer}");
                count += 1;
            }
            count
        }));
    }
    let mut last = before;
    for _ in 0..10 {
        site.issue("api", &["api.test"]);
        gateway.reload_tls().unwrap();
        let now = shown(&connect(&gateway, &fresh()).await);
        assert_ne!(now, last);
        last = now;
    }
    // A key of another pair: what was shown is shown further, and so it goes on.
    let stray = site.authority.issue(&["api.test"]).unwrap();
    std::fs::write(site.dir.path().join("api.key"), stray.key).unwrap();
    let error = gateway.reload_tls().unwrap_err().to_string();
    assert!(
        error.contains("does not belong to the first certificate"),
        "{error}"
    );
    assert_eq!(shown(&connect(&gateway, &fresh()).await), last);
    going_on.store(false, std::sync::atomic::Ordering::SeqCst);
    for task in running {
        assert!(task.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    let address: SocketAddr = gateway.https.unwrap();
    let mut crowd = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
        }
        crowd.push(stream);
    }
    for _ in 0..20 {
        let mut stream = connect(&gateway, &site.client(&[])).await;
        let answer = ask(&mut stream, "/api/orders/public/x").await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
    }
    drop(crowd);
}

#[tokio::test]
async fn an_expired_certificate_is_shown_and_told_of() {
    let (site, upstream) = (Site::new(), Upstream::echo("a").await);
    let gateway = site.gateway(&upstream, |_| {}).await;
    let told = || async {
        let report = gateway.get("/health/ready").send().await;
        assert_eq!(report.status, 200);
        let checks = report.json()["checks"].clone();
        let checks = checks.as_array().unwrap().clone();
        checks
            .into_iter()
            .find(|check| check["name"] == "certificates")
            .unwrap()
    };
    assert_eq!(told().await["status"], "ok");
    let expired: TestCertificate = site.authority.issue_until(&["api.test"], 2021).unwrap();
    expired.write(site.dir.path(), "api").unwrap();
    gateway.reload_tls().unwrap();
    let report = told().await;
    assert_eq!(report["status"], "warning");
    let detail = report["detail"].as_str().unwrap();
    assert!(
        detail.contains("api.test expired on 2021-01-01"),
        "{detail}"
    );
    let refused = try_connect(&gateway, &site.client(&[]), "api.test").await;
    assert!(refused.unwrap_err().to_string().contains("expired"));
    eventually("the figure", || async {
        let metrics = gateway.get("/metrics").send().await;
        let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
        metrics.contains(
            "saas_tls_certificate_not_after_timestamp_seconds{domain=\"api.test\"} 1609459200",
        )
    })
    .await;
}
