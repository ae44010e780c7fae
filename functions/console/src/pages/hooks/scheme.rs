//! What the schemes are for, and what is to be done at each provider. See `docs/webhooks-inbound.md`.

use crate::{language::Language, view::View};
use domain::hook::SchemeName;

/// A scheme in the reader's language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guide {
    /// Whose calls it takes.
    pub(super) about: &'static str,
    /// Where to paste the address, and from where the secret comes or where it goes.
    pub(super) steps: &'static str,
    /// How a call proves itself.
    pub(super) proof: &'static str,
}

/// What a scheme is for.
pub(super) const fn guide(view: &View, scheme: SchemeName) -> Guide {
    let (english, arabic) = both(scheme);
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// Whether calls carry a time that is signed, so that old ones can be told.
pub(super) const fn signs_time(scheme: SchemeName) -> bool {
    match scheme {
        SchemeName::Hmac
        | SchemeName::StandardWebhooks
        | SchemeName::Slack
        | SchemeName::Stripe
        | SchemeName::Sendgrid
        | SchemeName::Bamboohr => true,
        SchemeName::Github
        | SchemeName::Shopify
        | SchemeName::Twilio
        | SchemeName::Graph
        | SchemeName::Greenhouse
        | SchemeName::Checkr
        | SchemeName::Jira => false,
    }
}

#[expect(clippy::too_many_lines, reason = "a table of words")]
const fn both(scheme: SchemeName) -> (Guide, Guide) {
    match scheme {
        SchemeName::Hmac => (
            Guide {
                about: "Your own systems, or any that sign with a shared secret: you say which header and what is signed.",
                steps: "Enter the address at your sender, and let it sign each call with the secret, as set here.",
                proof: "the HMAC in the header that is named here",
            },
            Guide {
                about: "أنظمتك أو أي نظام يوقّع بسر مشترك: تحدد أنت الترويسة وما يُوقَّع.",
                steps: "أدخل العنوان لدى المرسل، ودعه يوقّع كل طلب بالسر كما هو محدد هنا.",
                proof: "توقيع HMAC في الترويسة المسماة هنا",
            },
        ),
        SchemeName::StandardWebhooks => (
            Guide {
                about: "Senders that follow standardwebhooks.com, and those that send through Svix.",
                steps: "Add the address as an endpoint at the sender. Enter our secret there, or the one that it shows (whsec_...) here.",
                proof: "HMAC-SHA256 of id, time and body in webhook-signature",
            },
            Guide {
                about: "الأنظمة التي تتبع standardwebhooks.com، ومن يرسل عبر Svix.",
                steps: "أضف العنوان كنقطة استقبال لدى المرسل. أدخل سرنا هناك، أو أدخل هنا السر الذي يعرضه (‎whsec_...‎).",
                proof: "HMAC-SHA256 للمعرّف والوقت والمحتوى في webhook-signature",
            },
        ),
        SchemeName::Slack => (
            Guide {
                about: "A Slack app's events, interactions and slash commands.",
                steps: "At api.slack.com, open your app. Basic Information shows the Signing Secret, to be entered here. Then paste the address at Event Subscriptions, Interactivity or Slash Commands.",
                proof: "HMAC-SHA256 of time and body in X-Slack-Signature",
            },
            Guide {
                about: "أحداث تطبيق Slack وتفاعلاته وأوامره.",
                steps: "افتح تطبيقك في api.slack.com. تعرض صفحة Basic Information قيمة Signing Secret لتُدخلها هنا، ثم ألصق العنوان في Event Subscriptions أو Interactivity أو Slash Commands.",
                proof: "HMAC-SHA256 للوقت والمحتوى في X-Slack-Signature",
            },
        ),
        SchemeName::Github => (
            Guide {
                about: "A repository or organisation at GitHub.",
                steps: "In the repository or organisation: Settings, Webhooks, Add webhook. Paste the address as Payload URL, choose the content type application/json, and paste the secret as Secret.",
                proof: "HMAC-SHA256 of the body in X-Hub-Signature-256",
            },
            Guide {
                about: "مستودع أو مؤسسة في GitHub.",
                steps: "في المستودع أو المؤسسة: Settings ثم Webhooks ثم Add webhook. ألصق العنوان في Payload URL، واختر نوع المحتوى application/json، وألصق السر في Secret.",
                proof: "HMAC-SHA256 للمحتوى في X-Hub-Signature-256",
            },
        ),
        SchemeName::Stripe => (
            Guide {
                about: "Payments, invoices and customers at Stripe.",
                steps: "In the dashboard: Developers, Webhooks, Add endpoint, and paste the address. The endpoint's page then shows the Signing secret (whsec_...): rotate the secret here to enter it, or make the endpoint first.",
                proof: "HMAC-SHA256 of time and body in Stripe-Signature",
            },
            Guide {
                about: "المدفوعات والفواتير والعملاء في Stripe.",
                steps: "في لوحة Stripe: Developers ثم Webhooks ثم Add endpoint، وألصق العنوان. تعرض صفحة نقطة الاستقبال قيمة Signing secret (‎whsec_...‎): بدّل السر هنا لإدخالها، أو أنشئ النقطة أولًا.",
                proof: "HMAC-SHA256 للوقت والمحتوى في Stripe-Signature",
            },
        ),
        SchemeName::Shopify => (
            Guide {
                about: "Orders, products and customers of a Shopify shop.",
                steps: "In the shop: Settings, Notifications, Webhooks. Paste the address; the key that signs is shown below the list. For an app's subscriptions it is the app's client secret.",
                proof: "HMAC-SHA256 of the body in X-Shopify-Hmac-Sha256",
            },
            Guide {
                about: "طلبات متجر Shopify ومنتجاته وعملاؤه.",
                steps: "في المتجر: Settings ثم Notifications ثم Webhooks. ألصق العنوان؛ مفتاح التوقيع معروض أسفل القائمة. أما اشتراكات التطبيقات فمفتاحها هو client secret للتطبيق.",
                proof: "HMAC-SHA256 للمحتوى في X-Shopify-Hmac-Sha256",
            },
        ),
        SchemeName::Twilio => (
            Guide {
                about: "Messages and calls at Twilio.",
                steps: "At the phone number or service, paste the address as the webhook's URL. The Auth Token, to be entered here, is on the console's first page.",
                proof: "HMAC-SHA1 of address and parameters in X-Twilio-Signature",
            },
            Guide {
                about: "الرسائل والمكالمات في Twilio.",
                steps: "ألصق العنوان كرابط للويب هوك عند الرقم أو الخدمة. قيمة Auth Token، التي تُدخلها هنا، معروضة في الصفحة الأولى من لوحة Twilio.",
                proof: "HMAC-SHA1 للعنوان والمعاملات في X-Twilio-Signature",
            },
        ),
        SchemeName::Sendgrid => (
            Guide {
                about: "What became of mail that was sent with SendGrid.",
                steps: "In SendGrid: Settings, Mail Settings, Event Webhook. Paste the address, switch Signature Verification on, and enter the Verification Key here.",
                proof: "an ECDSA signature of time and body",
            },
            Guide {
                about: "مصير البريد المرسل عبر SendGrid.",
                steps: "في SendGrid: Settings ثم Mail Settings ثم Event Webhook. ألصق العنوان، وفعّل Signature Verification، وأدخل هنا قيمة Verification Key.",
                proof: "توقيع ECDSA للوقت والمحتوى",
            },
        ),
        SchemeName::Graph => (
            Guide {
                about: "Change notifications of Microsoft 365: mail, calendars, users, files.",
                steps: "Create the subscription (POST /subscriptions at Microsoft Graph) with the address as notificationUrl and the secret as clientState. Graph asks the address at once whether it is yours; that is answered.",
                proof: "the clientState that every notification repeats",
            },
            Guide {
                about: "إشعارات التغيير في Microsoft 365: البريد والتقويمات والمستخدمون والملفات.",
                steps: "أنشئ الاشتراك (POST /subscriptions في Microsoft Graph) بالعنوان في notificationUrl والسر في clientState. يسأل Graph العنوان فورًا هل هو لك، ويُجاب عن ذلك.",
                proof: "قيمة clientState التي يكررها كل إشعار",
            },
        ),
        SchemeName::Greenhouse => (
            Guide {
                about: "Candidates and hires at Greenhouse.",
                steps: "In Greenhouse: Configure, Dev Center, Web Hooks. Paste the address as Endpoint URL and the secret as Secret key.",
                proof: "HMAC-SHA256 of the body in Signature",
            },
            Guide {
                about: "المرشحون والتعيينات في Greenhouse.",
                steps: "في Greenhouse: Configure ثم Dev Center ثم Web Hooks. ألصق العنوان في Endpoint URL والسر في Secret key.",
                proof: "HMAC-SHA256 للمحتوى في Signature",
            },
        ),
        SchemeName::Bamboohr => (
            Guide {
                about: "Changes of employees at BambooHR.",
                steps: "In BambooHR: Account, Webhooks. Paste the address, generate the Private Key, and enter it here.",
                proof: "HMAC-SHA256 of body and time in X-BambooHR-Signature",
            },
            Guide {
                about: "تغييرات الموظفين في BambooHR.",
                steps: "في BambooHR: Account ثم Webhooks. ألصق العنوان، وولّد قيمة Private Key، وأدخلها هنا.",
                proof: "HMAC-SHA256 للمحتوى والوقت في X-BambooHR-Signature",
            },
        ),
        SchemeName::Checkr => (
            Guide {
                about: "Background checks at Checkr.",
                steps: "In Checkr: Account Settings, Developer Settings, Webhooks. Paste the address. The secret, to be entered here, is your API key.",
                proof: "HMAC-SHA256 of the body in X-Checkr-Signature",
            },
            Guide {
                about: "التحقق من الخلفيات في Checkr.",
                steps: "في Checkr: Account Settings ثم Developer Settings ثم Webhooks. ألصق العنوان. السر الذي تُدخله هنا هو مفتاح API الخاص بك.",
                proof: "HMAC-SHA256 للمحتوى في X-Checkr-Signature",
            },
        ),
        SchemeName::Jira => (
            Guide {
                about: "Issues and pages at Jira and Confluence Cloud.",
                steps: "In Jira: Settings, System, WebHooks. Paste the address as URL and the secret as Secret.",
                proof: "HMAC-SHA256 of the body in X-Hub-Signature",
            },
            Guide {
                about: "المهام والصفحات في Jira وConfluence السحابيين.",
                steps: "في Jira: Settings ثم System ثم WebHooks. ألصق العنوان في URL والسر في Secret.",
                proof: "HMAC-SHA256 للمحتوى في X-Hub-Signature",
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_explained_in_both_languages() {
        let is_arabic = |text: &str| text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
        for scheme in SchemeName::ALL {
            let (english, arabic) = both(*scheme);
            for (en, ar) in
                [(english.about, arabic.about), (english.steps, arabic.steps), (english.proof, arabic.proof)]
            {
                assert!(!en.is_empty() && !is_arabic(en) && is_arabic(ar), "{scheme}");
            }
        }
    }
}
