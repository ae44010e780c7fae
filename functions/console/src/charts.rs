//! Charts: drawn on the server as SVG, with a label that says what they show and the same figures as a table. Time runs with
//! the direction of the language, and nothing is told by a colour alone.

use crate::{language::Language, parts::result, view::View};
use ::api::logs::LogHour;
use domain::{
    health::HealthStatus,
    time::{HOUR_MS, Timestamp},
};
use maud::{Markup, html};

/// One moment in a chart of tests.
pub(crate) struct Point<'a> {
    pub(crate) at: &'a str,
    pub(crate) latency_ms: u64,
    pub(crate) status: HealthStatus,
}

/// Response times of tests, oldest first, as a line with its failures marked.
pub(crate) fn response_times(view: &View, points: &[Point<'_>]) -> Markup {
    let words = view.say("Response times of the last tests; the longest took", "أزمنة استجابة آخر الاختبارات؛ أطولها");
    line(view, words, points)
}

/// The median response times of longer spans, oldest first, with those marked in which something failed.
pub(crate) fn medians(view: &View, points: &[Point<'_>]) -> Markup {
    let words = view.say("Median response times; the longest is", "وسيط أزمنة الاستجابة؛ أطولها");
    line(view, words, points)
}

fn line(view: &View, words: &str, points: &[Point<'_>]) -> Markup {
    const WIDTH: usize = 640;
    const HEIGHT: u64 = 140;
    const ROOM: u64 = 10;
    if points.len() < 2 {
        return html! {};
    }
    let longest = points.iter().map(|point| point.latency_ms).max().unwrap_or(0).max(1);
    let place = |(index, point): (usize, &Point<'_>)| {
        let x = index * WIDTH / (points.len() - 1);
        let x = if view.language == Language::Arabic { WIDTH - x } else { x };
        (x, ROOM + HEIGHT - point.latency_ms * HEIGHT / longest)
    };
    let line: Vec<_> = points.iter().enumerate().map(&place).map(|(x, y)| format!("{x},{y}")).collect();
    let failed = points.iter().enumerate().filter(|(_, point)| point.status == HealthStatus::Fail);
    let label = format!("{words} {}", view.ms(longest));
    html! {
        figure.chart {
            svg viewBox="0 0 640 160" role="img" aria-label=(label) preserveAspectRatio="none" {
                line.axis x1="0" y1="150" x2="640" y2="150" {}
                line.grid x1="0" y1="80" x2="640" y2="80" {}
                line.grid x1="0" y1="10" x2="640" y2="10" {}
                polyline points=(line.join(" ")) {}
                @for (x, y) in failed.map(&place) { path.failed d={ "M" (x) "," (y) "h0" } {} }
            }
            figcaption { (label) }
            (as_table(view, &label, [
                view.say("When", "متى"), view.say("Result", "النتيجة"), view.say("Time taken", "المدة"),
            ], points.iter().rev().map(|point| [view.time(point.at), result(view, point.status), html! { (view.ms(point.latency_ms)) }])))
        }
    }
}

/// What a chart shows, for those who do not see it, and for those who want the figures.
fn as_table(view: &View, label: &str, columns: [&str; 3], rows: impl Iterator<Item = [Markup; 3]>) -> Markup {
    html! {
        details {
            summary { (view.say("The same as a table", "البيانات نفسها في جدول")) }
            div.scroll tabindex="0" role="region" aria-label=(label) {
                table {
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                    tbody { @for [when, one, other] in rows { tr { td { (when) } td { (one) } td { (other) } } } }
                }
            }
        }
    }
}

/// How finely time is told below a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    Hour,
    Hours,
    Day,
}

impl Grain {
    /// The beginning of a span. The script shows it in the viewer's zone.
    fn told(self, at: Timestamp) -> Markup {
        let text = at.to_rfc3339();
        let (name, shown) = match self {
            Self::Hour => ("clock", text.get(11..16)),
            Self::Hours => ("moment", text.get(..16)),
            Self::Day => ("day", text.get(..10)),
        };
        html! { time datetime=(text) data-as=(name) dir="ltr" { (shown.unwrap_or_default().replace('T', " ")) " UTC" } }
    }
}

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) at: Timestamp,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// Spans of `hours` each, `count` of them from `since` on; those in which nothing happened are there, too.
pub(crate) fn spans(
    since: Timestamp,
    (count, hours): (i64, i64),
    counted: &[LogHour],
    figures: impl Fn(&LogHour) -> (u64, u64),
) -> Vec<Bar> {
    let span_ms = hours * HOUR_MS;
    let mut bars: Vec<_> = (0..count).map(|n| Bar { at: since.plus_ms(n * span_ms), good: 0, bad: 0 }).collect();
    for hour in counted {
        let Some(at) = Timestamp::parse(&hour.at) else { continue };
        let place = usize::try_from(at.since_ms(since).div_euclid(span_ms)).ok();
        if let Some(bar) = place.and_then(|place| bars.get_mut(place)) {
            let (good, bad) = figures(hour);
            bar.good += good;
            bar.bad += bad;
        }
    }
    bars
}

/// Spans of time as columns, oldest first: what went well, and on top of it what did not. `title` says what of, `words`
/// what the two parts are.
pub(crate) fn columns(view: &View, title: &str, words: [&str; 2], grain: Grain, bars: &[Bar]) -> Markup {
    const HEIGHT: u64 = 100;
    const STEP: usize = 10;
    const GAP: usize = 2;
    let width = bars.len() * STEP;
    let most = bars.iter().map(|bar| bar.good + bar.bad).max().unwrap_or(0);
    // What is there is seen, however little.
    let height = |part: u64| (part * HEIGHT).div_ceil(most.max(1)).max(if part > 0 { 2 } else { 0 });
    let place = |index: usize| {
        let x = index * STEP + GAP / 2;
        if view.language == Language::Arabic { width - x - (STEP - GAP) } else { x }
    };
    let sum = |part: fn(&Bar) -> u64| view.number(bars.iter().map(part).sum());
    let comma = view.say(", ", "، ");
    let label = format!(
        "{title}: {} {}{comma}{} {}{comma}{} {}",
        words[0],
        sum(|bar| bar.good),
        words[1],
        sum(|bar| bar.bad),
        view.say("at most in one column", "وأكثرها في عمود واحد"),
        view.number(most),
    );
    html! {
        figure.chart.columns {
            svg viewBox={ "0 0 " (width) " 104" } role="img" aria-label=(label) preserveAspectRatio="none" {
                line.grid x1="0" y1="3" x2=(width) y2="3" {}
                line.grid x1="0" y1="53" x2=(width) y2="53" {}
                line.axis x1="0" y1="103" x2=(width) y2="103" {}
                @for (index, bar) in bars.iter().enumerate().filter(|(_, bar)| bar.good + bar.bad > 0) {
                    @let (good, bad) = (height(bar.good), height(bar.bad));
                    @if bar.good > 0 { rect.good x=(place(index)) y=(103_u64.saturating_sub(good)) width=(STEP - GAP) height=(good) {} }
                    @if bar.bad > 0 { rect.bad x=(place(index)) y=(103_u64.saturating_sub(good + bad)) width=(STEP - GAP) height=(bad) {} }
                }
            }
            div.ticks aria-hidden="true" {
                @for at in [0, bars.len() / 2, bars.len().saturating_sub(1)] {
                    @if let Some(bar) = bars.get(at) { (grain.told(bar.at)) }
                }
            }
            figcaption {
                span.key.good { (words[0]) " " (sum(|bar| bar.good)) } " "
                span.key.bad { (words[1]) " " (sum(|bar| bar.bad)) } " "
                span { (view.say("Highest column:", "أعلى عمود:")) " " (view.number(most)) }
            }
            (as_table(view, title, [view.say("From", "من"), words[0], words[1]], bars.iter().rev().map(|bar| {
                [grain.told(bar.at), html! { (view.number(bar.good)) }, html! { (view.number(bar.bad)) }]
            })))
        }
    }
}

/// A share as a short bar beside its number, which says the same.
pub(crate) fn share(view: &View, percent: f64) -> Markup {
    let length = format!("{:.1}", percent.clamp(0.0, 100.0));
    let from = if view.language == Language::Arabic {
        format!("{:.1}", 100.0 - percent.clamp(0.0, 100.0))
    } else {
        "0".to_owned()
    };
    html! {
        span.share {
            svg viewBox="0 0 100 6" aria-hidden="true" preserveAspectRatio="none" {
                rect.whole x="0" y="0" width="100" height="6" {}
                rect.part x=(from) y="0" width=(length) height="6" {}
            }
            span { (view.percent(percent)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, header};

    fn view(language: &str) -> View {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(language).unwrap());
        View::new(&headers, &"".into(), "https://hub.example", "/console")
    }

    const SINCE: Timestamp = Timestamp(1_763_596_800_000);

    fn hour(after: i64, sent: u64, failed: u64) -> LogHour {
        LogHour { at: SINCE.plus_ms(after * HOUR_MS).to_rfc3339(), count: 0, error: 0, sent, failed }
    }

    #[test]
    fn every_hour_has_its_place_though_nothing_happened_in_it() {
        let hours = [hour(0, 3, 0), hour(23, 5, 2), hour(24, 7, 7), hour(-1, 9, 9)];
        let figures = |hour: &LogHour| (hour.sent, hour.failed);
        let bars = spans(SINCE, (24, 1), &hours, figures);
        assert_eq!(bars.len(), 24);
        assert_eq!((bars[0].good, bars[1].good, bars[23].good, bars[23].bad), (3, 0, 5, 2));
        let days = spans(SINCE, (2, 24), &hours, figures);
        assert_eq!((days[0].good, days[0].bad, days[1].good), (8, 2, 7));
    }

    #[test]
    fn time_runs_with_the_language_and_the_figures_are_there_as_a_table() {
        let bars = spans(SINCE, (24, 1), &[hour(0, 3, 1)], |hour| (hour.sent, hour.failed));
        let drawn = |language: &str| {
            let view = view(language);
            columns(&view, "Deliveries", ["Sent", "Failed"], Grain::Hour, &bars).into_string()
        };
        let (english, arabic) = (drawn("en"), drawn("ar"));
        assert!(english.contains("<rect class=\"good\" x=\"1\" y=\"28\" width=\"8\" height=\"75\">"), "{english}");
        assert!(arabic.contains("<rect class=\"good\" x=\"231\" y=\"28\""), "{arabic}");
        assert!(english.contains("role=\"img\" aria-label=\"Deliveries: Sent 3, Failed 1"), "{english}");
        assert_eq!(english.matches("<tr>").count(), 25);
        assert!(english.contains("data-as=\"clock\" dir=\"ltr\">00:00 UTC</time>"), "{english}");
    }

    #[test]
    fn where_nothing_happened_nothing_is_drawn() {
        let bars = spans(SINCE, (24, 1), &[], |hour| (hour.sent, hour.failed));
        let drawn = columns(&view("en"), "Deliveries", ["Sent", "Failed"], Grain::Hour, &bars).into_string();
        assert!(!drawn.contains("<rect"), "{drawn}");
        assert!(share(&view("ar"), 25.0).into_string().contains("x=\"75.0\" y=\"0\" width=\"25.0\""));
    }
}
