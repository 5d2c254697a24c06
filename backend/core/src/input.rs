//! Rules for text from outside that several areas share.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "rules take the validation's context by reference, here the empty one"
)]

/// A name that people give: not blank, no control characters (which neither a log line nor
/// PostgreSQL's text takes).
pub(crate) fn is_name(name: &str, (): &()) -> garde::Result {
    if name.trim().is_empty() {
        return Err(garde::Error::new("expected something other than spaces"));
    }
    is_plain(name, &())
}

/// Text without control characters.
pub(crate) fn is_plain(text: &str, (): &()) -> garde::Result {
    if text.chars().any(char::is_control) {
        return Err(garde::Error::new("control characters are not allowed"));
    }
    Ok(())
}
