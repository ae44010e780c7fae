//! Why a call was turned away, for its caller and for the tenant's admin.

use crate::failure::Explanation;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What became of a call that is no new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was refused; its caller was told why.
    Rejected,
    /// It was good and known already; its caller was told that all is well.
    Duplicate,
    /// It was good and its event is none that the hook takes; its caller was told that all is well.
    Filtered,
}

macro_rules! causes {
    ($($name:ident = $code:literal, $status:literal:
        $en:literal, $fix_en:literal, $ar:literal, $fix_ar:literal;)*) => {
        /// Why a call was turned away. The code is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Cause {
            $(#[doc = $en] #[serde(rename = $code)] $name,)*
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status that the caller is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means and what to do.
            #[must_use]
            pub const fn explain(self) -> Explanation {
                match self {
                    $(Self::$name => Explanation { en: $en, fix_en: $fix_en, ar: $ar, fix_ar: $fix_ar },)*
                }
            }
        }
    };
}

causes! {
    SignatureMissing = "signature_missing", 401:
        "The call carries no signature.", "Enter the hook's secret at the provider, and check that the hook has that provider's scheme.",
        "لا يحمل الطلب توقيعًا.", "أدخل سر الويب هوك لدى المزوّد، وتحقق من أن مخطط الويب هوك هو مخطط هذا المزوّد.";
    SignatureMalformed = "signature_malformed", 401:
        "The signature does not have the form of this scheme.", "Check that the hook has the provider's scheme, and that nothing in between rewrites headers.",
        "صيغة التوقيع لا تطابق هذا المخطط.", "تحقق من أن مخطط الويب هوك هو مخطط المزوّد ومن أن لا وسيط يعيد كتابة الترويسات.";
    SignatureMismatch = "signature_mismatch", 401:
        "The signature does not belong to this body and secret.", "Enter the same secret here and at the provider; if they are the same, look for a proxy that changes the body.",
        "التوقيع لا يطابق المحتوى والسر.", "أدخل السر نفسه هنا ولدى المزوّد؛ وإن كانا متطابقين فابحث عن وسيط يغيّر المحتوى.";
    TimestampMissing = "timestamp_missing", 401:
        "The call carries no timestamp, which this scheme signs.", "Check that the hook has the provider's scheme and names its timestamp header.",
        "لا يحمل الطلب طابعًا زمنيًا يوقّعه هذا المخطط.", "تحقق من مخطط الويب هوك ومن اسم ترويسة الطابع الزمني.";
    TimestampMalformed = "timestamp_malformed", 401:
        "The timestamp is not a number of seconds.", "Check that the hook names the provider's timestamp header.",
        "الطابع الزمني ليس عددًا من الثواني.", "تحقق من اسم ترويسة الطابع الزمني لدى المزوّد.";
    TimestampTooOld = "timestamp_too_old", 401:
        "The call was signed too long ago: it may be a replay.", "Let the provider send it anew; if all are too old, set its clock or widen the hook's replay window.",
        "وُقّع الطلب منذ وقت طويل: قد يكون إعادة إرسال.", "اطلب من المزوّد إرساله من جديد؛ وإن كانت كلها قديمة فاضبط ساعته أو وسّع نافذة الإعادة.";
    TimestampInFuture = "timestamp_in_future", 401:
        "The call was signed in the future.", "Set the sender's clock.",
        "وُقّع الطلب بتاريخ مستقبلي.", "اضبط ساعة المرسل.";
    IdMissing = "id_missing", 401:
        "The call carries no id, which this scheme signs.", "Check that the hook has the provider's scheme and names its id header.",
        "لا يحمل الطلب معرّفًا يوقّعه هذا المخطط.", "تحقق من مخطط الويب هوك ومن اسم ترويسة المعرّف.";
    BodyHashMismatch = "body_hash_mismatch", 401:
        "The body is not the one that was signed.", "Look for a proxy that changes the body.",
        "المحتوى ليس ما تم توقيعه.", "ابحث عن وسيط يغيّر المحتوى.";
    BodyMalformed = "body_malformed", 400:
        "The body does not have the form of this scheme.", "Check that the hook has the provider's scheme.",
        "صيغة المحتوى لا تطابق هذا المخطط.", "تحقق من أن مخطط الويب هوك هو مخطط المزوّد.";
    BodyTooLarge = "body_too_large", 413:
        "The body is larger than 1 MB.", "Let the provider send less at once.",
        "المحتوى أكبر من 1 ميغابايت.", "اطلب من المزوّد إرسال قدر أقل في المرة الواحدة.";
    ClientStateMissing = "client_state_missing", 401:
        "A notification carries no client state.", "Create the subscription with the hook's secret as its `clientState`.",
        "إشعار بلا clientState.", "أنشئ الاشتراك بقيمة clientState تساوي سر الويب هوك.";
    ClientStateMismatch = "client_state_mismatch", 401:
        "A notification carries another client state.", "Create the subscription anew with the hook's secret as its `clientState`.",
        "إشعار بقيمة clientState مختلفة.", "أنشئ الاشتراك من جديد بقيمة clientState تساوي سر الويب هوك.";
    ValidationTokenInvalid = "validation_token_invalid", 400:
        "The validation token is too long or holds characters that no such token has.", "Nothing to do: Microsoft Graph did not send it.",
        "رمز التحقق طويل جدًا أو يحوي محارف غير معتادة.", "لا يلزم أي إجراء: لم يرسله Microsoft Graph.";
    HookDisabled = "hook_disabled", 403:
        "The hook is disabled.", "Enable the hook, or remove it at the provider.",
        "الويب هوك معطّل.", "فعّل الويب هوك أو احذفه لدى المزوّد.";
    SecretUnusable = "secret_unusable", 401:
        "The hook's stored secret cannot be used with its scheme.", "Rotate the hook's secret and enter the provider's current one.",
        "لا يمكن استخدام السر المخزّن مع مخطط الويب هوك.", "بدّل سر الويب هوك وأدخل السر الحالي لدى المزوّد.";
    Duplicate = "duplicate", 200:
        "The event was received before.", "Nothing to do: providers repeat a call whose answer they did not get.",
        "استُلم هذا الحدث من قبل.", "لا يلزم أي إجراء: يعيد المزوّدون الطلب إذا لم يصلهم رد.";
    Filtered = "event_filtered", 200:
        "The hook does not take events of this name.", "Nothing to do; to receive it, add its name to the hook's `events`.",
        "لا يستقبل الويب هوك أحداثًا بهذا الاسم.", "لا يلزم أي إجراء؛ ولاستقباله أضف اسمه إلى events.";
}

impl Cause {
    /// What became of a call that was turned away for it.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Duplicate => Verdict::Duplicate,
            Self::Filtered => Verdict::Filtered,
            _ => Verdict::Rejected,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Cause {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|cause| cause.code() == text).ok_or(crate::channel::UnknownName)
    }
}

/// A refusal, and the header or field that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// Where, e.g. `X-Hub-Signature-256`; empty for the call as a whole.
    pub field: String,
}

impl Refusal {
    /// A refusal about a header or field.
    #[must_use]
    pub fn of(cause: Cause, field: &str) -> Self {
        Self { cause, field: field.to_owned() }
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self::of(cause, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_code_and_words_in_both_languages() {
        let codes: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        let arabic = |text: &str| text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
        for cause in Cause::ALL.iter().copied() {
            let words = cause.explain();
            assert!(arabic(words.ar) && arabic(words.fix_ar) && !words.fix_en.is_empty(), "{cause}");
            assert_eq!(cause.code().parse(), Ok(cause));
            assert_eq!(cause.verdict() == Verdict::Rejected, cause.status() >= 400, "{cause}");
        }
    }
}
