//! What integrations do about a failure that may pass, and about an outcome that nobody knows, in words.

use crate::view::View;
use domain::{channel::OnUnknown, retry::RetryPolicy};

/// When a failed message is tried again.
pub(crate) const fn policy(view: &View, policy: RetryPolicy) -> &'static str {
    match policy {
        RetryPolicy::Exponential => {
            view.say("After 5 s, 30 s, 5 min, 30 min and 2 h", "بعد 5 ث و30 ث و5 د و30 د وساعتين")
        }
        RetryPolicy::Immediate => view.say("3 times, 5 seconds apart", "3 مرات كل 5 ثوانٍ"),
        RetryPolicy::Standard => view.say("10 times over about three days", "10 مرات على مدى ثلاثة أيام تقريبًا"),
        RetryPolicy::Manual => view.say("Never by itself", "لا تُعاد تلقائيًا"),
    }
}

/// What is done if it is not known whether a message arrived.
pub(crate) const fn unknown(view: &View, choice: OnUnknown) -> &'static str {
    match choice {
        OnUnknown::Retry => view.say("Send it again: nobody misses it", "إرسالها ثانية: فلا تفوت أحدًا"),
        OnUnknown::Hold => view.say("Keep it for a person: nobody gets it twice", "إبقاؤها لشخص يقرر: فلا تصل مرتين"),
    }
}
