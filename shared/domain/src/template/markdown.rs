//! The Markdown of Adaptive Cards, and how a value is kept from being any of it.
//!
//! A `TextBlock` takes a subset of `CommonMark` ("Text features" in the documentation of Adaptive Cards): bold, italic,
//! lists and links. Which renderer shows a card depends on the Teams client, and some know more than the subset, so
//! everything that is special in `CommonMark` is escaped, and the functions `{{DATE(..)}}` and `{{TIME(..)}}` with it.
//! The native renderers know backslashes less well: there an escape may show, but it takes the effect from the
//! emphasis, and the parenthesis of a link no longer follows its bracket.

/// A value as one line of literal text.
#[must_use]
pub fn escape_markdown(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    let line = value.split(char::is_control).map(str::trim).filter(|piece| !piece.is_empty());
    for piece in line {
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        let marker = marker(piece);
        let mut before = None;
        for (at, c) in piece.char_indices() {
            let special = match c {
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '~' | '|' | '{' => true,
                // Only an entity begins with it, and "R&D" is none.
                '&' => piece[at..].contains(';'),
                '(' => before == Some(']'),
                _ => false,
            };
            if special || marker == Some(at) {
                escaped.push('\\');
            }
            escaped.push(c);
            before = Some(c);
        }
    }
    escaped
}

/// Where the sign is that would make a list, heading, quote or underline of a line: a value may stand at the beginning
/// of one.
fn marker(line: &str) -> Option<usize> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let sign = line.as_bytes().get(digits)?;
    let alone = line.as_bytes().get(digits + 1).is_none_or(u8::is_ascii_whitespace);
    let numbered = digits > 0 && alone && b".)".contains(sign);
    let marked = digits == 0 && b"-+#>=".contains(sign);
    (numbered || marked).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_no_emphasis_no_link_and_no_function() {
        for (value, escaped) in [
            ("*x*", r"\*x\*"),
            ("__x__", r"\_\_x\_\_"),
            ("[a](https://evil.example)", r"\[a\]\(https://evil.example)"),
            ("![a](b)", r"!\[a\]\(b)"),
            ("<https://evil.example>", r"\<https://evil.example>"),
            (r"\*x\*", r"\\\*x\\\*"),
            ("`x` ~~y~~", r"\`x\` \~\~y\~\~"),
            ("&#42;x&#42;", r"\&#42;x\&#42;"),
            ("{{DATE(2017-02-14T06:00:00Z)}}", r"\{\{DATE(2017-02-14T06:00:00Z)}}"),
        ] {
            assert_eq!(escape_markdown(value), escaped, "{value}");
        }
    }

    #[test]
    fn a_value_makes_no_line_and_no_list() {
        assert_eq!(escape_markdown("a\r\n- b\n\n# c"), r"a \- b \# c");
        assert_eq!(escape_markdown("- a"), r"\- a");
        assert_eq!(escape_markdown("+1"), r"\+1");
        assert_eq!(escape_markdown("12. a"), r"12\. a");
        assert_eq!(escape_markdown("12) a"), r"12\) a");
        assert_eq!(escape_markdown("=="), r"\==");
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["Sara O'Neil-Smith (HR)", "R&D", "عمر بن الخطّاب", "2026-11-20", "3.5", ""] {
            assert_eq!(escape_markdown(name), name);
        }
    }
}
