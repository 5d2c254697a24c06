//! Whether anybody still speaks a broken version of TLS.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::super::{finding::Finding, patient::Patient, public::Place};

/// A version's number in the protocol (RFC 2246, RFC 4346).
const OLD: [(u8, &str); 2] = [(1, "1.0"), (2, "1.1")];
/// Suites that servers of those days shared with everybody: ECDHE and RSA with AES and 3DES.
const SUITES: [u16; 8] = [
    0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035, 0x000a, 0x0005,
];
const HANDSHAKE: u8 = 22;

/// Says hello in each old version, and sees whether it is answered.
pub(super) async fn old_versions(patient: &Patient, place: &Place) -> Finding {
    let subject = format!("TLS of {}", place.host);
    let mut spoken = Vec::new();
    for (minor, name) in OLD {
        match timeout(patient.within, is_spoken(place, minor)).await {
            Ok(Ok(true)) => spoken.push(name),
            // Silence is a refusal as well.
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(error)) => {
                return Finding::failed(
                    subject,
                    error.to_string(),
                    "see the checks of the public address",
                );
            }
        }
    }
    if spoken.is_empty() {
        return Finding::ok(subject, "1.0 and 1.1 are refused");
    }
    Finding::failed(
        subject,
        format!("{} is spoken", spoken.join(" and ")),
        "allow TLS 1.2 and 1.3 only: `ssl_protocols TLSv1.2 TLSv1.3;` in nginx, minVersion VersionTLS12 in Traefik",
    )
}

async fn is_spoken(place: &Place, minor: u8) -> std::io::Result<bool> {
    let host = place.host.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, place.port)).await?;
    stream.write_all(&hello(host, minor)).await?;
    let mut answer = [0_u8; 1];
    // Refused with an alert, a close or a reset: all the same.
    let read = stream.read(&mut answer).await;
    Ok(matches!(read, Ok(1)) && answer[0] == HANDSHAKE)
}

/// A `ClientHello` of that version, with the host's name.
fn hello(host: &str, minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([0x5a; 32]);
    body.push(0);
    body.extend(sized(
        SUITES
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect(),
    ));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    let mut name = vec![0];
    name.extend(sized(host.as_bytes().to_vec()));
    extend(&mut extensions, 0, sized(name));
    // Curves P-256 and P-384, uncompressed points.
    extend(&mut extensions, 10, vec![0, 4, 0, 23, 0, 24]);
    extend(&mut extensions, 11, vec![1, 0]);
    body.extend(sized(extensions));
    // The length of a handshake has three bytes.
    let mut message = vec![1, 0];
    message.extend(sized(body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(sized(message));
    record
}

/// With its length before it.
fn sized(bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut all = length.to_be_bytes().to_vec();
    all.extend(bytes);
    all
}

fn extend(extensions: &mut Vec<u8>, kind: u16, content: Vec<u8>) {
    extensions.extend(kind.to_be_bytes());
    extensions.extend(sized(content));
}
