//! What a request's path may look like, and the form in which routes look at it.
//!
//! A gateway that decides on one reading of a path while the service acts on another has decided
//! nothing. So everything that servers are known to read differently is refused (encoded slashes,
//! dot segments in any spelling, empty segments, backslashes, control characters, encodings that
//! are not UTF-8), and what remains is matched in decoded form, without path parameters, and
//! forwarded as it came: both have the same segments.

use std::borrow::Cow;

use super::Refusal;

/// Longer paths are refused with 414. Servers commonly stop at 8 KiB for the whole request line.
const LONGEST_PATH: usize = 8 * 1024;

/// A path that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPath<'a> {
    raw: &'a str,
    plain: Cow<'a, str>,
    has_parameters: bool,
}

impl<'a> CheckedPath<'a> {
    /// Checks the path as it stands in the request line, without the query.
    pub fn check(raw: &'a str) -> Result<Self, Refusal> {
        if raw.len() > LONGEST_PATH {
            return Err(Refusal::uri_too_long());
        }
        if !raw.starts_with('/') {
            return Err(Refusal::bad_path("the path must begin with a slash"));
        }
        let mut is_simple = true;
        for byte in raw.bytes() {
            match byte {
                b'%' | b';' => is_simple = false,
                b'\\' => return Err(Refusal::bad_path("it contains a backslash")),
                0..=b' ' | 0x7f.. | b'#' | b'"' | b'<' | b'>' => {
                    return Err(Refusal::bad_path(
                        "it contains a character that must be encoded",
                    ));
                }
                _ => {}
            }
        }
        let (plain, has_parameters) = if is_simple {
            (Cow::Borrowed(raw), false)
        } else {
            let has_parameters = raw.contains(';') || raw.contains("%3b") || raw.contains("%3B");
            (Cow::Owned(decode(raw)?), has_parameters)
        };
        check_segments(&plain)?;
        Ok(Self {
            raw,
            plain,
            has_parameters,
        })
    }

    /// The path as it came.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The path for matching: decoded, without path parameters (`;…`), same segments as the raw one.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// Whether path parameters were left out of [`CheckedPath::plain`].
    pub const fn has_parameters(&self) -> bool {
        self.has_parameters
    }

    /// The raw path without its first `segments` segments; `/` if nothing is left.
    pub fn raw_after(&self, segments: usize) -> &'a str {
        let rest = after(self.raw, segments);
        if rest.is_empty() { "/" } else { rest }
    }

    /// The plain path without its first `segments` segments; `/` if nothing is left.
    pub fn plain_after(&self, segments: usize) -> &str {
        let rest = after(&self.plain, segments);
        if rest.is_empty() { "/" } else { rest }
    }
}

/// What follows the first `segments` segments, beginning with a slash, or nothing.
fn after(path: &str, segments: usize) -> &str {
    let mut rest = path;
    for _ in 0..segments {
        let Some(without_slash) = rest.strip_prefix('/') else {
            return "";
        };
        rest = without_slash
            .find('/')
            .and_then(|end| without_slash.get(end..))
            .unwrap_or_default();
    }
    rest
}

fn decode(raw: &str) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut in_parameter = false;
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let mut byte = byte;
        if byte == b'%' {
            (byte, rest) = decode_one(rest)?;
        }
        match byte {
            b'/' => in_parameter = false,
            b';' => in_parameter = true,
            _ => {}
        }
        if !in_parameter {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| Refusal::bad_path("it is not UTF-8 when decoded"))
}

/// The byte that the two digits after a `%` stand for, and what follows them.
fn decode_one(digits: &[u8]) -> Result<(u8, &[u8]), Refusal> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    let (Some(high), Some(low)) = (digit(0), digit(1)) else {
        return Err(Refusal::bad_path(
            "a % is not followed by two hexadecimal digits",
        ));
    };
    let rest = digits.get(2..).unwrap_or_default();
    // Two hexadecimal digits are below 256.
    match u8::try_from(high * 16 + low).unwrap_or(0) {
        b'/' | b'\\' => Err(Refusal::bad_path("it contains an encoded slash")),
        0..=0x1f | 0x7f => Err(Refusal::bad_path(
            "it contains an encoded control character",
        )),
        // `%252f` is harmless unless somebody decodes twice; some do.
        b'%' if matches!(
            rest.get(..2),
            Some([b'2', b'e' | b'E' | b'f' | b'F'] | [b'5', b'c' | b'C'] | [b'0', b'0'])
        ) =>
        {
            Err(Refusal::bad_path("it is encoded twice"))
        }
        other => Ok((other, rest)),
    }
}

fn check_segments(plain: &str) -> Result<(), Refusal> {
    let mut segments = plain.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => return Err(Refusal::bad_path("it contains a dot segment")),
            // The last one may be empty: `/orders/` ends in a slash.
            "" if segments.peek().is_some() => {
                return Err(Refusal::bad_path("it contains an empty segment"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass_and_are_read_decoded() {
        for (raw, plain) in [
            ("/", "/"),
            ("/api/orders/", "/api/orders/"),
            ("/api/orders/v1/a.b", "/api/orders/v1/a.b"),
            ("/%61pi/%E8%AE%A2%E5%8D%95", "/api/订单"),
            ("/a%20b", "/a b"),
            ("/a;x=1/b;y", "/a/b"),
            ("/a%3Bx/b", "/a/b"),
            ("/100%25", "/100%"),
            ("/...", "/..."),
            ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ] {
            let checked = CheckedPath::check(raw).unwrap();
            assert_eq!(checked.plain(), plain);
            assert_eq!(checked.raw(), raw);
            assert_eq!(
                checked.has_parameters(),
                raw.contains([';', 'B']) && plain.len() < 8
            );
        }
    }

    #[test]
    fn whatever_two_servers_may_read_differently_is_refused() {
        for raw in [
            "",
            "api",
            "*",
            "//",
            "/a//b",
            "/a/../b",
            "/..",
            "/./a",
            "/a/.",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/a/%2e/b",
            "/a/..;/internal",
            "/a/..;x=1/b",
            "/a/%2e%2e;/b",
            "/;x/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0aX:1",
            "/a%7f",
            "/a%252e%252e/b",
            "/a%252fb",
            "/a%2500",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%+1",
            "/%ff",
            "/%c0%af",
            "/%ed%a0%80",
            "/a b",
            "/a\tb",
            "/a#b",
            "/é",
            "/a\u{0}",
        ] {
            let refusal = CheckedPath::check(raw).expect_err(raw);
            assert_eq!(refusal.status().as_u16(), 400, "{raw}");
        }
        let long = format!("/{}", "a".repeat(9000));
        assert_eq!(
            CheckedPath::check(&long).unwrap_err().status().as_u16(),
            414
        );
    }

    #[test]
    fn both_readings_lose_the_same_segments() {
        let checked = CheckedPath::check("/%61pi/orders;v=2/x%20y/").unwrap();
        assert_eq!(checked.raw_after(2), "/x%20y/");
        assert_eq!(checked.plain_after(2), "/x y/");
        assert_eq!(checked.raw_after(3), "/");
        assert_eq!(checked.raw_after(9), "/");
        assert_eq!(CheckedPath::check("/api/orders").unwrap().raw_after(2), "/");
        assert_eq!(CheckedPath::check("/a/b").unwrap().raw_after(0), "/a/b");
    }
}
