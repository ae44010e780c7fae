//! Addresses with a query.

/// `path` with these parameters; those without a value are left out.
pub(crate) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    let between = match (query.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    format!("{path}{between}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_left_out_and_the_rest_is_escaped() {
        assert_eq!(address("/a", &[("cursor", ""), ("status", "")]), "/a");
        assert_eq!(address("/a", &[("limit", "5"), ("cursor", "x&y=z")]), "/a?limit=5&cursor=x%26y%3Dz");
        assert_eq!(address("/a?b=1", &[("c", "2")]), "/a?b=1&c=2");
    }
}
