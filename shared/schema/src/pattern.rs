//! Patterns: regular expressions of ECMA-262, as far as they are regular.
//!
//! They run on `regex-lite`, whose time is linear in what it looks at: no pattern of a tenant's can keep a function busy. What
//! ECMA-262 writes otherwise is rewritten; what it does not know, or what is not regular, is refused.

use regex_lite::{Regex, RegexBuilder};
use std::{iter::Peekable, str::Chars};

/// The most bytes that a compiled pattern may take. A class of characters takes some 20, a repetition as many as it repeats.
const SIZE_MAX: usize = 64 << 10;

/// Machines of up to so many bytes cost so much for each byte that they look at: whoever repeats a thousand times follows a
/// thousand paths at once.
const COSTS: [(usize, usize); 3] = [(2 << 10, 1), (8 << 10, 4), (SIZE_MAX, 32)];

/// What `\s` is, as the inside of a class.
const SPACE: &str = r"\s\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";
/// What `.` is not.
const LINE_ENDS: &str = r"\n\r\x{2028}\x{2029}";

/// A pattern that may match anywhere in a text.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    cost: usize,
}

impl Pattern {
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How many steps it is to look at so many bytes.
    pub(crate) const fn steps(&self, bytes: usize) -> usize {
        self.cost.saturating_mul(bytes)
    }
}

pub(crate) fn read(pattern: &str) -> Result<Pattern, String> {
    let lead = |why: String| format!("the pattern `{pattern}` is not taken: {why}");
    let mut rewriter = Rewriter { rest: pattern.chars().peekable(), out: String::new() };
    rewriter.all().map_err(lead)?;
    let built =
        |(size, cost)| RegexBuilder::new(&rewriter.out).size_limit(size).build().map(|regex| Pattern { regex, cost });
    let [small, middle, large] = COSTS.map(built);
    small.or(middle).or(large).map_err(|error| lead(error.to_string()))
}

struct Rewriter<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

impl Rewriter<'_> {
    fn all(&mut self) -> Result<(), String> {
        while let Some(next) = self.rest.next() {
            match next {
                '\\' => self.escape(false)?,
                '.' => self.out.extend(["[^", LINE_ENDS, "]"]),
                '[' => self.class()?,
                '(' => self.group()?,
                // Elsewhere `{,2}` is a repetition; here it would be text, or an error.
                '{' if !self.rest.peek().is_some_and(char::is_ascii_digit) => {
                    return Err(r"a `{` that begins no repetition is written `\{`".to_owned());
                }
                other => self.out.push(other),
            }
        }
        Ok(())
    }

    /// What stands behind an opening parenthesis: only what ECMA-262 and a regular language have in common.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        match (self.rest.next(), self.rest.peek()) {
            (Some(':'), _) => self.out.push(':'),
            (Some('<'), Some(name)) if name.is_alphabetic() || *name == '_' => self.out.push('<'),
            _ => return Err("there is no looking around and there are no flags".to_owned()),
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.peek() == Some(&']') {
            return Err("a class without characters is not taken".to_owned());
        }
        while let Some(next) = self.rest.next() {
            match next {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                // They have a meaning here that ECMA-262 does not know.
                '[' | '&' | '~' => self.out.extend(['\\', next]),
                other => self.out.push(other),
            }
        }
        Err("a class has no end".to_owned())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(next) = self.rest.next() else {
            return Err("it ends in a backslash".to_owned());
        };
        let follows = self.rest.peek().copied();
        match next {
            's' if in_class => self.out.push_str(SPACE),
            's' => self.out.extend(["[", SPACE, "]"]),
            'S' if !in_class => self.out.extend(["[^", SPACE, "]"]),
            'b' if in_class => self.out.push_str(r"\x08"),
            'b' | 'B' if !in_class && follows != Some('{') => self.out.extend(['\\', next]),
            'd' | 'D' | 'w' | 'W' | 't' | 'n' | 'r' | 'f' | 'v' | 'u' => self.out.extend(['\\', next]),
            'x' if follows.is_some_and(|it| it.is_ascii_hexdigit()) => self.out.push_str(r"\x"),
            '0' if !follows.is_some_and(|it| it.is_ascii_digit()) => self.out.push_str(r"\x00"),
            'c' if follows.is_some_and(|it| it.is_ascii_alphabetic()) => {
                self.rest.next();
                // Its number in the alphabet; a control character stands for itself.
                self.out.extend(follows.and_then(|letter| char::from_u32(u32::from(letter) % 32)));
            }
            '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '/' | '-' => {
                self.out.extend(['\\', next]);
            }
            '1'..='9' | 'k' => return Err("there are no references back".to_owned()),
            'p' | 'P' => return Err("there are no classes by Unicode's properties".to_owned()),
            _ => return Err(format!(r"there is no `\{next}` here")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_ecma_262_says() {
        for (pattern, text, matches) in [
            ("b", "abc", true),
            ("^ord_[0-9]+$", "ord_1", true),
            ("^ord_[0-9]+$", "ord_1\n", false),
            (r"^\d$", "٣", false),
            (r"^\w$", "é", false),
            (r"^\W$", "é", true),
            (r"^\s$", "\u{a0}", true),
            (r"^\s$", "\u{feff}", true),
            (r"^\S$", "\u{2003}", false),
            (r"^[\sx]$", "\u{2003}", true),
            (r"^[^\s]$", "\u{2003}", false),
            ("^.$", "\r", false),
            ("^.$", "\u{2028}", false),
            ("^.$", "é", true),
            ("^.$", "💩", true),
            (r"^\/$", "/", true),
            (r"^\cC$", "\u{3}", true),
            (r"^\0$", "\0", true),
            (r"^\x41\u0042$", "AB", true),
            (r"^[\b]$", "\u{8}", true),
            ("^[[]$", "[", true),
            ("^[[:alpha:]]$", ":]", true),
            ("^[a&&b]$", "&", true),
            ("^[~~]$", "~", true),
            ("^(?<year>[0-9]{4})-(?:0|1)[0-9]$", "2026-11", true),
            (r"^[\w-]+$", "a-b", true),
        ] {
            let regex = read(pattern).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn what_ecma_262_or_a_regular_language_lacks_is_refused() {
        for pattern in [
            r"(a+)+\1",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            "(?i)a",
            "(?P<a>b)",
            r"\p{L}",
            r"\Aa",
            r"a\z",
            r"\a",
            r"\<a",
            r"\b{start}",
            r"\x{41}",
            "a{,2}",
            "{",
            "[]a]",
            "[^]",
            "[a",
            "(a",
            r"a\",
            r"[\S]",
            r"\k<a>",
            "*",
            "a{2000}{2000}",
        ] {
            assert!(read(pattern).is_err(), "{pattern} was taken");
        }
    }
}
