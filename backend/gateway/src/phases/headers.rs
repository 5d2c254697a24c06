//! Which headers pass from one side to the other.

/// Cookies that are core's own: a business service that saw the refresh cookie could use it.
pub const CORE_COOKIE_PREFIXES: [&[u8]; 2] = [b"__Host-saas", b"saas_"];

/// Headers about the connection, not the message (RFC 9110, section 7.6.1), and `Expect`, which is
/// answered here. Names in lower case. `Trailer` is left: it announces trailers, which pass.
fn is_of_connection(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-authentication-info"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "expect"
    )
}

/// Whether a request's header is kept from the service: headers about the connection; those by
/// which the gateway tells who is asking, in every spelling that a server may take for them; those
/// by which proxies speak to each other; those by which some frameworks let a header override path
/// or method, which the route was chosen by. `name` is in lower case.
pub fn is_kept_from_upstream(name: &str) -> bool {
    if is_of_connection(name) {
        return true;
    }
    match name.as_bytes() {
        // CGI and its heirs read `-` and `_` alike: `X_Tenant_Id` would become `X-Tenant-Id`.
        [b'x', b'-' | b'_', rest @ ..] => is_claimed(rest),
        _ => matches!(name, "forwarded" | "host" | "authorization" | "cookie"),
    }
}

/// How a browser asks core to keep its session in a cookie: a wish of the client, no claim about it.
/// In this spelling alone, and for core alone; see [`is_kept_from_upstream`] for all others.
pub const SESSION_MODE: &str = "x-saas-session";

/// Whether the rest of an `x-` header is one that only the gateway sets.
fn is_claimed(rest: &[u8]) -> bool {
    const EXACT: [&[u8]; 13] = [
        b"tenant-id",
        b"user-id",
        b"session-id",
        b"roles",
        b"plan",
        b"request-id",
        b"real-ip",
        b"client-ip",
        b"original-url",
        b"rewrite-url",
        b"http-method",
        b"http-method-override",
        b"method-override",
    ];
    EXACT.iter().any(|exact| is_same(rest, exact))
        || [&b"saas-"[..], b"forwarded-", b"original-"]
            .iter()
            .any(|prefix| {
                rest.get(..prefix.len())
                    .is_some_and(|start| is_same(start, prefix))
            })
        || is_same(rest, b"forwarded")
}

fn is_same(name: &[u8], plain: &[u8]) -> bool {
    name.len() == plain.len()
        && name
            .iter()
            .zip(plain)
            .all(|(a, b)| a == b || (*a == b'_' && *b == b'-'))
}

/// Whether an answer's header is kept from the client: headers about the connection, and those that
/// the gateway alone decides. `name` is in lower case.
pub fn is_kept_from_client(name: &str) -> bool {
    is_of_connection(name)
        || name.starts_with("access-control-")
        || name.starts_with("x-saas-")
        || matches!(name, "x-request-id" | "ratelimit" | "ratelimit-policy")
}

/// Whether an answer's header is kept from the client because it decides about the whole origin (or
/// all of a domain), which a business service shares with others: it would clear the console's
/// session, catch its requests, lead them elsewhere or to plain http, say who is signed in, or have
/// failures of theirs reported.
pub fn is_about_origin(name: &str) -> bool {
    matches!(
        name,
        "accept-ch"
            | "alt-svc"
            | "clear-site-data"
            | "nel"
            | "public-key-pins"
            | "report-to"
            | "service-worker-allowed"
            | "set-login"
            | "strict-transport-security"
            | "use-as-dictionary"
    )
}

/// Whether a `Set-Cookie` is for one of core's own cookies. Browsers read `=name=value` as a cookie
/// without a name, and send it as `name=value`.
pub fn sets_cores_cookie(set_cookie: &[u8]) -> bool {
    let start = set_cookie.iter().position(|b| !b" \t=".contains(b));
    let name = start.and_then(|start| set_cookie.get(start..));
    name.is_some_and(|name| {
        CORE_COOKIE_PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
    })
}

/// Whether a `Connection` header's value names the header (lower case), which is then about the
/// connection as well.
pub fn is_from_connection(connection: &[u8], name: &str) -> bool {
    connection
        .split(|b| *b == b',')
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// A `Cookie` header without core's own cookies; `None` if nothing is left or needs to be taken
/// out: see the first of the pair, which says whether something was.
pub fn cookies_for_services(cookies: &[u8]) -> (bool, Option<Vec<u8>>) {
    let is_cores = |cookie: &&[u8]| {
        CORE_COOKIE_PREFIXES
            .iter()
            .any(|prefix| cookie.trim_ascii_start().starts_with(prefix))
    };
    let mut parts = cookies.split(|b| *b == b';');
    if !parts.clone().any(|cookie| is_cores(&cookie)) {
        return (false, None);
    }
    let kept: Vec<&[u8]> = parts
        .by_ref()
        .filter(|cookie| !is_cores(cookie))
        .map(<[u8]>::trim_ascii)
        .filter(|cookie| !cookie.is_empty())
        .collect();
    (true, (!kept.is_empty()).then(|| kept.join(&b"; "[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_headers_are_stopped_in_every_spelling() {
        for name in [
            "x-tenant-id",
            "x_tenant_id",
            "x-tenant_id",
            "x-user-id",
            "x-session-id",
            "x_roles",
            "x-plan",
            "x-saas-assertion",
            "x_saas_anything",
            "x-forwarded-for",
            "x_forwarded_host",
            "x-forwarded",
            "x-real-ip",
            "x-original-url",
            "x-original-host",
            "x-http-method-override",
            "forwarded",
            "connection",
            "transfer-encoding",
            "expect",
            "authorization",
        ] {
            assert!(is_kept_from_upstream(name), "{name}");
        }
        for name in [
            "accept",
            "content-length",
            "content-type",
            "idempotency-key",
            "origin",
            "trailer",
            "traceparent",
            "x-csrf-token",
            "x-planet",
            "x-tenant-idea",
            "x-saasy",
            "x-",
        ] {
            assert!(!is_kept_from_upstream(name), "{name}");
        }
    }

    #[test]
    fn headers_named_by_connection_are_about_the_connection() {
        let connection = b"close, X-Hop ,keep-alive";
        assert!(is_from_connection(connection, "x-hop"));
        assert!(is_from_connection(connection, "close"));
        assert!(!is_from_connection(connection, "x-ho"));
    }

    #[test]
    fn cores_cookies_stay_with_core() {
        assert_eq!(cookies_for_services(b"a=1; b=2"), (false, None));
        assert_eq!(
            cookies_for_services(b"a=1; __Host-saas_refresh=secret; b=2"),
            (true, Some(b"a=1; b=2".to_vec()))
        );
        assert_eq!(cookies_for_services(b"saas_refresh=secret"), (true, None));
    }

    #[test]
    fn nobody_else_sets_cores_cookies() {
        for set in [
            "__Host-saas_refresh=evil; Path=/; Secure",
            "saas_refresh=evil",
            " \tsaas_refresh=evil",
            "=saas_refresh=evil",
            "__HOST-SAAS_refresh=evil",
            "saas_",
        ] {
            assert!(sets_cores_cookie(set.as_bytes()), "{set}");
        }
        for set in [
            "theme=saas_refresh=x",
            "saas=x",
            "my_saas_x=1",
            "",
            "=",
            "a=b",
        ] {
            assert!(!sets_cores_cookie(set.as_bytes()), "{set}");
        }
    }

    #[test]
    fn a_service_cannot_decide_who_reads_its_answers() {
        assert!(is_kept_from_client("access-control-allow-origin"));
        assert!(!is_kept_from_client("set-cookie"));
    }
}
