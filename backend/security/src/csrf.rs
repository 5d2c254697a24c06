//! CSRF tokens of cookie sessions: an HMAC over the session, so that nothing need be stored and a
//! token of one session is worthless in another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use saas_domain::SessionId;

use crate::RootSecret;

const PURPOSE: &str = "csrf";

/// The token that the answer's body carries and `X-CSRF-Token` must bring back.
pub fn csrf_token(root: &RootSecret, session: SessionId) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, root.derive(b"", PURPOSE).as_ref());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, session.as_uuid().as_bytes()))
}

/// Whether the token belongs to the session, compared in constant time.
pub fn verify_csrf(root: &RootSecret, session: SessionId, token: &str) -> bool {
    let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else {
        return false;
    };
    root.derive_accepted(b"", PURPOSE).iter().any(|key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        hmac::verify(&key, session.as_uuid().as_bytes(), &tag).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_domain::{Clock, Random};

    #[test]
    fn a_token_fits_its_own_session_only() {
        let root = RootSecret::new(&[1; 32], None);
        let (clock, random) = (Clock::system(), Random::seeded(1));
        let mine = SessionId::generate(&clock, &random);
        let other = SessionId::generate(&clock, &random);
        let token = csrf_token(&root, mine);
        assert!(verify_csrf(&root, mine, &token));
        assert!(!verify_csrf(&root, other, &token));
        assert!(!verify_csrf(&root, mine, "") && !verify_csrf(&root, mine, "no base64!"));
    }
}
