//! Requests that go in circles: through an instance that is a gateway itself, or a proxy in front of
//! one. Each turn would hold two more connections until none are left.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Refusal, RequestView};
use crate::table::{Rule, ServiceEntry};

/// Lists by whom a request was forwarded (RFC 8586).
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// How often a request may pass the gateways of an installation. Once is usual; a service that calls
/// others through the gateway with the headers it got itself adds one each time.
const MOST_PASSES: u32 = 3;
/// How many passes there were, if more than one. The number counts, not only how often the name
/// stands there, since some servers keep one of several headers of a name.
const PASSES: &str = "passes=";

/// This installation's name among those who forward. Without its secret nobody knows it, so that no
/// stranger can have somebody else's request refused.
#[derive(Clone, Debug)]
pub struct LoopMark {
    name: Box<str>,
    first: HeaderValue,
}

impl LoopMark {
    /// From what tells the installation from others: letters and digits.
    pub fn new(installation: &str) -> Self {
        let name = format!("saas-{installation}");
        Self {
            // Letters, digits and a hyphen are always a sound value.
            first: HeaderValue::from_str(&name)
                .unwrap_or_else(|_| HeaderValue::from_static("saas")),
            name: name.into(),
        }
    }

    /// Refuses a request that has passed too often.
    pub(super) fn check<V: RequestView>(
        &self,
        view: &V,
        rule: &Rule,
        service: &ServiceEntry,
    ) -> Result<(), Refusal> {
        if view.header(&CDN_LOOP).is_none() {
            return Ok(());
        }
        let mut passes = Passes::default();
        view.each_value(&CDN_LOOP, &mut |value| passes.read(value, &self.name));
        if passes.number() < MOST_PASSES {
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::LOOP_DETECTED,
            "loop_detected",
            format!(
                "the request goes in a circle: it has passed the gateways {} times and comes back by the route {} of the service `{}`; an instance of it must be registered with its own address, not with a gateway's",
                passes.number(),
                rule.endpoint,
                service.name
            ),
        ))
    }

    /// Adds this pass to what the request came with.
    pub fn write(&self, came: &HeaderMap, headers: &mut HeaderMap) {
        if !came.contains_key(CDN_LOOP) {
            headers.insert(CDN_LOOP, self.first.clone());
            return;
        }
        let mut passes = Passes::default();
        for value in came.get_all(CDN_LOOP) {
            passes.read(value.as_bytes(), &self.name);
        }
        let mut list = passes.others.join(&b", "[..]);
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(self.name.as_bytes());
        if passes.number() > 0 {
            let number = passes.number().saturating_add(1);
            list.extend_from_slice(format!("; {PASSES}{number}").as_bytes());
        }
        let value = HeaderValue::from_bytes(&list);
        headers.insert(CDN_LOOP, value.unwrap_or_else(|_| self.first.clone()));
    }
}

/// What a list says.
#[derive(Default)]
struct Passes<'a> {
    entries: u32,
    highest: u32,
    others: Vec<&'a [u8]>,
}

impl<'a> Passes<'a> {
    fn read(&mut self, list: &'a [u8], name: &str) {
        for entry in list.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            let Some(parameters) = own(entry, name) else {
                if !entry.is_empty() {
                    self.others.push(entry);
                }
                continue;
            };
            self.entries += 1;
            self.highest = self.highest.max(told(parameters).unwrap_or(1));
        }
    }

    fn number(&self) -> u32 {
        self.entries.max(self.highest)
    }
}

/// What follows the name in an entry of this installation's.
fn own<'a>(entry: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = entry.strip_prefix(name.as_bytes())?.trim_ascii_start();
    (rest.is_empty() || rest.starts_with(b";")).then_some(rest)
}

fn told(parameters: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(parameters).ok()?;
    let mut each = text.split(';').map(str::trim);
    each.find_map(|parameter| parameter.strip_prefix(PASSES)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(came: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in came {
            headers.append(CDN_LOOP, value.parse().unwrap());
        }
        let mut sent = headers.clone();
        LoopMark::new("0a").write(&headers, &mut sent);
        let values: Vec<_> = sent.get_all(CDN_LOOP).iter().collect();
        assert_eq!(values.len(), 1);
        values[0].to_str().unwrap().to_owned()
    }

    #[test]
    fn each_pass_is_counted_and_others_stay() {
        assert_eq!(after(&[]), "saas-0a");
        assert_eq!(after(&["saas-0a"]), "saas-0a; passes=2");
        assert_eq!(after(&["saas-0a; passes=2"]), "saas-0a; passes=3");
        assert_eq!(after(&["saas-0a", "saas-0a;passes=2"]), "saas-0a; passes=3");
        assert_eq!(after(&["saas-0a, saas-0a, saas-0a"]), "saas-0a; passes=4");
        assert_eq!(
            after(&["cdn.example; a=b, ,saas-0b", "saas-0a0"]),
            "cdn.example; a=b, saas-0b, saas-0a0, saas-0a"
        );
        assert_eq!(after(&["a, saas-0a; passes=x"]), "a, saas-0a; passes=2");
        let most = format!("saas-0a; passes={}", u32::MAX);
        assert_eq!(after(&[&most]), most);
    }
}
