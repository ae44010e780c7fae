//! Recipients as people keep them: a CSV file with a line each, or bare addresses.
//!
//! ```text
//! user_id,address,locale,name,link
//! u-1,sara@example.com,ar,سارة,https://example.com/t/1
//! ```
//!
//! `address` (or `email`) is needed, `user_id` (or `id`) is the address where it is left out, `locale` is `en` or `ar`.
//! Every other column is a variable of the message; an empty cell gives it no value.

use api::campaigns::RecipientBody;
use domain::{ids::UserId, template::Locale};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// The most faults that are told at once.
const FAULTS_MAX: usize = 20;

/// Why a file does not list recipients.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not CSV.
    #[error("this is not a CSV file: {0}")]
    Csv(#[from] csv::Error),
    /// It does not say where the addresses are.
    #[error("the first line must name the columns, `address` (or `email`) among them; it names {0}")]
    NoAddressColumn(String),
    /// Some lines are at fault.
    #[error("{0}")]
    Lines(Faults),
    /// It has a heading and no more.
    #[error("there are no recipients in it")]
    Empty,
}

/// Each line at fault, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(u64, String)>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was sent, because these lines are at fault:")?;
        for (line, why) in self.0.iter().take(FAULTS_MAX) {
            write!(f, "\n  line {line}: {why}")?;
        }
        match self.0.len().saturating_sub(FAULTS_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// What a column means.
enum Column {
    UserId,
    Address,
    Locale,
    Variable(String),
}

impl Column {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "user_id" | "id" => Self::UserId,
            "address" | "email" => Self::Address,
            "locale" => Self::Locale,
            // Variables are told apart by case, so they keep theirs.
            _ => Self::Variable(name.to_owned()),
        }
    }
}

/// The recipients in a CSV text. Every line at fault is told, and nobody is named twice.
pub fn from_csv(text: &str) -> Result<Vec<RecipientBody>, Error> {
    // Spreadsheets put a byte order mark before what they export.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let heading = reader.headers()?.clone();
    let columns: Vec<_> = heading.iter().map(Column::named).collect();
    if !columns.iter().any(|column| matches!(column, Column::Address)) {
        return Err(Error::NoAddressColumn(heading.iter().collect::<Vec<_>>().join(", ")));
    }
    let (mut recipients, mut faults) = (Vec::new(), Faults::default());
    let mut seen = HashMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        match recipient(&columns, &record) {
            Err(why) => faults.0.push((line, why)),
            Ok(recipient) => {
                let names = [format!("user {}", recipient.user_id), recipient.address.to_lowercase()];
                for name in names {
                    if let Some(first) = seen.insert(name.clone(), line) {
                        faults.0.push((line, format!("{name} is in line {first} already")));
                    }
                }
                recipients.push(recipient);
            }
        }
    }
    if !faults.0.is_empty() {
        return Err(Error::Lines(faults));
    }
    if recipients.is_empty() { Err(Error::Empty) } else { Ok(recipients) }
}

fn recipient(columns: &[Column], record: &csv::StringRecord) -> Result<RecipientBody, String> {
    let (mut user_id, mut address, mut locale, mut variables) = ("", "", None, BTreeMap::new());
    for (column, value) in columns.iter().zip(record.iter()).filter(|(_, value)| !value.is_empty()) {
        match column {
            Column::UserId => user_id = value,
            Column::Address => address = value,
            Column::Locale => {
                let known = value.to_ascii_lowercase().parse::<Locale>();
                locale = Some(known.map_err(|_| format!("locale must be en or ar, not `{value}`"))?);
            }
            Column::Variable(name) => {
                variables.insert(name.clone(), value.to_owned());
            }
        }
    }
    if address.is_empty() {
        return Err("the address is missing".to_owned());
    }
    let user_id = if user_id.is_empty() { address } else { user_id };
    let user_id: UserId = user_id.parse().map_err(|error| format!("{error}"))?;
    Ok(RecipientBody { user_id, address: address.to_owned(), locale, variables })
}

/// One recipient for an address alone; the user is named by it.
pub fn from_address(address: &str) -> Result<RecipientBody, String> {
    let user_id = address.parse().map_err(|error| format!("`{address}`: {error}"))?;
    Ok(RecipientBody { user_id, address: address.to_owned(), locale: None, variables: BTreeMap::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_the_rest_are_variables() {
        let text = "\u{feff}Name, email ,id,locale\nسارة,sara@example.com,u-1,ar\n\"Fox, Adam\",adam@example.com,,\n";
        let read = from_csv(text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].user_id.as_str(), read[0].locale), ("u-1", Some(Locale::Ar)));
        assert_eq!(read[0].variables["Name"], "سارة");
        assert_eq!((read[1].user_id.as_str(), read[1].locale), ("adam@example.com", None));
        assert_eq!(read[1].variables["Name"], "Fox, Adam");
    }

    #[test]
    fn an_empty_cell_is_no_value() {
        let read = from_csv("address,name\na@example.com,\n").unwrap();
        assert!(read[0].variables.is_empty());
    }

    #[test]
    fn every_line_at_fault_is_told() {
        let text = "address,user_id,locale\n,u1,en\na@example.com,u2,fr\nb@example.com,x#y,\nc@example.com,u2,en\n\
                    C@example.com,u3,en\n";
        let told = from_csv(text).unwrap_err().to_string();
        for part in
            ["line 2: the address", "line 3: locale", "line 4: user id must", "line 6: c@example.com is in line 5"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_file_without_addresses_says_what_it_lacks() {
        let told = from_csv("name,phone\nSara,1\n").unwrap_err().to_string();
        assert!(told.contains("`address`") && told.contains("name, phone"), "{told}");
        assert!(matches!(from_csv("address\n").unwrap_err(), Error::Empty));
        assert!(matches!(from_csv("address,name\na@example.com\n").unwrap_err(), Error::Csv(_)), "a cell is missing");
    }

    #[test]
    fn many_faults_are_summed_up() {
        let text = format!("address,name\n{}", ",x\n".repeat(25));
        assert!(from_csv(&text).unwrap_err().to_string().ends_with("and 5 more"));
    }
}
