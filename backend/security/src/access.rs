//! Access tokens of people: `at+jwt` (RFC 9068), signed with EdDSA.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use saas_domain::{ACCESS_AUDIENCE, AccessClaims};

use crate::{
    KeySet, SigningKey,
    jwt::{self, TokenError},
};

/// The `typ` of an access token.
const TYPE: &str = "at+jwt";

/// Signs an access token. The header names the key by its `kid`.
pub fn sign_access(claims: &AccessClaims, key: &SigningKey) -> Result<String, TokenError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.kid().to_owned());
    jwt::sign(&header, claims, &EncodingKey::from_ed_der(key.seed()))
}

/// Verifies access tokens against one issuer's key set. Building it is cheap; verifying costs one
/// Ed25519 verification.
#[derive(Debug, Clone)]
pub struct AccessVerifier {
    issuer: String,
    keys: HashMap<String, DecodingKey>,
}

impl AccessVerifier {
    /// Takes the keys that are Ed25519 and leaves out any other.
    pub fn new(keys: &KeySet, issuer: &str) -> Self {
        let usable = |key: &&crate::PublicKey| key.kty == "OKP" && key.crv == "Ed25519";
        Self {
            issuer: issuer.to_owned(),
            keys: keys
                .keys
                .iter()
                .filter(usable)
                .filter_map(|key| {
                    let decoding = DecodingKey::from_ed_components(&key.x).ok()?;
                    Some((key.kid.clone(), decoding))
                })
                .collect(),
        }
    }

    /// The claims of a token that is sound at `now`.
    ///
    /// Only `EdDSA` with `typ` `at+jwt` is accepted, whatever the header asks for: `none`, or
    /// HS256 keyed with the public key, end in [`TokenError::Algorithm`].
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        let header = jwt::peek(token)?;
        let is_access = header
            .typ
            .as_deref()
            .is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE));
        if header.alg != Algorithm::EdDSA || !is_access {
            return Err(TokenError::Algorithm);
        }
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let key = self.keys.get(kid).ok_or(TokenError::UnknownKey)?;
        let claims: AccessClaims = jwt::verify(token, key, Algorithm::EdDSA)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.aud != ACCESS_AUDIENCE {
            return Err(TokenError::Audience);
        }
        jwt::check_time(claims.iat, claims.exp, now)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    use chrono::Duration;
    use ring::hmac;
    use saas_domain::{Clock, Random, SessionId, TenantId, UserId};

    const ISSUER: &str = "https://api.example.com";

    struct Desk {
        clock: Clock,
        key: SigningKey,
        claims: AccessClaims,
    }

    impl Desk {
        fn open() -> Self {
            let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::days(20_000));
            let random = Random::seeded(3);
            let now = clock.now();
            let claims = AccessClaims {
                iss: ISSUER.into(),
                aud: ACCESS_AUDIENCE.into(),
                sub: UserId::generate(&clock, &random),
                sid: SessionId::generate(&clock, &random),
                tid: Some(TenantId::generate(&clock, &random)),
                roles: vec!["owner".into()],
                permissions: vec!["member:read".into()],
                plan: None,
                iat: now.timestamp(),
                iat_ms: now.timestamp_millis(),
                exp: now.timestamp() + 1800,
                jti: "j".into(),
                restricted: false,
            };
            let key = SigningKey::generate(&random).unwrap();
            Self { clock, key, claims }
        }

        fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
            let keys = KeySet {
                keys: vec![self.key.public().clone()],
            };
            AccessVerifier::new(&keys, ISSUER).verify(token, self.clock.now())
        }
    }

    #[test]
    fn a_signed_token_comes_back_until_it_expires() {
        let desk = Desk::open();
        let token = sign_access(&desk.claims, &desk.key).unwrap();
        assert_eq!(desk.verify(&token).unwrap(), desk.claims);
        desk.clock.advance(Duration::seconds(1800));
        assert!(matches!(desk.verify(&token), Err(TokenError::Expired)));
    }

    #[test]
    fn forged_tokens_are_refused() {
        let desk = Desk::open();
        let token = sign_access(&desk.claims, &desk.key).unwrap();
        let (signed, _) = token.rsplit_once('.').unwrap();
        let body = signed.split_once('.').unwrap().1;

        let none = B64.encode(format!(
            r#"{{"alg":"none","typ":"at+jwt","kid":"{}"}}"#,
            desk.key.kid()
        ));
        assert!(desk.verify(&format!("{none}.{body}.")).is_err());

        let public = B64.decode(&desk.key.public().x).unwrap();
        for secret in [public.as_slice(), desk.key.public().x.as_bytes()] {
            let head = B64.encode(format!(
                r#"{{"alg":"HS256","typ":"at+jwt","kid":"{}"}}"#,
                desk.key.kid()
            ));
            let message = format!("{head}.{body}");
            let tag = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, secret),
                message.as_bytes(),
            );
            let forged = format!("{message}.{}", B64.encode(tag));
            assert!(matches!(desk.verify(&forged), Err(TokenError::Algorithm)));
        }

        let stranger = SigningKey::generate(&Random::seeded(9)).unwrap();
        let theirs = sign_access(&desk.claims, &stranger).unwrap();
        assert!(matches!(desk.verify(&theirs), Err(TokenError::UnknownKey)));

        let mut altered = desk.claims.clone();
        altered.roles = vec!["operator".into()];
        let other_body = sign_access(&altered, &desk.key).unwrap();
        let other_body = other_body.split('.').nth(1).unwrap().to_owned();
        let (head, rest) = token.split_once('.').unwrap();
        let signature = rest.rsplit_once('.').unwrap().1;
        assert!(matches!(
            desk.verify(&format!("{head}.{other_body}.{signature}")),
            Err(TokenError::Signature)
        ));
    }

    #[test]
    fn issuer_audience_type_and_shape_are_checked() {
        let desk = Desk::open();
        let mut claims = desk.claims.clone();
        claims.iss = "https://evil.example".into();
        let token = sign_access(&claims, &desk.key).unwrap();
        assert!(matches!(desk.verify(&token), Err(TokenError::Issuer)));

        let mut claims = desk.claims.clone();
        claims.aud = "other".into();
        let token = sign_access(&claims, &desk.key).unwrap();
        assert!(matches!(desk.verify(&token), Err(TokenError::Audience)));

        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("assertion+jwt".into());
        header.kid = Some(desk.key.kid().into());
        let token = jwt::sign(
            &header,
            &desk.claims,
            &EncodingKey::from_ed_der(desk.key.seed()),
        )
        .unwrap();
        assert!(matches!(desk.verify(&token), Err(TokenError::Algorithm)));

        for junk in ["", ".", "..", "a.b.c", &"x".repeat(9000), "é.é.é"] {
            assert!(
                matches!(desk.verify(junk), Err(TokenError::Malformed(_))),
                "{junk:.10}"
            );
        }
    }
}
