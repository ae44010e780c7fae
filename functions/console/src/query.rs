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

/// A text as one part of a path, whatever is in it.
pub(crate) fn segment(text: &str) -> String {
    // A form writes a blank as `+`, which is no blank in a path.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
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

    #[test]
    fn a_part_of_a_path_stays_one() {
        assert_eq!(segment("dlv_01~1"), "dlv_01%7E1");
        assert_eq!(segment("../a b?c#d"), "..%2Fa%20b%3Fc%23d");
    }
}
