//! The port at which everybody is told to come by https.

use std::{io, net::TcpListener, time::Duration};

use http::{HeaderValue, StatusCode, Uri, header};
use saas_config::Settings;
use saas_web::axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use tokio_util::sync::CancellationToken;

/// Nothing takes long here.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `stopping` is cancelled, on the current runtime. Everything is answered with 308,
/// which keeps the method, to the same host and path, with the port that `PUBLIC_URL` has.
pub fn start(
    listener: TcpListener,
    settings: &Settings,
    stopping: &CancellationToken,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let public: Option<Uri> = settings
        .public_url
        .as_ref()
        .and_then(|url| url.parse().ok());
    let port = public
        .filter(|url| url.scheme_str() == Some("https"))
        .and_then(|url| url.port_u16());
    let router = Router::new().fallback(lead).with_state(port);
    tokio::spawn(saas_web::serve(listener, router, stopping.clone(), GRACE));
    Ok(())
}

async fn lead(State(port): State<Option<u16>>, request: Request) -> Response {
    let Some(location) = location(&request, port) else {
        return (StatusCode::BAD_REQUEST, "name a host, and use https\n").into_response();
    };
    (
        StatusCode::PERMANENT_REDIRECT,
        [(header::LOCATION, location)],
    )
        .into_response()
}

fn location(request: &Request, port: Option<u16>) -> Option<HeaderValue> {
    let host = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => request
            .headers()
            .get(header::HOST)?
            .to_str()
            .ok()?
            .parse()
            .ok()?,
    };
    let is_sound = !host.as_str().contains('@') && !host.host().is_empty();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = request.uri().path_and_query();
    let path = path.map_or("/", http::uri::PathAndQuery::as_str);
    let location = format!("https://{}{port}{path}", host.host());
    is_sound.then(|| HeaderValue::from_str(&location).ok())?
}

#[cfg(test)]
mod tests {
    use saas_web::axum::body::Body;

    use super::*;

    fn asked(uri: &str, host: &str, port: Option<u16>) -> Option<String> {
        let request = Request::builder().uri(uri).header("host", host);
        let location = location(&request.body(Body::empty()).unwrap(), port)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn everybody_is_led_to_the_same_place() {
        let led = asked("/a?b=c", "api.test:8080", None);
        assert_eq!(led.as_deref(), Some("https://api.test/a?b=c"));
        let led = asked("/", "[::1]:80", Some(8443));
        assert_eq!(led.as_deref(), Some("https://[::1]:8443/"));
        let led = asked("http://other.test/x", "api.test", None);
        assert_eq!(led.as_deref(), Some("https://other.test/x"));
    }

    #[test]
    fn a_host_that_is_none_leads_nowhere() {
        for host in ["", "me@evil.test", "a b", "a/b"] {
            assert_eq!(asked("/", host, None), None, "{host}");
        }
    }
}
