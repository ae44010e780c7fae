//! Why a provider did not take a message, and what that means for us and for a person.
//!
//! Every provider classifies its answers into a [`Failure`] in one place. `code` is ours and stable, `detail` is the
//! provider's own words. What a code means and how to mend it is said once, in [`explain`], in English and Arabic.

use serde::{Deserialize, Serialize};

/// The longest provider text we keep, in characters.
pub const DETAIL_MAX_CHARS: usize = 300;

/// What a failure means for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// May pass by itself; not before `after_ms`, where the provider said so.
    Transient {
        /// The provider's `Retry-After`, in milliseconds.
        after_ms: Option<i64>,
    },
    /// The provider asks the whole channel to slow down (429): transient, and nobody may send before `after_ms`.
    Throttled {
        /// The provider's `Retry-After`, in milliseconds.
        after_ms: Option<i64>,
    },
    /// Will fail the same way again.
    Permanent,
    /// The provider may or may not have taken it.
    Unknown,
    /// The credentials were refused: worth one fresh look at the secret, then transient, because an admin can mend it.
    Unauthorized,
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it means for the next step.
    pub kind: FailureKind,
    /// Our stable code, e.g. `smtp_recipient_refused`. Documented by [`explain`].
    pub code: &'static str,
    /// The provider's own words, at most [`DETAIL_MAX_CHARS`], without secrets.
    pub detail: String,
}

impl Failure {
    /// A failure with the provider's words cut to [`DETAIL_MAX_CHARS`].
    #[must_use]
    pub fn new(kind: FailureKind, code: &'static str, detail: &str) -> Self {
        Self { kind, code, detail: shorten(detail) }
    }
}

/// One line of at most [`DETAIL_MAX_CHARS`] characters.
#[must_use]
pub fn shorten(detail: &str) -> String {
    let line: String =
        detail.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL_MAX_CHARS).collect();
    line.trim_end().to_owned()
}

/// What a code means and what to do, for a tenant's admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened, in English.
    pub en: &'static str,
    /// What to do, in English.
    pub fix_en: &'static str,
    /// What happened, in Arabic.
    pub ar: &'static str,
    /// What to do, in Arabic.
    pub fix_ar: &'static str,
}

macro_rules! explanations {
    ($($code:literal: $en:literal, $fix_en:literal, $ar:literal, $fix_ar:literal;)*) => {
        /// Every failure code, for documentation and for the test that each has its words.
        pub const CODES: &[&str] = &[$($code),*];

        /// The words of a failure code; `None` for a code we never use.
        #[must_use]
        pub fn explain(code: &str) -> Option<Explanation> {
            match code {
                $($code => Some(Explanation { en: $en, fix_en: $fix_en, ar: $ar, fix_ar: $fix_ar }),)*
                _ => None,
            }
        }
    };
}

explanations! {
    "unreachable":
        "The server could not be reached.", "Check the host name and port, and that the server accepts connections from the internet.",
        "تعذّر الوصول إلى الخادم.", "تحقق من اسم المضيف والمنفذ ومن أن الخادم يقبل الاتصالات من الإنترنت.";
    "address_not_allowed":
        "The address is not a public one, so it may not be used.", "Use a host that resolves to public addresses only, on an allowed port.",
        "العنوان ليس عامًا، لذلك لا يُسمح باستخدامه.", "استخدم مضيفًا لا يشير إلا إلى عناوين عامة وعلى منفذ مسموح به.";
    "timeout":
        "The provider did not answer in time; it may or may not have taken the message.", "Look at the provider's own log before sending again.",
        "لم يُجب المزوّد في الوقت المحدد؛ وقد يكون استلم الرسالة أو لم يستلمها.", "راجع سجل المزوّد قبل إعادة الإرسال.";
    "connection_lost":
        "The connection broke while the message was being handed over; it may or may not have arrived.", "Look at the provider's own log before sending again.",
        "انقطع الاتصال أثناء تسليم الرسالة؛ وقد تكون وصلت أو لم تصل.", "راجع سجل المزوّد قبل إعادة الإرسال.";
    "interrupted":
        "Our sender was interrupted after it may have handed the message over.", "Look at the provider's own log before sending again.",
        "توقفت عملية الإرسال لدينا بعد احتمال تسليم الرسالة.", "راجع سجل المزوّد قبل إعادة الإرسال.";
    "certificate_untrusted":
        "The server's TLS certificate is not trusted.", "Install a certificate from a public authority for this host name, or enter your own authority's certificate in `ca_certificate`.",
        "شهادة TLS الخاصة بالخادم غير موثوقة.", "ثبّت شهادة من جهة معروفة لاسم المضيف هذا، أو أدخل شهادة جهة الإصدار الخاصة بك في الحقل ca_certificate.";
    "tls_failed":
        "A secure connection could not be set up.", "Check that the port speaks the chosen security: 587 STARTTLS, 465 TLS.",
        "تعذّر إنشاء اتصال آمن.", "تحقق من أن المنفذ يستخدم نوع الأمان المختار: ‎587 STARTTLS أو ‎465 TLS.";
    "smtp_login_refused":
        "The mail server refused the user name or password.", "Enter the current password, or an app password if the account uses two-factor sign-in.",
        "رفض خادم البريد اسم المستخدم أو كلمة المرور.", "أدخل كلمة المرور الحالية، أو كلمة مرور تطبيق إذا كان الحساب يستخدم التحقق بخطوتين.";
    "smtp_sender_refused":
        "The mail server refused the sender address.", "Use a `from_address` that this account may send from.",
        "رفض خادم البريد عنوان المرسل.", "استخدم في from_address عنوانًا يُسمح لهذا الحساب بالإرسال منه.";
    "smtp_recipient_refused":
        "The mail server refused the recipient for good.", "Correct or remove the recipient's address.",
        "رفض خادم البريد المستلم نهائيًا.", "صحّح عنوان المستلم أو احذفه.";
    "smtp_message_refused":
        "The mail server refused the message for good.", "Read the server's words; often the content or the sender's reputation is the cause.",
        "رفض خادم البريد الرسالة نهائيًا.", "اقرأ رد الخادم؛ فغالبًا ما يكون السبب المحتوى أو سمعة المرسل.";
    "smtp_try_later":
        "The mail server asked us to try again later.", "Nothing to do: it is retried by the retry policy.",
        "طلب خادم البريد المحاولة لاحقًا.", "لا يلزم أي إجراء: ستُعاد المحاولة وفق سياسة إعادة المحاولة.";
    "smtp_service_refused":
        "The mail server does not serve us at all.", "Read the server's words: often it accepts only known networks, or it is not a submission server.",
        "يرفض خادم البريد خدمتنا كليًا.", "اقرأ رد الخادم: فغالبًا لا يقبل إلا شبكات معروفة، أو ليس خادم إرسال.";
    "smtp_protocol":
        "The server's answer was not understood as SMTP.", "Check that host and port belong to an SMTP submission server.",
        "لم يُفهم رد الخادم كبروتوكول SMTP.", "تحقق من أن المضيف والمنفذ يعودان إلى خادم إرسال SMTP.";
    "address_invalid":
        "The recipient's address is not valid for this channel.", "Correct the recipient's address.",
        "عنوان المستلم غير صالح لهذه القناة.", "صحّح عنوان المستلم.";
    "sendgrid_key_refused":
        "SendGrid refused the API key.", "Create an API key with the permission Mail Send and enter it; a key of an EU subuser needs the region `eu`.",
        "رفض SendGrid مفتاح الواجهة.", "أنشئ مفتاحًا بصلاحية Mail Send وأدخله؛ ومفتاح المستخدم الفرعي الأوروبي يتطلب المنطقة eu.";
    "sendgrid_missing_scope":
        "The SendGrid API key may not send mail.", "Give the key the permission Mail Send, or enter a key that has it.",
        "لا يملك مفتاح SendGrid صلاحية إرسال البريد.", "امنح المفتاح صلاحية Mail Send أو أدخل مفتاحًا يملكها.";
    "sendgrid_sender_refused":
        "SendGrid refused the sender address.", "Verify the `from_address` as a sender identity in SendGrid or authenticate its domain, or use an address that is verified.",
        "رفض SendGrid عنوان المرسل.", "وثّق العنوان from_address كهوية مرسل في SendGrid أو وثّق نطاقه، أو استخدم عنوانًا موثّقًا.";
    "sendgrid_out_of_credits":
        "The SendGrid account has used up its credits.", "Wait until the credits are renewed, or upgrade the plan; meanwhile it is retried by the retry policy.",
        "استُنفد رصيد حساب SendGrid.", "انتظر تجديد الرصيد أو رقِّ الخطة؛ وإلى ذلك الحين تُعاد المحاولة وفق السياسة.";
    "sendgrid_wrong_region":
        "SendGrid does not serve this account in this region.", "Choose the `region` in which the account or subuser was created.",
        "لا يخدم SendGrid هذا الحساب في هذه المنطقة.", "اختر في الحقل region المنطقة التي أُنشئ فيها الحساب أو المستخدم الفرعي.";
    "sendgrid_recipient_refused":
        "SendGrid refused the recipient's address.", "Correct or remove the recipient's address.",
        "رفض SendGrid عنوان المستلم.", "صحّح عنوان المستلم أو احذفه.";
    "sendgrid_message_refused":
        "SendGrid refused the message for good.", "Read SendGrid's words, which name the field; mend the message.",
        "رفض SendGrid الرسالة نهائيًا.", "اقرأ رد SendGrid الذي يذكر الحقل، ثم أصلح الرسالة.";
    "postmark_token_refused":
        "Postmark refused the server token.", "Enter a current server API token from the page API Tokens of the server, not an account token.",
        "رفض Postmark رمز الخادم.", "أدخل رمز خادم ساريًا من صفحة API Tokens الخاصة بالخادم، لا رمز الحساب.";
    "postmark_sender_refused":
        "Postmark refused the sender address.", "Add and confirm a sender signature for the `from_address` in Postmark or verify its domain, or use an address that is confirmed.",
        "رفض Postmark عنوان المرسل.", "أضف توقيع مرسل للعنوان from_address في Postmark وأكّده أو وثّق نطاقه، أو استخدم عنوانًا مؤكّدًا.";
    "postmark_account_restricted":
        "The Postmark account may not send this for now: no credits, approval pending, or suspended.", "Read Postmark's words and see to the account in Postmark; meanwhile it is retried by the retry policy.",
        "لا يُسمح لحساب Postmark بهذا الإرسال حاليًا: لا رصيد، أو الموافقة معلّقة، أو الحساب موقوف.", "اقرأ رد Postmark وعالج حالة الحساب هناك؛ وإلى ذلك الحين تُعاد المحاولة وفق السياسة.";
    "postmark_stream_refused":
        "Postmark does not send through this message stream.", "Enter in `message_stream` the id of a stream of this server from which mail is sent, such as `outbound`.",
        "لا يرسل Postmark عبر مسار الرسائل هذا.", "أدخل في message_stream معرّف مسار إرسال على هذا الخادم، مثل outbound.";
    "postmark_recipient_inactive":
        "Postmark no longer delivers to this recipient: an earlier message bounced for good, was reported as spam, or the address was suppressed.", "Correct or remove the address, or reactivate it in Postmark once it works again.",
        "لم يعد Postmark يسلّم إلى هذا المستلم: ارتدّت رسالة سابقة نهائيًا أو أُبلغ عنها كبريد مزعج أو حُظر العنوان.", "صحّح العنوان أو احذفه، أو أعد تفعيله في Postmark متى صار يعمل.";
    "postmark_message_refused":
        "Postmark refused the message for good.", "Read Postmark's words; an address or the content is the usual cause.",
        "رفض Postmark الرسالة نهائيًا.", "اقرأ رد Postmark؛ فالسبب المعتاد هو أحد العناوين أو المحتوى.";
    "slack_login_refused":
        "Slack refused the token.", "Reinstall the app in the workspace and enter its current bot token.",
        "رفض Slack رمز الوصول.", "أعد تثبيت التطبيق في مساحة العمل وأدخل رمز البوت الحالي.";
    "slack_missing_scope":
        "The Slack app lacks a permission.", "Add the scope named in Slack's words (usually `chat:write`) and reinstall the app.",
        "ينقص تطبيق Slack إذن مطلوب.", "أضف الصلاحية المذكورة في رد Slack (غالبًا chat:write) ثم أعد تثبيت التطبيق.";
    "slack_channel_not_found":
        "Slack does not know the channel or person.", "Check the channel id, or invite the app to the private channel.",
        "لا يعرف Slack هذه القناة أو هذا الشخص.", "تحقق من معرّف القناة، أو ادعُ التطبيق إلى القناة الخاصة.";
    "slack_channel_closed":
        "The Slack channel is archived or posting there is restricted.", "Choose a channel in which the app may post.",
        "قناة Slack مؤرشفة أو النشر فيها مقيّد.", "اختر قناة يُسمح للتطبيق بالنشر فيها.";
    "slack_webhook_gone":
        "The Slack incoming webhook no longer exists.", "Create a new incoming webhook in Slack and enter its URL.",
        "لم يعد رابط Slack الوارد موجودًا.", "أنشئ رابطًا واردًا جديدًا في Slack وأدخل عنوانه.";
    "slack_rejected":
        "Slack refused the message for good.", "Read Slack's words; the message's format or size is the usual cause.",
        "رفض Slack الرسالة نهائيًا.", "اقرأ رد Slack؛ فالسبب المعتاد هو تنسيق الرسالة أو حجمها.";
    "rate_limited":
        "The provider asked us to slow down.", "Nothing to do: the channel pauses and goes on by itself. Lower the limits if it happens often.",
        "طلب المزوّد الإبطاء.", "لا يلزم أي إجراء: تتوقف القناة مؤقتًا ثم تتابع تلقائيًا. خفّض الحدود إذا تكرر ذلك.";
    "provider_error":
        "The provider had an error of its own.", "Nothing to do: it is retried by the retry policy. See the provider's status page if it lasts.",
        "حدث خطأ لدى المزوّد.", "لا يلزم أي إجراء: ستُعاد المحاولة وفق السياسة. راجع صفحة حالة المزوّد إذا استمر الخطأ.";
    "provider_protocol":
        "The provider's answer was not understood.", "Check the address; if it is right, report it with the provider's words.",
        "لم يُفهم رد المزوّد.", "تحقق من العنوان؛ وإن كان صحيحًا فأبلغ عنه مع رد المزوّد.";
    "settings_invalid":
        "The integration's settings or secrets cannot be used.", "Save the integration again with valid settings.",
        "لا يمكن استخدام إعدادات التكامل أو أسراره.", "احفظ التكامل من جديد بإعدادات صحيحة.";
    "secret_unreadable":
        "The stored secret could not be decrypted.", "Enter the secret again; if it happens again, check the KMS key's policy.",
        "تعذّر فك تشفير السر المخزّن.", "أدخل السر من جديد؛ وإن تكرر الأمر فتحقق من سياسة مفتاح KMS.";
    "template_failed":
        "The message could not be made from the template.", "Give the variable that the words name, or mend the template.",
        "تعذّر إنشاء الرسالة من القالب.", "أضف المتغيّر المذكور أو أصلح القالب.";
    "integration_deleted":
        "The integration was deleted before the message was sent.", "Send again through another integration.",
        "حُذف التكامل قبل إرسال الرسالة.", "أعد الإرسال عبر تكامل آخر.";
    "campaign_cancelled":
        "The campaign was cancelled before the message was sent.", "Send it in a new campaign if it is still wanted.",
        "أُلغيت الحملة قبل إرسال الرسالة.", "أرسلها في حملة جديدة إذا كانت لا تزال مطلوبة.";
    "poison":
        "The stored delivery could not be understood.", "Report it with the delivery's id: it is a defect of ours.",
        "تعذّر فهم بيانات التسليم المخزّنة.", "أبلغ عنه مع معرّف التسليم: هذا خلل من جهتنا.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_in_both_languages() {
        for code in CODES {
            let words = explain(code).unwrap();
            for text in [words.en, words.fix_en, words.ar, words.fix_ar] {
                assert!(!text.is_empty(), "{code}");
            }
            assert!(words.ar.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c)), "{code}: {}", words.ar);
        }
        assert_eq!(explain("no such code"), None);
    }

    #[test]
    fn details_are_one_line_of_bounded_length() {
        let failure = Failure::new(FailureKind::Permanent, "provider_error", &format!("a\r\nb{}", "x".repeat(999)));
        assert_eq!(failure.detail.chars().count(), DETAIL_MAX_CHARS);
        assert!(failure.detail.starts_with("a  b"));
    }
}
