//! One certificate, from the account to the chain.

use std::{pin::Pin, time::Duration};

use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error as AcmeError,
    HttpClient as AcmeHttp, Identifier, KeyAuthorization, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use saas_registry_client::HttpClient;
use saas_tls::{Certificate, Proof, TlsError, rustls::pki_types::PrivateKeyDer};

use super::Acme;

/// For one question to the authority.
const ONE_QUESTION: Duration = Duration::from_secs(30);
/// Answers are small; a chain has a few kilobytes.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// Until the proofs were looked at.
const PROOFS: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));
const CERTIFICATE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The authority refuses, or is not reached.
    #[error("the authority did not do it: {0}")]
    Authority(#[from] AcmeError),
    /// The authority came and did not see what it should.
    #[error("the authority did not see the proof for {host}: {detail}")]
    Proof {
        /// The host.
        host: String,
        /// What the authority saw.
        detail: String,
    },
    /// The authority proves hosts in other ways alone.
    #[error("the authority does not offer TLS-ALPN-01 for {0}")]
    NotOffered(String),
    /// A certificate or key could not be made.
    #[error("a proof could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The certificate that came cannot be shown.
    #[error("what came cannot be used: {0}")]
    Use(#[from] TlsError),
    /// It could not be kept.
    #[error("DATA_DIR cannot be written to: {0}")]
    Keep(#[from] std::io::Error),
}

/// Obtains a certificate for all hosts and keeps it.
pub async fn issue(acme: &Acme) -> Result<Certificate, IssueError> {
    let account = account(acme).await?;
    let domains = acme.settings.domains.iter();
    let hosts: Vec<_> = domains.cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&hosts)).await?;
    show_proofs(acme, &mut order).await?;
    let status = order.poll_ready(&PROOFS).await;
    if !matches!(status, Ok(OrderStatus::Ready)) {
        // What the authority saw says more than that it was not content.
        look_for_fault(&mut order).await?;
        status?;
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&CERTIFICATE).await?;
    let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes());
    let certificate = certificate.map_err(TlsError::Library)?;
    acme.store.keep_certificate(&chain, &key)?;
    Ok(certificate)
}

/// The account with the authority that is set, made if there is none.
async fn account(acme: &Acme) -> Result<Account, IssueError> {
    let builder = || Account::builder_with_http(Box::new(Http(acme.http.clone())));
    let directory = &acme.settings.directory_url;
    if let Some(credentials) = acme.store.account(directory) {
        return Ok(builder().from_credentials(credentials).await?);
    }
    let contact = acme.settings.email.as_ref();
    let contact = contact.map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.as_deref().into_iter().collect();
    let new = NewAccount {
        contact: &contact,
        // Without ACME_AGREE_TERMS the settings are refused.
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let made = builder().create(&new, directory.clone(), None).await?;
    acme.store.keep_account(directory, &made.1)?;
    Ok(made.0)
}

/// Puts every proof up, then lets the authority look.
async fn show_proofs(acme: &Acme, order: &mut Order) -> Result<(), IssueError> {
    let mut proofs = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let host = authorization.identifier().to_string();
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let challenge = challenge.ok_or_else(|| IssueError::NotOffered(host.clone()))?;
        proofs.push(proof(host, &challenge.key_authorization())?);
    }
    acme.tls.prove(proofs)?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Valid
            && let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01)
        {
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// A certificate of its own making that carries the authority's question and the account's answer.
fn proof(host: String, answer: &KeyAuthorization) -> Result<Proof, IssueError> {
    let mut params = CertificateParams::new([host.clone()])?;
    let digest = answer.digest();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Proof {
        host,
        certificate: certificate.der().clone(),
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    })
}

async fn look_for_fault(order: &mut Order) -> Result<(), IssueError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        authorization.refresh().await?;
        let host = authorization.identifier().to_string();
        let mut faults = authorization.challenges.iter();
        if let Some(fault) = faults.find_map(|challenge| challenge.error.as_ref()) {
            let detail = fault.detail.clone().unwrap_or_else(|| fault.to_string());
            return Err(IssueError::Proof { host, detail });
        }
    }
    Ok(())
}

/// This platform's client, as the library wants it.
struct Http(HttpClient);

impl AcmeHttp for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, AcmeError>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => Full::new(body.to_bytes()),
                Err(never) => match never {},
            };
            let sent = http.send(Request::from_parts(parts, body), ONE_QUESTION);
            let answer = sent
                .await
                .map_err(|error| AcmeError::Other(Box::new(error)))?;
            let limited = |body| Limited::new(body, LARGEST_ANSWER);
            Ok(BytesResponse::from(answer.map(limited)))
        })
    }
}
