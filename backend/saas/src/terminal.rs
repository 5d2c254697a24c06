//! Words of others on their way to a terminal.

/// The text on one line, without what a terminal would take for a command or would write in another
/// direction: values of settings and answers of other programs may hold either.
pub(crate) fn plain(text: &str) -> String {
    let is_safe = |letter: &char| {
        !letter.is_control()
            && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let letters = text.chars();
    letters
        .map(|letter| if is_safe(&letter) { letter } else { ' ' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_ends_early_and_no_word_turns_round() {
        let said = "wrong\u{1b}[2J\r\nall is well\u{2028}\u{202e}no\u{2066}t 租户";
        assert_eq!(plain(said), "wrong [2J  all is well  no t 租户");
    }
}
