//! The little XML that S3 speaks: elements within elements, without attributes where it matters.

/// What is within each `<name>…</name>`, as it stands.
pub(super) fn elements<'a>(within: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = within;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(&open)?;
        let (inner, after) = from.split_once(&close)?;
        rest = after;
        Some(inner)
    })
}

/// The text of the first such element.
pub(super) fn text(within: &str, name: &str) -> Option<String> {
    elements(within, name).next().map(unescaped)
}

/// Text that may stand between two tags.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let found = after
            .split_once(';')
            .and_then(|(name, behind)| Some((letter(name)?, behind)));
        if let Some((letter, behind)) = found {
            plain.push(letter);
            rest = behind;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn letter(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_turn_and_their_text_is_plain() {
        let list = "<?xml version=\"1.0\"?>\n<R xmlns=\"u\"><Prefix>p</Prefix><C><Key>a&amp;&lt;b</Key>\
                    <E>&#34;1&quot;</E></C><C><Key>&#x4e2d; &nope; & c</Key></C><C>";
        let keys: Vec<_> = elements(list, "C").map(|one| text(one, "Key")).collect();
        assert_eq!(
            keys,
            [Some("a&<b".to_owned()), Some("中 &nope; & c".to_owned())]
        );
        assert_eq!(text(list, "E").as_deref(), Some("\"1\""));
        assert_eq!(text(list, "K"), None);
        assert_eq!(unescaped(&escaped("<a&b>")), "<a&b>");
    }
}
