//! What came from elsewhere, shown as the text that it is: nothing in it is hidden or turns the direction of reading, and
//! there is never more of it than fits into a page.

use crate::view::View;
use maud::{Markup, html};
use serde_json::Value;

/// How many bytes of HTML one such text may become: a page has at most 100 kB.
const SHOWN_MAX_BYTES: usize = 28_000;

/// The part of a text that fits, escaped as it will be, and whether that is all. What would not be seen is spelled out.
fn fitting(text: &str) -> (String, bool) {
    let (mut shown, mut bytes) = (String::new(), 0);
    for letter in text.chars() {
        let before = shown.len();
        if is_unseen(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
        bytes += match letter {
            '&' => 5,
            '<' | '>' => 4,
            '"' => 6,
            _ => shown.len() - before,
        };
        if bytes > SHOWN_MAX_BYTES {
            shown.truncate(before);
            return (shown, false);
        }
    }
    (shown, true)
}

/// Whether a character does something without being seen: control characters, those without a width, and those that turn
/// the direction of what follows (UAX #9).
fn is_unseen(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t' | '\r'))
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A text that scrolls; `name` says what it is. Where it is too long, `whole` is where all of it is.
pub(crate) fn text(view: &View, name: &str, text: &str, whole: Option<&str>) -> Markup {
    let (shown, is_all) = fitting(text);
    html! {
        pre.verbatim dir="ltr" tabindex="0" role="region" aria-label=(name) { (shown) }
        @if !is_all {
            p.quiet {
                (view.say("Only the beginning is shown.", "لا يُعرض سوى البداية."))
                @if let Some(link) = whole { " " a href=(link) download { (view.say("Download all of it", "تنزيله كاملًا")) } }
            }
        }
    }
}

/// A JSON value with line breaks.
pub(crate) fn json(view: &View, name: &str, value: &Value, whole: Option<&str>) -> Markup {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    text(view, name, &pretty, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_by_what_it_weighs_on_the_page() {
        for letter in ["\"", "&", "<", "a", "ع", "😀"] {
            let long = letter.repeat(60_000);
            let (shown, is_all) = fitting(&long);
            let escaped = html! { (shown) }.into_string().len();
            assert!(!is_all && escaped <= SHOWN_MAX_BYTES && escaped > SHOWN_MAX_BYTES - 8, "{letter}: {escaped}");
        }
        assert_eq!(fitting("{\"ok\":true}"), ("{\"ok\":true}".to_owned(), true));
    }

    #[test]
    fn what_would_not_be_seen_is_spelled_out() {
        assert_eq!(fitting("a\u{202e}b\0\n\tc").0, "a\\u{202e}b\\u{0}\n\tc");
        assert_eq!(fitting("مرحبا <b>").0, "مرحبا <b>", "and the rest is as it was");
        assert!(fitting(&"\u{202e}".repeat(60_000)).0.len() <= SHOWN_MAX_BYTES);
    }
}
