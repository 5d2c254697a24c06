//! Whether processes are of one version.

use super::finding::Finding;

/// A finding only if they differ.
pub(super) fn compare(versions: &[(String, String)]) -> Option<Finding> {
    let (first, rest) = versions.split_first()?;
    let other = rest.iter().find(|(_, version)| *version != first.1)?;
    let seen = format!("{} is {}, {} is {}", first.0, first.1, other.0, other.1);
    let advice = "this is well during an update; finish it, or go back to the version before";
    Some(Finding::warning("versions", seen, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(versions: &[&str]) -> Option<String> {
        let named = |(at, version): (usize, &&str)| (format!("core-{at}"), (*version).to_owned());
        let versions: Vec<_> = versions.iter().enumerate().map(named).collect();
        compare(&versions).map(|finding| finding.seen)
    }

    #[test]
    fn only_a_difference_is_told() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["1.0.0", "1.0.0"]), None);
        let told = of(&["1.0.0", "1.0.0", "1.1.0"]);
        assert_eq!(told.as_deref(), Some("core-0 is 1.0.0, core-2 is 1.1.0"));
    }
}
