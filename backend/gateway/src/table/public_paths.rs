//! Paths that a service declared public.

/// Exact paths and prefixes, as the service sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicPaths {
    exact: Vec<Box<str>>,
    /// Each ends in a slash.
    prefixes: Vec<Box<str>>,
}

impl PublicPaths {
    /// Reads declarations: an exact path, or a prefix ending in `/*`. What does not begin with a
    /// slash is left out; so is a `*` anywhere else, which means nothing here.
    pub fn new<T: AsRef<str>>(declared: &[T]) -> Self {
        let mut paths = Self::default();
        for text in declared {
            let text = text.as_ref();
            let (path, list) = match text.strip_suffix('*') {
                Some(prefix) if prefix.ends_with('/') => (prefix, &mut paths.prefixes),
                Some(_) => continue,
                None => (text, &mut paths.exact),
            };
            if path.starts_with('/') && !path.contains('*') {
                list.push(path.into());
            }
        }
        paths
    }

    /// Whether the path needs no token. It must have been checked and decoded.
    pub fn contain(&self, path: &str) -> bool {
        self.exact.iter().any(|exact| **exact == *path)
            || self
                .prefixes
                .iter()
                .any(|prefix| path.starts_with(&**prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_paths_and_prefixes_on_segment_borders() {
        let paths = PublicPaths::new(&["/v1/auth/login", "/docs/*", "docs", "/a*", "/*/b"]);
        for public in ["/v1/auth/login", "/docs/", "/docs/scalar.js"] {
            assert!(paths.contain(public), "{public}");
        }
        for closed in [
            "/v1/auth/login/",
            "/v1/auth",
            "/docs",
            "/docsx",
            "/a",
            "/ab",
            "/x/b",
            "/",
        ] {
            assert!(!paths.contain(closed), "{closed}");
        }
        assert!(PublicPaths::new(&["/*"]).contain("/anything"));
    }
}
