//! A message's HTML, to be looked at inside a page.
//!
//! It stands in an `iframe` whose `sandbox` permits nothing: no script, no form, no origin of ours, no way out. Its document
//! (`srcdoc`) has the page's own policy besides, so it loads nothing from elsewhere and a link in it leads nowhere.
//!
//! That policy takes no inline styles either, of which mails are made. So they are moved into one stylesheet inside the
//! document, and the policy of this one answer names the stylesheet by its hash: exactly these rules apply, and nothing is
//! `unsafe-inline`. What is moved wrongly looks wrong and can do no more. What is sent is not touched by any of this.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use std::fmt::Write;

/// The longest document that is shown, in bytes: with both languages a page stays below 100 kB.
const SHOWN_MAX_BYTES: usize = 20 * 1024;

/// How many stylesheets of a message are shown: each has its hash in a header.
const SHEETS_MAX: usize = 8;

/// A document for a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Framed {
    /// What goes into `srcdoc`.
    pub(super) document: String,
    /// What the policy has to name for it to look right.
    pub(super) hashes: Vec<String>,
}

/// The document for a message's HTML; `None` where it is too long.
pub(super) fn framed(html: &str) -> Option<Framed> {
    if html.len() > SHOWN_MAX_BYTES {
        return None;
    }
    // As the browser reads it, before it looks at hashes.
    let html = html.replace("\r\n", "\n").replace('\r', "\n");
    let mut made = Framed::default();
    let mut inline: Vec<String> = Vec::new();
    let mut rest = html.as_str();
    while let Some(start) = rest.find('<') {
        made.document.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("<!--") {
            let (comment, after) = rest.split_at(rest.find("-->").map_or(rest.len(), |end| end + 3));
            made.document.push_str(comment);
            rest = after;
            continue;
        }
        let (tag, after) = rest.split_at(tag_length(rest));
        made.document.push_str(&moved(tag, &mut inline));
        rest = after;
        if is_style(tag) {
            let end = lowered(rest).find("</style").unwrap_or(rest.len());
            if made.hashes.len() < SHEETS_MAX {
                made.hashes.push(hash(&rest[..end]));
            }
            made.document.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    made.document.push_str(rest);
    if !inline.is_empty() {
        let sheet = sheet(&inline);
        made.hashes.push(hash(&sheet));
        // A style at the very end is taken into the body; before the document's type it would change how all is read.
        let _ = write!(made.document, "<style>{sheet}</style>");
    }
    Some(made)
}

/// For the policy: `'sha256-...'`.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

fn lowered(text: &str) -> String {
    text.to_ascii_lowercase()
}

fn is_style(tag: &str) -> bool {
    let after = lowered(tag);
    after.strip_prefix("<style").is_some_and(|rest| rest.starts_with(['>', ' ', '\n', '\t', '/']))
}

/// Up to the `>` that is in no quotes.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return place + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// The tag with its `style` in the list of those that are moved, and the number of it instead.
fn moved(tag: &str, inline: &mut Vec<String>) -> String {
    let Some((before, value, after)) = style_of(tag) else { return tag.to_owned() };
    let declarations =
        ["&quot;", "\"", "&#34;", "\"", "&#39;", "'", "&apos;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&"]
            .chunks(2)
            .fold(value.to_owned(), |text, pair| text.replace(pair[0], pair[1]));
    let number = inline.iter().position(|known| *known == declarations).unwrap_or_else(|| {
        inline.push(declarations);
        inline.len() - 1
    });
    format!("{before} data-style=\"{number}\"{after}")
}

/// What stands before a tag's `style`, its value, and what stands after it.
fn style_of(tag: &str) -> Option<(&str, &str, &str)> {
    let lower = lowered(tag);
    let mut from = 0;
    while let Some(found) = lower[from..].find("style") {
        let start = from + found;
        from = start + "style".len();
        let apart = lower[..start].ends_with([' ', '\n', '\t', '"', '\'', '/']);
        // Not inside another attribute's value: the quotes before it are closed.
        let closed = ['"', '\''].iter().all(|quote| lower[..start].matches(*quote).count().is_multiple_of(2));
        let Some(value) = lower[from..].trim_start().strip_prefix('=').map(str::trim_start) else { continue };
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        if !apart || !closed {
            continue;
        }
        let begin = tag.len() - value.len() + 1;
        let end = begin + tag[begin..].find(quote)?;
        return Some((tag[..start].trim_end(), &tag[begin..end], &tag[end + 1..]));
    }
    None
}

fn sheet(inline: &[String]) -> String {
    let mut sheet = String::new();
    for (number, declarations) in inline.iter().enumerate() {
        // Braces would end the rule, and a tag the stylesheet.
        if !declarations.contains(['{', '}', '<']) {
            // As strong as an inline style is, almost.
            let _ = write!(sheet, ":is(#trunkline,[data-style=\"{number}\"]){{{declarations}}}");
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(html: &str) -> String {
        framed(html).unwrap().document
    }

    #[test]
    fn styles_are_moved_and_the_policy_learns_of_them() {
        let made =
            framed("<!doctype html>\r\n<p STYLE='color:red; font:\"A\"' id=x>Hi</p><b style=\"color:red\">!</b>")
                .unwrap();
        let sheet =
            ":is(#trunkline,[data-style=\"0\"]){color:red; font:\"A\"}:is(#trunkline,[data-style=\"1\"]){color:red}";
        assert_eq!(
            made.document,
            format!("<!doctype html>\n<p data-style=\"0\" id=x>Hi</p><b data-style=\"1\">!</b><style>{sheet}</style>")
        );
        assert_eq!(made.hashes, [hash(sheet)]);
        // What a browser computes of `p{}`.
        assert_eq!(hash("p{}").len(), "'sha256-'".len() + 44);
    }

    #[test]
    fn a_messages_own_stylesheet_is_named_as_it_is() {
        let made = framed("<STYLE type=x>p > a { color: red }</style><p>x").unwrap();
        assert_eq!(made.document, "<STYLE type=x>p > a { color: red }</style><p>x");
        assert_eq!(made.hashes, [hash("p > a { color: red }")]);
        assert_eq!(framed(&"<style></style>".repeat(99)).unwrap().hashes.len(), SHEETS_MAX);
    }

    #[test]
    fn what_only_looks_like_a_style_stays() {
        for html in [
            "<p title='style=\"x\"'>",
            "<p data-style='x'>",
            "<p style=color:red>",
            "<!-- <p style='x'> -->",
            "style='x'",
            "<p style='x",
            "<",
            "<style",
            "a < b",
        ] {
            assert_eq!(document(html), html);
        }
        assert!(!document("<p style='}</style><b>'>").contains("}</style><b>'"), "nothing ends the stylesheet early");
    }

    #[test]
    fn the_ready_made_ones_are_short_enough_and_keep_no_inline_style() {
        for template in domain::template::ready_made() {
            for html in template.texts.values().filter_map(|text| text.html.as_deref()) {
                assert!(!document(html).contains(" style="), "{}", document(html));
            }
        }
        assert_eq!(framed(&"x".repeat(SHOWN_MAX_BYTES + 1)), None);
    }
}
