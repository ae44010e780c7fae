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

/// Whether an attempt that ended with this code may have handed the message over: those that providers give with
/// [`FailureKind::Unknown`].
#[must_use]
pub fn leaves_doubt(code: &str) -> bool {
    matches!(code, "timeout" | "connection_lost" | "interrupted" | "provider_protocol" | "smtp_protocol")
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
    "recipient_suppressed":
        "Nothing was sent, because the address is on your suppression list.", "Use another address, or take it from the list with DELETE /v1/suppressions/{address} once it works again.",
        "لم يُرسل شيء لأن العنوان مدرج في قائمة المنع لديك.", "استخدم عنوانًا آخر، أو احذفه من القائمة عبر ‎DELETE /v1/suppressions/{address}‎ بعد أن يعمل من جديد.";
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
        "تعذّر فهم رد الخادم وفق بروتوكول SMTP.", "تحقق من أن المضيف والمنفذ يعودان إلى خادم إرسال SMTP.";
    "address_invalid":
        "The recipient's address is not valid for this channel.", "Correct the recipient's address.",
        "عنوان المستلم غير صالح لهذه القناة.", "صحّح عنوان المستلم.";
    "sendgrid_key_refused":
        "SendGrid refused the API key.", "Create an API key with the permission Mail Send and enter it; a key of an EU subuser needs the region `eu`.",
        "رفض SendGrid مفتاح API.", "أنشئ مفتاحًا بصلاحية Mail Send وأدخله؛ ومفتاح المستخدم الفرعي الأوروبي يتطلب المنطقة eu.";
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
    "ses_key_refused":
        "Amazon SES refused the access key.", "Enter an active access key id and the secret access key that belongs to it; keys of another AWS partition are not known.",
        "رفض Amazon SES مفتاح الوصول.", "أدخل معرّف مفتاح وصول فعّالًا والمفتاح السري المطابق له؛ فمفاتيح أقسام AWS الأخرى غير معروفة.";
    "ses_not_permitted":
        "The access key may not do this in Amazon SES.", "Give its IAM user the permission that SES's words name: ses:SendEmail, or ses:GetAccount for the test.",
        "لا يملك مفتاح الوصول صلاحية لهذا الإجراء في Amazon SES.", "امنح مستخدم IAM الصلاحية المذكورة في الرد: ‎ses:SendEmail أو ‎ses:GetAccount للاختبار.";
    "ses_clock_off":
        "Amazon SES refused the time of the request's signature.", "Nothing to mend in the settings: the hub's clock and AWS's differ by more than five minutes. Tell the operator if it lasts.",
        "رفض Amazon SES وقت توقيع الطلب.", "لا يلزم إصلاح شيء في الإعدادات: يختلف توقيت المنصة عن توقيت AWS بأكثر من خمس دقائق. أبلغ المشغّل إذا استمر ذلك.";
    "ses_sender_refused":
        "Amazon SES refused the sender address.", "Verify the `from_address` or its domain as an identity in SES, in the `region` of the integration.",
        "رفض Amazon SES عنوان المرسل.", "وثّق العنوان from_address أو نطاقه كهوية في SES وفي المنطقة region نفسها.";
    "ses_sandbox":
        "The Amazon SES account is in the sandbox, so it sends to verified addresses only.", "Request production access for this region in the SES console, or verify the recipient's address there; meanwhile it is retried by the retry policy.",
        "حساب Amazon SES في البيئة التجريبية، فلا يرسل إلا إلى عناوين موثّقة.", "اطلب الوصول إلى بيئة الإنتاج لهذه المنطقة من لوحة SES، أو وثّق عنوان المستلم هناك؛ وإلى ذلك الحين تُعاد المحاولة وفق السياسة.";
    "ses_sending_paused":
        "Sending is paused for the Amazon SES account or its configuration set.", "Look at the account's reputation dashboard in the SES console, settle what AWS asks, and resume sending; meanwhile it is retried by the retry policy.",
        "الإرسال متوقف لحساب Amazon SES أو لمجموعة الإعدادات.", "راجع لوحة السمعة في SES وعالج ما تطلبه AWS ثم استأنف الإرسال؛ وإلى ذلك الحين تُعاد المحاولة وفق السياسة.";
    "ses_quota_used_up":
        "The Amazon SES account has used up its quota of the last 24 hours.", "Wait, or request a higher sending quota in the SES console; the channel pauses and goes on by itself.",
        "استنفد حساب Amazon SES حصته لآخر 24 ساعة.", "انتظر أو اطلب رفع الحصة من لوحة SES؛ تتوقف القناة مؤقتًا ثم تتابع تلقائيًا.";
    "ses_configuration_set_unknown":
        "Amazon SES does not know the configuration set in this region.", "Create the configuration set in the `region` of the integration, or correct its name in `configuration_set`.",
        "لا يعرف Amazon SES مجموعة الإعدادات في هذه المنطقة.", "أنشئ مجموعة الإعدادات في المنطقة region، أو صحّح اسمها في configuration_set.";
    "ses_message_refused":
        "Amazon SES refused the message for good.", "Read SES's words; an address that is malformed or the content is the usual cause.",
        "رفض Amazon SES الرسالة نهائيًا.", "اقرأ رد SES؛ فالسبب المعتاد عنوان غير صحيح أو المحتوى.";
    "slack_login_refused":
        "Slack refused the token.", "Reinstall the app in the workspace and enter its current bot token.",
        "رفض Slack رمز الوصول.", "أعد تثبيت التطبيق في مساحة العمل وأدخل رمز البوت الحالي.";
    "slack_missing_scope":
        "The Slack app lacks a permission.", "Add the scope named in Slack's words (usually `chat:write`) and reinstall the app.",
        "تنقص تطبيق Slack صلاحية مطلوبة.", "أضف الصلاحية المذكورة في رد Slack (غالبًا chat:write) ثم أعد تثبيت التطبيق.";
    "slack_channel_not_found":
        "Slack does not know the channel or person.", "Check the channel id, or invite the app to the private channel.",
        "لا يعرف Slack هذه القناة أو هذا الشخص.", "تحقق من معرّف القناة، أو ادعُ التطبيق إلى القناة الخاصة.";
    "slack_channel_closed":
        "The Slack channel is archived or posting there is restricted.", "Choose a channel in which the app may post.",
        "قناة Slack مؤرشفة أو النشر فيها مقيّد.", "اختر قناة يُسمح للتطبيق بالنشر فيها.";
    "slack_webhook_gone":
        "The Slack incoming webhook no longer exists.", "Create a new incoming webhook in Slack and enter its URL.",
        "لم يعد خطاف الويب الوارد (incoming webhook) موجودًا في Slack.", "أنشئ خطاف ويب واردًا جديدًا في Slack وأدخل عنوانه.";
    "slack_rejected":
        "Slack refused the message for good.", "Read Slack's words; the message's format or size is the usual cause.",
        "رفض Slack الرسالة نهائيًا.", "اقرأ رد Slack؛ فالسبب المعتاد هو تنسيق الرسالة أو حجمها.";
    "teams_address_refused":
        "The Teams workflow refused the address: its signature is wrong or incomplete, or it wants a sign-in.", "Let anyone trigger the workflow (\"Who can trigger the flow?\"), copy its URL anew and enter all of it.",
        "رفض سير عمل Teams العنوان: توقيعه خاطئ أو ناقص، أو أنه يتطلب تسجيل الدخول.", "اسمح لأي شخص بتشغيل سير العمل، ثم انسخ عنوانه من جديد وأدخله كاملًا.";
    "teams_workflow_gone":
        "The Teams workflow no longer exists.", "Create the workflow again in Teams and enter its new URL.",
        "لم يعد سير عمل Teams موجودًا.", "أنشئ سير العمل من جديد في Teams وأدخل عنوانه الجديد.";
    "teams_workflow_off":
        "The Teams workflow is switched off.", "Switch it on in the Workflows app of Teams; Microsoft also switches off workflows whose owner has left.",
        "سير عمل Teams متوقف.", "شغّله من تطبيق Workflows في Teams؛ كما توقف Microsoft عمليات سير العمل التي غادر مالكها.";
    "teams_message_too_large":
        "The message is larger than the 28 KB that Teams takes.", "Shorten the text.",
        "الرسالة أكبر من 28 كيلوبايت، وهو الحد الذي يقبله Teams.", "اختصر النص.";
    "teams_rejected":
        "The Teams workflow refused the message for good.", "Read the workflow's words and its run history; the message's format or a changed workflow is the usual cause.",
        "رفض سير عمل Teams الرسالة نهائيًا.", "اقرأ رد سير العمل وسجل تشغيله؛ فالسبب المعتاد هو تنسيق الرسالة أو تعديل سير العمل.";
    "m365_directory_not_found":
        "Microsoft Entra ID does not know this directory.", "Enter in `directory_id` the Directory (tenant) ID from the app registration's overview.",
        "لا يعرف Microsoft Entra ID هذا الدليل.", "أدخل في directory_id معرّف الدليل (المستأجر) من صفحة تسجيل التطبيق.";
    "m365_app_not_found":
        "The directory has no app with this client id.", "Enter in `client_id` the Application (client) ID of an app that is registered in this directory.",
        "لا يوجد في الدليل تطبيق بهذا المعرّف.", "أدخل في client_id معرّف التطبيق (العميل) لتطبيق مسجّل في هذا الدليل.";
    "m365_login_refused":
        "Microsoft refused the app's client secret, or the token made with it.", "Create a new client secret under Certificates & secrets and enter its value, not its id; secrets expire.",
        "رفضت Microsoft السر الخاص بالتطبيق أو الرمز الصادر به.", "أنشئ سرًا جديدًا ضمن Certificates & secrets وأدخل قيمته لا معرّفه؛ فالأسرار تنتهي صلاحيتها.";
    "m365_certificate_refused":
        "Microsoft refused the app's certificate.", "Upload the certificate in `certificate` to the app registration, and enter the private key that belongs to it.",
        "رفضت Microsoft شهادة التطبيق.", "ارفع الشهادة الموجودة في certificate إلى تسجيل التطبيق، وأدخل المفتاح الخاص المطابق لها.";
    "m365_consent_missing":
        "No administrator has consented to the app in this directory.", "Under API permissions choose Grant admin consent, then test again.",
        "لم يمنح أي مسؤول الموافقة للتطبيق في هذا الدليل.", "ضمن API permissions اختر Grant admin consent ثم أعد الاختبار.";
    "m365_permission_missing":
        "The app may not use attack simulation.", "Add the application permission AttackSimulation.ReadWrite.All for Microsoft Graph, grant admin consent, and test again in some minutes.",
        "لا يملك التطبيق صلاحية محاكاة الهجمات.", "أضف صلاحية التطبيق AttackSimulation.ReadWrite.All في Microsoft Graph وامنح موافقة المسؤول، ثم أعد الاختبار بعد دقائق.";
    "m365_licence_missing":
        "The Microsoft 365 tenant has no licence for attack simulation training.", "Attack simulation training comes with Microsoft Defender for Office 365 Plan 2, alone or within Microsoft 365 E5.",
        "لا يملك مستأجر Microsoft 365 ترخيصًا للتدريب على محاكاة الهجمات.", "يأتي التدريب على محاكاة الهجمات مع Microsoft Defender for Office 365 Plan 2 منفردًا أو ضمن Microsoft 365 E5.";
    "m365_payload_not_found":
        "Microsoft 365 does not know the payload.", "Enter in `payload_id` the id of a payload of this tenant's content library.",
        "لا يعرف Microsoft 365 هذه الحمولة.", "أدخل في payload_id معرّف حمولة من مكتبة المحتوى لهذا المستأجر.";
    "m365_payload_unfit":
        "The payload cannot be used as it is: it is not ready, or made for another attack technique.", "Finish the payload in Microsoft 365, or choose the `attack_technique` that it was made for.",
        "لا يمكن استخدام الحمولة كما هي: فهي غير جاهزة أو مُعدّة لأسلوب هجوم آخر.", "أكمل إعداد الحمولة في Microsoft 365، أو اختر في attack_technique الأسلوب الذي أُعدّت له.";
    "m365_page_not_found":
        "Microsoft 365 does not know the landing page or login page.", "Enter in `landing_page_id` and `login_page_id` ids of pages of this tenant's content library, or leave them out.",
        "لا يعرف Microsoft 365 صفحة الوصول أو صفحة تسجيل الدخول.", "أدخل في landing_page_id وlogin_page_id معرّفات صفحات من مكتبة المحتوى لهذا المستأجر، أو اتركهما فارغين.";
    "m365_target_not_allowed":
        "A dry run may name the tenant's test users only.", "Add the user to the list with PATCH /v1/settings {\"sandbox\": {\"m365\": [...]}}, or leave the address out.",
        "لا يجوز أن يتضمن التشغيل التجريبي إلا المستخدمين التجريبيين للمستأجر.", "أضف المستخدم إلى القائمة عبر ‎PATCH /v1/settings {\"sandbox\": {\"m365\": [...]}}‎ أو احذف العنوان.";
    "m365_simulation_refused":
        "Microsoft 365 refused the simulation for good.", "Read Microsoft's words, which name the field; often a target is no mailbox of this tenant, or the payload needs a login page.",
        "رفض Microsoft 365 المحاكاة نهائيًا.", "اقرأ رد Microsoft الذي يذكر الحقل؛ فغالبًا ما يكون أحد المستهدفين دون صندوق بريد في هذا المستأجر أو تحتاج الحمولة إلى صفحة تسجيل دخول.";
    "m365_simulation_failed":
        "Microsoft 365 could not run the simulation.", "Open the simulation in the Microsoft Defender portal under Attack simulation training; it says why.",
        "تعذّر على Microsoft 365 تشغيل المحاكاة.", "افتح المحاكاة في بوابة Microsoft Defender ضمن Attack simulation training لمعرفة السبب.";
    "m365_simulation_gone":
        "Microsoft 365 does not know the simulation any more.", "Somebody may have deleted it in the portal; its results so far are kept.",
        "لم يعد Microsoft 365 يعرف هذه المحاكاة.", "ربما حذفها أحدهم من البوابة؛ ويُحتفظ بنتائجها حتى الآن.";
    "m365_not_a_draft":
        "The trial simulation is not the draft that was asked for.", "Look at it in the Microsoft Defender portal at once and cancel it there if it is scheduled.",
        "المحاكاة التجريبية ليست المسودة المطلوبة.", "افحصها فورًا في بوابة Microsoft Defender وألغها هناك إن كانت مجدولة.";
    "oidc_discovery_failed":
        "The provider's discovery document could not be read.", "Check the issuer: its URL followed by `/.well-known/openid-configuration` must answer a document of OpenID Connect.",
        "تعذّرت قراءة وثيقة الاكتشاف لدى المزوّد.", "تحقق من المُصدر: يجب أن يعرض عنوانه متبوعًا بـ ‎/.well-known/openid-configuration وثيقة OpenID Connect.";
    "oidc_issuer_mismatch":
        "The provider calls itself by another issuer.", "Enter the issuer exactly as the discovery document spells it, slashes included.",
        "يعرّف المزوّد نفسه بمُصدر آخر.", "أدخل المُصدر كما تكتبه وثيقة الاكتشاف تمامًا بما في ذلك الشرطات المائلة.";
    "oidc_no_keys":
        "The provider's keys could not be read, or none is of use.", "Let the provider sign with RS256, PS256 or ES256 and publish the keys at its `jwks_uri`.",
        "تعذّرت قراءة مفاتيح المزوّد أو لا يصلح أي منها.", "اجعل المزوّد يوقّع بـ RS256 أو PS256 أو ES256 وينشر المفاتيح في jwks_uri.";
    "oidc_client_refused":
        "The provider refused the application's id or secret.", "Enter the id and a current secret of the application.",
        "رفض المزوّد معرّف التطبيق أو سرّه.", "أدخل معرّف التطبيق وسرًا ساريًا له.";
    "oidc_grant_refused":
        "The application may not ask for this kind of token.", "Allow the application the grants `authorization_code` and `client_credentials` at the provider.",
        "لا يُسمح للتطبيق بطلب هذا النوع من الرموز.", "اسمح للتطبيق لدى المزوّد بنوعي المنح authorization_code وclient_credentials.";
    "oidc_audience_refused":
        "The provider knows no API by the audience.", "Enter in `audience` what the provider calls this API; in Entra the application id URI that the page Expose an API shows, or the client id.",
        "لا يعرف المزوّد واجهة برمجية بهذا الاسم (audience).", "أدخل في audience اسم هذه الواجهة لدى المزوّد؛ وفي Entra معرّف URI الظاهر في صفحة Expose an API أو معرّف التطبيق.";
    "oidc_token_unusable":
        "The provider's access tokens are none that this API can take.", "Read the words: let the provider make signed JWTs for the `audience`, and enter what they say in `aud`.",
        "لا يمكن لهذه الواجهة البرمجية قبول رموز الوصول الصادرة عن المزوّد.", "اقرأ التفاصيل: اجعل المزوّد يصدر رموز JWT موقّعة لهذه الواجهة (audience)، وأدخل في الحقل audience ما تذكره في aud.";
    "oidc_code_refused":
        "The provider did not exchange the sign-in's code.", "Begin the sign-in again; if it lasts, check that the redirect address is registered as a web address and not for a single-page application.",
        "لم يستبدل المزوّد رمز تسجيل الدخول.", "ابدأ تسجيل الدخول من جديد؛ وإن استمر الأمر فتحقق من أن عنوان إعادة التوجيه مسجّل كتطبيق ويب لا كتطبيق صفحة واحدة.";
    "oidc_id_token_refused":
        "The provider's statement of who signed in does not hold.", "Read the words; begin the sign-in again, and report it to the provider's administrator if it lasts.",
        "بيان المزوّد عمّن سجّل الدخول غير صحيح.", "اقرأ التفاصيل وابدأ تسجيل الدخول من جديد، وأبلغ مسؤول المزوّد إن استمر الأمر.";
    "oidc_sign_in_refused":
        "The provider did not sign the person in.", "Read the provider's words; often the person is not assigned to the application or consent is missing.",
        "لم يسجّل المزوّد دخول الشخص.", "اقرأ رد المزوّد؛ فغالبًا لم يُعيَّن الشخص للتطبيق أو تنقص الموافقة.";
    "oidc_no_role":
        "The person signed in but has no role here.", "Assign the person one of the roles that the settings name; in Entra under Enterprise applications, Users and groups.",
        "سجّل الشخص دخوله لكن لا دور له هنا.", "أسند إلى الشخص أحد الأدوار المذكورة في الإعدادات؛ وفي Entra من Enterprise applications ثم Users and groups.";
    "entra_directory_unknown":
        "Entra does not know the directory.", "Enter the directory (tenant) id from the overview of the app registration.",
        "لا يعرف Entra هذا الدليل.", "أدخل معرّف الدليل (tenant id) من صفحة تسجيل التطبيق.";
    "entra_app_unknown":
        "The application does not exist in the directory.", "Enter the application (client) id of a registration in this directory.",
        "التطبيق غير موجود في هذا الدليل.", "أدخل معرّف التطبيق (client id) لتسجيل موجود في هذا الدليل.";
    "entra_secret_refused":
        "Entra refused the client secret.", "Enter the secret's value, not its id; create a new secret if the value is lost.",
        "رفض Entra سر التطبيق.", "أدخل قيمة السر لا معرّفه؛ وأنشئ سرًا جديدًا إذا فُقدت القيمة.";
    "entra_secret_expired":
        "The client secret has expired.", "Create a new client secret in the app registration and enter its value.",
        "انتهت صلاحية سر التطبيق.", "أنشئ سرًا جديدًا في تسجيل التطبيق وأدخل قيمته.";
    "entra_token_version":
        "Entra makes tokens of version 1 for this application.", "Set `requestedAccessTokenVersion` to 2 in the manifest of the app registration.",
        "يصدر Entra رموزًا من الإصدار 1 لهذا التطبيق.", "اضبط requestedAccessTokenVersion على 2 في بيان تسجيل التطبيق.";
    "endpoint_gone":
        "The endpoint answered 410 Gone: it wants no more events. It was disabled.", "If this was a mistake, mend the receiver and enable the endpoint again: what waits is posted then.",
        "أجابت نقطة النهاية بالرمز 410: لم تعد تريد أحداثًا. جرى تعطيلها.", "إن كان ذلك خطأً فأصلح المستقبِل ثم فعّل نقطة النهاية من جديد، وسيُرسل ما ينتظر.";
    "endpoint_redirected":
        "The endpoint answered with a redirect, which is never followed.", "Enter the URL that it redirects to, once you have made sure that it is yours.",
        "أجابت نقطة النهاية بإعادة توجيه، وهي لا تُتبع أبدًا.", "أدخل العنوان الذي تحيل إليه بعد التأكد من أنه لك.";
    "endpoint_busy":
        "The endpoint asked for a pause (429, 502, 503 or 504).", "Nothing to do: it is retried by the retry policy and not before the time it names. Set a limit for the endpoint if it happens often.",
        "طلبت نقطة النهاية التمهّل (429 أو 502 أو 503 أو 504).", "لا يلزم أي إجراء: تُعاد المحاولة وفق السياسة وبعد الوقت الذي تحدده. ضع حدًّا لنقطة النهاية إذا تكرر ذلك.";
    "endpoint_refused":
        "The endpoint refused the event (a 4xx answer).", "Read its answer: often the signature check, a missing header or the path is the cause. It is retried by the retry policy.",
        "رفضت نقطة النهاية الحدث (إجابة 4xx).", "اقرأ إجابتها: فغالبًا ما يكون السبب التحقق من التوقيع أو ترويسة ناقصة أو المسار. تُعاد المحاولة وفق السياسة.";
    "endpoint_error":
        "The endpoint had an error of its own (a 5xx answer).", "Look at the receiver's log. It is retried by the retry policy.",
        "حدث خطأ لدى نقطة النهاية (إجابة 5xx).", "راجع سجل المستقبِل. تُعاد المحاولة وفق السياسة.";
    "endpoint_timeout":
        "The endpoint did not answer within 30 seconds.", "Let the receiver answer at once and do its work afterwards. It is retried with the same webhook-id.",
        "لم تُجب نقطة النهاية خلال 30 ثانية.", "اجعل المستقبِل يجيب فورًا ثم ينفّذ عمله بعد ذلك. تُعاد المحاولة بالمعرّف webhook-id نفسه.";
    "endpoint_connection_lost":
        "The connection broke before the endpoint had answered.", "Look at the receiver and what stands before it. It is retried with the same webhook-id.",
        "انقطع الاتصال قبل أن تجيب نقطة النهاية.", "راجع المستقبِل وما يسبقه من وسائط. تُعاد المحاولة بالمعرّف webhook-id نفسه.";
    "endpoint_failing":
        "The endpoint has taken nothing for days. After five days it is disabled.", "Look at the last attempts' answers and mend the receiver; one success ends this.",
        "لم تستلم نقطة النهاية شيئًا منذ أيام. تُعطَّل بعد خمسة أيام.", "راجع إجابات آخر المحاولات وأصلح المستقبِل؛ ونجاح واحد ينهي ذلك.";
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
    "breaker_open":
        "Most of what was sent through it in the last minutes failed, so sending through it is paused.", "Read the errors of the last deliveries. It is tried again every 30 seconds and goes on by itself; meanwhile another integration of the channel takes over where there is one.",
        "فشل معظم ما أُرسل عبره في الدقائق الأخيرة، لذلك أُوقف الإرسال عبره مؤقتًا.", "اقرأ أخطاء آخر عمليات التسليم. تُعاد المحاولة كل 30 ثانية ويستأنف العمل تلقائيًا؛ وفي هذه الأثناء يحل محله تكامل آخر للقناة إن وُجد.";
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
