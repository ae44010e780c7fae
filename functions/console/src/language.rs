//! English and Arabic. Every text stands beside its translation where it is used, so neither can be missing, and nothing
//! is looked up or parsed: `view.say("Save", "حفظ")`.

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Arabic,
}

impl Language {
    /// Its BCP 47 tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
        }
    }

    /// In which direction it is written.
    pub(crate) const fn direction(self) -> &'static str {
        match self {
            Self::English => "ltr",
            Self::Arabic => "rtl",
        }
    }

    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag {
            "en" => Some(Self::English),
            "ar" => Some(Self::Arabic),
            _ => None,
        }
    }

    /// What a browser prefers (RFC 9110, section 12.5.4): the first of ours that it names.
    pub(crate) fn accepted(header: &str) -> Self {
        let tags = header.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        let known = |tag: &str| Self::of_tag(&tag.split('-').next().unwrap_or_default().to_ascii_lowercase());
        tags.into_iter().find_map(known).unwrap_or_default()
    }
}

/// The forms of a counted thing: two in English, six in Arabic (CLDR, plural rules). `{n}` stands for the number; where
/// the word itself says how many, as with the dual, it is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) one: &'static str,
    pub(crate) other: &'static str,
    /// zero, one, two, few (3 to 10), many (11 to 99), other (100 to 102 and their like).
    pub(crate) arabic: [&'static str; 6],
}

impl Counted {
    /// The form for so many.
    pub(crate) const fn form(&self, language: Language, n: u64) -> &'static str {
        match language {
            Language::English if n == 1 => self.one,
            Language::English => self.other,
            Language::Arabic => {
                self.arabic[match (n, n % 100) {
                    (0, _) => 0,
                    (1, _) => 1,
                    (2, _) => 2,
                    (_, 3..=10) => 3,
                    (_, 11..=99) => 4,
                    _ => 5,
                }]
            }
        }
    }
}

/// `1234567` as `1,234,567`, or with the digits that many Arabic readers use: `١٬٢٣٤٬٥٦٧`.
pub(crate) fn digits(n: u64, indic: bool) -> String {
    let plain = n.to_string();
    let mut text = String::with_capacity(plain.len() * 3);
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            text.push(if indic { '٬' } else { ',' });
        }
        text.push(if indic { to_indic(digit) } else { digit });
    }
    text
}

/// A decimal number whose digits are chosen: `99.5` as `٩٩٫٥`.
pub(crate) fn decimal(text: &str, indic: bool) -> String {
    if !indic {
        return text.to_owned();
    }
    text.chars().map(|c| if c == '.' { '٫' } else { to_indic(c) }).collect()
}

fn to_indic(digit: char) -> char {
    digit.to_digit(10).and_then(|value| char::from_u32('٠' as u32 + value)).unwrap_or(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: Counted =
        Counted { one: "{n} test", other: "{n} tests", arabic: ["zero", "one", "two", "few", "many", "other"] };

    #[test]
    fn every_plural_form_is_where_cldr_has_it() {
        let form = |n| TESTS.form(Language::Arabic, n);
        for (expected, numbers) in [
            ("zero", vec![0]),
            ("one", vec![1]),
            ("two", vec![2]),
            ("few", vec![3, 10, 103, 110, 1003]),
            ("many", vec![11, 99, 111, 1011]),
            ("other", vec![100, 101, 102, 200, 1000]),
        ] {
            for n in numbers {
                assert_eq!(form(n), expected, "{n}");
            }
        }
        assert_eq!([0, 1, 2].map(|n| TESTS.form(Language::English, n)), ["{n} tests", "{n} test", "{n} tests"]);
    }

    #[test]
    fn numbers_are_grouped_in_either_digits() {
        assert_eq!([0, 999, 1000, 1_234_567].map(|n| digits(n, false)), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([7, 1_234_567].map(|n| digits(n, true)), ["٧", "١٬٢٣٤٬٥٦٧"]);
        assert_eq!(decimal("99.5", true), "٩٩٫٥");
    }

    #[test]
    fn the_browser_chooses_among_ours() {
        for (header, language) in [
            ("ar-SA,ar;q=0.9,en;q=0.8", Language::Arabic),
            ("de, en;q=0.7, ar;q=0.3", Language::English),
            ("", Language::English),
            ("AR", Language::Arabic),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
