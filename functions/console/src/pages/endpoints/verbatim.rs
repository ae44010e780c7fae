//! What came from elsewhere, shown as the text that it is: never more of it than fits into a page.

use crate::view::View;
use maud::{Markup, html};
use serde_json::Value;

/// How many bytes of HTML one such text may become: a page has at most 100 kB.
const SHOWN_MAX_BYTES: usize = 28_000;

/// The part of a text that fits, escaped as it will be, and whether that is all.
fn fitting(text: &str) -> (&str, bool) {
    let mut bytes = 0;
    for (at, letter) in text.char_indices() {
        bytes += match letter {
            '&' => 5,
            '<' | '>' => 4,
            '"' => 6,
            other => other.len_utf8(),
        };
        if bytes > SHOWN_MAX_BYTES {
            return (&text[..at], false);
        }
    }
    (text, true)
}

/// A text that scrolls; `name` says what it is. Where it is too long, `whole` is where all of it is.
pub(super) fn text(view: &View, name: &str, text: &str, whole: Option<&str>) -> Markup {
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
pub(super) fn json(view: &View, name: &str, value: &Value, whole: Option<&str>) -> Markup {
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
        assert_eq!(fitting("{\"ok\":true}"), ("{\"ok\":true}", true));
    }
}
