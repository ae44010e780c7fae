//! The figures in `docs/kpi.md`: the words around them are written by people, the table is the program's.

use super::Line;
use std::fmt::Write;

const BEGIN: &str = "<!-- figures: written by `cargo trunkline kpi --write` -->";
const END: &str = "<!-- end of figures -->";

/// The page with the figures in place of those it had; `None` if it has no place for them.
pub fn with_figures(page: &str, machine: &str, lines: &[Line]) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}{END}{after}", figures(machine, lines)))
}

fn figures(machine: &str, lines: &[Line]) -> String {
    let mut text =
        format!("Measured on {machine}.\n\n| Indicator | Of | Target | Measured | |\n|---|---:|---:|---:|---|\n");
    for line in lines {
        let verdict = match (line.target, line.ok) {
            (super::Target::None, _) => "",
            (_, true) => "met",
            (_, false) => "**missed**",
        };
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {verdict} |",
            line.figure,
            line.count,
            line.target.words(line.unit),
            line.found()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::Target;

    #[test]
    fn only_the_figures_are_replaced() {
        let page = format!("# KPI\n\n{BEGIN}\nold\n{END}\n\nwords\n");
        let lines = [
            Line::share("Preflight", Target::AtLeast(99.0), 100, 100),
            Line::share("Failed", Target::Below(0.5), 1, 100),
        ];
        let written = with_figures(&page, "2 cores", &lines).unwrap();
        assert!(written.starts_with("# KPI\n") && written.ends_with("\n\nwords\n") && !written.contains("old"));
        assert!(written.contains("| Preflight | 100 | >= 99 % | 100.00 % | met |\n"), "{written}");
        assert!(written.contains("| Failed | 100 | < 0.5 % | 1.00 % | **missed** |\n"), "{written}");
        assert_eq!(with_figures(&written, "2 cores", &lines).as_deref(), Some(written.as_str()));
        assert_eq!(with_figures("# KPI", "2 cores", &lines), None);
    }

    #[test]
    fn the_page_has_a_place_for_the_figures() {
        assert!(with_figures(include_str!("../../../../docs/kpi.md"), "", &[]).is_some());
    }
}
