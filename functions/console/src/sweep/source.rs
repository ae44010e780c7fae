//! Which routes the console has, read from its source, and which forms a page has, read from the page.

use std::{fs, path::Path};

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) pattern: String,
    pub(super) get: bool,
    pub(super) post: bool,
}

/// All of them, in alphabetical order.
pub(super) fn routes() -> Vec<Route> {
    let mut found = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    assert!(found.len() > 40, "the routes are not where they were: {found:?}");
    found
}

fn read(folder: &Path, found: &mut Vec<Route>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            read(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs")
            && !name.contains("test")
            && !name.contains("sweep")
            && name != "source.rs"
        {
            in_text(&fs::read_to_string(&path).unwrap(), &name, found);
        }
    }
}

fn in_text(text: &str, file: &str, found: &mut Vec<Route>) {
    for other in [".nest(", ".route_service(", ".nest_service("] {
        assert!(
            !text.contains(other),
            "{file}: write routes as `.route(\"/console/...\", get(..).post(..))`, so that they are found"
        );
    }
    for (at, begin) in text.match_indices(".route(") {
        // A router's: `Router::new().route(..)`, or the next of a chain.
        if !text[..at].trim_end().ends_with(')') {
            continue;
        }
        let part = text[at + begin.len()..].trim_start();
        let literal = part.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let Some((pattern, rest)) = literal else { panic!("{file}: an address that is no literal: {part:.60}") };
        let handlers = until_closed(rest);
        let has = |method: &str| {
            handlers
                .match_indices(method)
                .any(|(at, _)| !handlers[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        for method in ["put(", "delete(", "patch(", "any("] {
            assert!(!has(method), "{file}: {pattern}: browsers send GET and POST only");
        }
        found.push(Route { pattern: pattern.to_owned(), get: has("get("), post: has("post(") });
    }
}

/// Up to the parenthesis that closes what is open.
fn until_closed(text: &str) -> &str {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..at];
        }
    }
    text
}

/// The route of an address: as the router has it, a word comes before a placeholder.
pub(super) fn best<'r>(routes: &'r [Route], path: &str) -> Option<&'r Route> {
    let segments: Vec<_> = path.split('/').collect();
    let fits = |route: &&Route| {
        let pattern: Vec<_> = route.pattern.split('/').collect();
        pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(|(one, other)| one.starts_with('{') || one == other)
    };
    routes.iter().filter(fits).min_by_key(|route| route.pattern.matches('{').count())
}

/// One form of a page.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) post: bool,
    pub(super) action: Option<String>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    value: String,
    /// Whether a person enters what they like.
    free: bool,
}

impl Form {
    pub(super) fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Its fields with this text where a person enters a text, or, forged, in all of them.
    pub(super) fn filled(&self, text: &str, forged: bool) -> Vec<(String, String)> {
        let value = |field: &Field| if forged || field.free { text.to_owned() } else { field.value.clone() };
        self.fields.iter().map(|field| (field.name.clone(), value(field))).collect()
    }
}

/// The forms of a page, in their order.
pub(super) fn forms(page: &str) -> Vec<Form> {
    page.split("<form")
        .skip(1)
        .map(|form| {
            let form = form.split("</form>").next().unwrap();
            let (head, inner) = form.split_once('>').unwrap();
            let mut fields: Vec<Field> = Vec::new();
            for tag in inner.split('<').skip(1) {
                let (word, rest) = tag.split_once([' ', '>']).unwrap_or((tag, ""));
                let tag = rest.split('>').next().unwrap();
                let named = attribute(tag, "name").map(|name| unescaped(&name));
                let value = attribute(tag, "value").map(|value| unescaped(&value)).unwrap_or_default();
                let kind = attribute(tag, "type").unwrap_or_default();
                match word {
                    "input" | "textarea" | "select" | "button" => {
                        let Some(name) = named else { continue };
                        let free = word == "textarea"
                            || (word == "input"
                                && matches!(kind.as_str(), "" | "text" | "search" | "url" | "email" | "password"));
                        if !fields.iter().any(|field| field.name == name) {
                            fields.push(Field { name, value, free });
                        }
                    }
                    // A choice is its first option.
                    "option" => {
                        if let Some(field) = fields.last_mut().filter(|field| field.value.is_empty() && !field.free) {
                            field.value = value;
                        }
                    }
                    _ => {}
                }
            }
            Form {
                post: attribute(head, "method").as_deref() == Some("post"),
                action: attribute(head, "action").map(|action| unescaped(&action)),
                fields,
            }
        })
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let begin = format!(" {name}=\"");
    let tag = format!(" {tag}");
    let at = tag.find(&begin)? + begin.len();
    Some(tag[at..].split('"').next()?.to_owned())
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
