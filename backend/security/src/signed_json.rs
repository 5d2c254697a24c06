//! JSON that carries its own signature, so that it can be kept anywhere and checked later.

use serde_json::Value;

use crate::FileSeal;

/// The member that holds the signature.
const MEMBER: &str = "signature";

impl FileSeal {
    /// Signs a JSON object: the member `signature` becomes the tag, in hexadecimal, of everything
    /// else in it. Numbers should be whole: others have several forms. What is no object stays as it
    /// is.
    #[must_use]
    pub fn sign_json(&self, mut object: Value) -> Value {
        let tag = self.tag(&unsigned(&object));
        if let Value::Object(members) = &mut object {
            members.insert(MEMBER.to_owned(), Value::String(hex(&tag)));
        }
        object
    }

    /// Whether a JSON object is as it was when this platform signed it. How it is written, by
    /// spaces and in which order, does not matter.
    pub fn verify_json(&self, object: &Value) -> bool {
        let signature = object.get(MEMBER).and_then(Value::as_str).and_then(bytes);
        signature.is_some_and(|tag| self.verify(&unsigned(object), &tag))
    }
}

/// Everything but the signature, with the members of each object in the order of their names.
fn unsigned(object: &Value) -> Vec<u8> {
    let mut rest = object.clone();
    if let Value::Object(members) = &mut rest {
        members.remove(MEMBER);
    }
    rest.sort_all_objects();
    rest.to_string().into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::RootSecret;

    #[test]
    fn what_was_signed_is_told_from_what_was_altered() {
        let root = RootSecret::new(b"0123456789abcdef0123456789abcdef", None);
        let seal = FileSeal::of_reports(&root);
        let signed = seal.sign_json(json!({"passed": true, "steps": [{"b": 1, "a": "x"}]}));
        assert!(seal.verify_json(&signed));
        let text = signed.to_string();
        let again: Value = serde_json::from_str(&text.replace(',', " ,\n")).unwrap();
        assert!(seal.verify_json(&again));
        let altered: Value = serde_json::from_str(&text.replace("true", "false")).unwrap();
        assert!(!seal.verify_json(&altered));
        assert!(!seal.verify_json(&json!({"passed": true})));
        assert!(!seal.verify_json(&json!("text")));
        // A key for files signs no report.
        assert!(!FileSeal::new(&root).verify_json(&signed));
        let rotated = RootSecret::new(b"another", Some(b"0123456789abcdef0123456789abcdef"));
        assert!(FileSeal::of_reports(&rotated).verify_json(&signed));
    }
}
