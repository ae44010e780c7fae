//! Which codes a field at fault can have, and what each means to a person.
//!
//! The message of a [`FieldProblem`](crate::problem::FieldProblem) says in English what would be right in this place; the
//! code is the same everywhere, so its meaning can be told in any language. What a connection test found has the codes of
//! [`domain::failure`] instead, which have their words there.

macro_rules! fault_codes {
    ($($name:ident = $code:literal, $english:literal, $arabic:literal;)*) => {
        /// A code of a field at fault. A new one does not compile without its meaning in both languages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FaultCode {
            $(#[doc = $english] $name,)*
        }

        impl FaultCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code in the API.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, in English.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self { $(Self::$name => $english,)* }
            }

            /// What it means, in Arabic.
            #[must_use]
            pub const fn arabic(self) -> &'static str {
                match self { $(Self::$name => $arabic,)* }
            }

            /// The code of this name.
            #[must_use]
            pub fn of(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.code() == code)
            }
        }
    };
}

fault_codes! {
    Required = "required", "This has to be given.", "هذا الحقل مطلوب.";
    Unknown = "unknown", "There is no such thing.", "لا يوجد شيء بهذا الاسم.";
    UnknownField = "unknown_field", "There is no such field here.", "لا يوجد حقل بهذا الاسم هنا.";
    UnknownVariable = "unknown_variable", "The text uses a variable that will have no value.", "يستخدم النص متغيّرًا لن تكون له قيمة.";
    Invalid = "invalid", "This is not in the form that is needed here.", "القيمة ليست بالصيغة المطلوبة هنا.";
    WrongType = "wrong_type", "This is another kind of value than is needed here.", "نوع القيمة غير ما يلزم هنا.";
    OutOfRange = "out_of_range", "This is more or less than may be.", "القيمة أكبر أو أصغر مما يُسمح به.";
    TooLong = "too_long", "This is longer than it may be.", "النص أطول مما يُسمح به.";
    TooLarge = "too_large", "This is larger than it may be.", "الحجم أكبر مما يُسمح به.";
    TooMany = "too_many", "These are more than there may be.", "العدد أكبر مما يُسمح به.";
    Duplicate = "duplicate", "This is there twice.", "هذه القيمة مكررة.";
    Conflict = "conflict", "This does not go together with another field.", "هذا لا يتوافق مع حقل آخر.";
    NotAllowed = "not_allowed", "This may not be used here.", "لا يُسمح بهذا هنا.";
    Unsupported = "unsupported", "This cannot be done here.", "هذا غير ممكن هنا.";
    AddressInvalid = "address_invalid", "The channel cannot send to this address.", "لا تستطيع القناة الإرسال إلى هذا العنوان.";
    TemplateInvalid = "template_invalid", "The text cannot be used as a template.", "لا يصلح النص قالبًا.";
    Schema = "schema", "The data are not as their type's schema has them.", "البيانات لا توافق مخطط نوعها.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// What stands before a fault in the source. Its second argument is the code.
    const TOLD_BY: [&str; 7] = [
        "fault(",
        "faults.add(",
        "self.add(",
        "invalid_field(",
        "FieldError::config(",
        "FieldError::secret(",
        "errors.add(",
    ];

    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                sources(&path, found);
            } else if name.contains("/src/")
                && path.extension().is_some_and(|it| it == "rs")
                && !name.ends_with("tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                found.push((name, text.split("\nmod tests {").next().unwrap().to_owned()));
            }
        }
    }

    /// The arguments of a call from behind its parenthesis.
    fn arguments(text: &str) -> Vec<&str> {
        let (mut found, mut from, mut depth, mut quoted, mut before) = (Vec::new(), 0, 0, false, ' ');
        for (at, c) in text.char_indices() {
            match c {
                '"' if before != '\\' => quoted = !quoted,
                _ if quoted => {}
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => {
                    found.push(text[from..at].trim());
                    return found;
                }
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(text[from..at].trim());
                    from = at + 1;
                }
                _ => {}
            }
            before = c;
        }
        found
    }

    fn literal(text: &str) -> Option<&str> {
        text.strip_prefix('"')?.split('"').next()
    }

    #[test]
    fn every_code_in_the_source_has_its_meaning() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut files = Vec::new();
        sources(&root.join("functions"), &mut files);
        sources(&root.join("shared"), &mut files);
        let mut seen = std::collections::BTreeSet::new();
        for (file, text) in &files {
            let calls = TOLD_BY.iter().flat_map(|begin| text.split(begin).skip(1)).filter_map(|rest| {
                let arguments = arguments(rest);
                // A code stands before its message.
                (arguments.len() >= 3).then(|| literal(arguments[1])).flatten().map(str::to_owned)
            });
            let written = text.split("FieldProblem {").skip(1).filter_map(|rest| {
                let code = rest.split('}').next()?.split_once("code:")?.1.trim();
                literal(code).map(str::to_owned)
            });
            for code in calls.chain(written) {
                let known = FaultCode::of(&code).is_some() || domain::failure::explain(&code).is_some();
                assert!(
                    known,
                    "{file} finds fault with the code `{code}`: say in shared/api/src/fault.rs what it means"
                );
                seen.insert(code);
            }
        }
        assert!(seen.len() >= 12, "the faults are not told as they were: {seen:?}");
    }

    #[test]
    fn every_meaning_is_in_both_languages() {
        for it in FaultCode::ALL {
            assert!(it.english().is_ascii() && it.english().ends_with('.'), "{it:?}");
            assert!(
                it.arabic().chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c)) && it.arabic().ends_with('.'),
                "{it:?}"
            );
            assert_eq!(FaultCode::of(it.code()), Some(*it));
        }
    }
}
