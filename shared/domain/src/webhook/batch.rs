//! How the events of one request are put into bundles for an endpoint. The shape is made from the whole request, whoever
//! wants what of it, so that a repeat finds every bundle where the first try put it.

use super::BUNDLE_MAX_BYTES;
use crate::bundle::BUNDLE_MAX;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, ops::Range};

/// The most events of a bundle where order is wanted. There they are tried one after another, each up to ten times, and each
/// try is a generation of the bundle, of which 63 can follow from one another: five events that are all given up leave
/// room for a resend.
pub const ORDERED_MAX: usize = 5;

/// What of an event decides about its bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// How much room its content takes, in bytes.
    pub bytes: usize,
    /// Its key, by which endpoints with strict order get it after its predecessors.
    pub key: Option<&'a str>,
}

/// Some events of a request, by their numbers in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wanted(Vec<u8>);

impl Wanted {
    /// Those of `count` events that are chosen.
    #[must_use]
    pub fn of(count: usize, chosen: impl Fn(usize) -> bool) -> Self {
        let mut bits = vec![0_u8; count.div_ceil(8)];
        for number in (0..count).filter(|number| chosen(*number)) {
            bits[number / 8] |= 1 << (number % 8);
        }
        Self(bits)
    }

    /// Whether the event with this number is among them.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        self.0.get(number / 8).is_some_and(|byte| byte & (1 << (number % 8)) != 0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

impl TryFrom<String> for Wanted {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD.decode(text).map(Self)
    }
}

impl From<Wanted> for String {
    fn from(it: Wanted) -> Self {
        URL_SAFE_NO_PAD.encode(it.0)
    }
}

/// One bundle to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its number; `None` of a request of one event.
    pub number: Option<u16>,
    /// The key that all its events share, where they are to be posted in order.
    pub key: Option<&'a str>,
    /// Its events, by their numbers in the request, in order.
    pub events: Vec<usize>,
}

/// The events of one request.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    members: Vec<Member<'a>>,
    slots: Vec<Range<usize>>,
}

impl<'a> Batch<'a> {
    /// These events: at most [`super::EVENTS_MAX`].
    #[must_use]
    pub fn new(members: Vec<Member<'a>>) -> Self {
        let mut slots = Vec::new();
        let mut begin = 0;
        for range in filled((0..members.len()).collect(), &members, BUNDLE_MAX) {
            slots.push(begin..begin + range.len());
            begin += range.len();
        }
        Self { members, slots }
    }

    /// The bundles of those that are wanted.
    ///
    /// Usually, bundle `n` holds what is wanted of the `n`th 25 events, or of less where those are large. Where order is
    /// wanted, the events of a key stand in smaller bundles of their own, in order, each with the number of its first event.
    #[must_use]
    pub fn pieces(&self, wanted: &Wanted, ordered: bool) -> Vec<Piece<'a>> {
        if self.members.len() == 1 {
            let key = self.members[0].key.filter(|_| ordered);
            return if wanted.has(0) { vec![Piece { number: None, key, events: vec![0] }] } else { Vec::new() };
        }
        let piece = |number, key, events: Vec<usize>| {
            let events: Vec<usize> = events.into_iter().filter(|number| wanted.has(*number)).collect();
            (!events.is_empty()).then_some(Piece { number: Some(count(number)), key, events })
        };
        if !ordered {
            return self
                .slots
                .iter()
                .cloned()
                .enumerate()
                .filter_map(|(n, slot)| piece(n, None, slot.collect()))
                .collect();
        }
        let mut pieces: Vec<_> = self
            .by_key()
            .into_iter()
            .flat_map(|(key, events)| {
                filled(events, &self.members, ORDERED_MAX).into_iter().map(move |events| (key, events))
            })
            .filter_map(|(key, events)| piece(events[0], key, events))
            .collect();
        pieces.sort_by_key(|piece| piece.number);
        pieces
    }

    /// The numbers of the events of each key, and of those without.
    fn by_key(&self) -> Vec<(Option<&'a str>, Vec<usize>)> {
        let mut places: HashMap<Option<&str>, usize> = HashMap::new();
        let mut groups: Vec<(Option<&'a str>, Vec<usize>)> = Vec::new();
        for (number, member) in self.members.iter().enumerate() {
            let place = *places.entry(member.key).or_insert(groups.len());
            if place == groups.len() {
                groups.push((member.key, Vec::new()));
            }
            groups[place].1.push(number);
        }
        groups
    }
}

/// Cuts a row of events where a bundle is full, with `most` of them at the latest.
fn filled(events: Vec<usize>, members: &[Member<'_>], most: usize) -> Vec<Vec<usize>> {
    let mut bundles: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for number in events {
        let more = members[number].bytes;
        match bundles.last_mut() {
            Some(last) if last.len() < most && bytes + more <= BUNDLE_MAX_BYTES => {
                last.push(number);
                bytes += more;
            }
            _ => {
                bundles.push(vec![number]);
                bytes = more;
            }
        }
    }
    bundles
}

/// A request has at most 1,000 events, so every number fits.
fn count(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{DATA_MAX_BYTES, EVENTS_MAX};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const KEYS: [&str; 3] = ["a", "b", "c"];

    fn members() -> impl Strategy<Value = Vec<Member<'static>>> {
        let bytes = prop_oneof![8 => 1..2_000_usize, 1 => 1..=DATA_MAX_BYTES];
        let key = proptest::option::of(0..KEYS.len());
        let member = (bytes, key).prop_map(|(bytes, key)| Member { bytes, key: key.map(|it| KEYS[it]) });
        proptest::collection::vec(member, 1..200)
    }

    /// Where each event stands: its bundle and its place in it.
    fn places(pieces: &[Piece<'_>]) -> BTreeMap<usize, Option<u16>> {
        pieces.iter().flat_map(|piece| piece.events.iter().map(|event| (*event, piece.number))).collect()
    }

    fn all(count: usize) -> Wanted {
        Wanted::of(count, |_| true)
    }

    proptest! {
        #[test]
        fn what_is_wanted_is_bundled_once_and_within_the_limits(
            members in members(), mask in any::<u64>(), ordered in any::<bool>()
        ) {
            let wanted = Wanted::of(members.len(), |number| mask >> (number % 64) & 1 == 1);
            let pieces = Batch::new(members.clone()).pieces(&wanted, ordered);
            let mut events: Vec<usize> = pieces.iter().flat_map(|piece| piece.events.clone()).collect();
            events.sort_unstable();
            let expected: Vec<usize> = (0..members.len()).filter(|number| wanted.has(*number)).collect();
            prop_assert_eq!(events, expected);
            for piece in &pieces {
                let bytes: usize = piece.events.iter().map(|event| members[*event].bytes).sum();
                let most = if ordered { ORDERED_MAX } else { BUNDLE_MAX };
                prop_assert!(piece.events.len() <= most && bytes <= BUNDLE_MAX_BYTES);
                prop_assert!(piece.events.is_sorted());
                prop_assert_eq!(piece.number.is_none(), members.len() == 1);
                // As the places in delivery ids allow.
                prop_assert!(piece.number.is_none_or(|number| number < 1_024));
            }
            let numbers: BTreeSet<_> = pieces.iter().map(|piece| piece.number).collect();
            prop_assert_eq!(numbers.len(), pieces.len(), "no number twice");
        }

        #[test]
        fn an_event_stands_in_the_same_bundle_whoever_wants_what_of_the_others(
            members in members(), mask in any::<u64>(), ordered in any::<bool>()
        ) {
            let batch = Batch::new(members.clone());
            let wanted = Wanted::of(members.len(), |number| mask >> (number % 64) & 1 == 1);
            let everywhere = places(&batch.pieces(&all(members.len()), ordered));
            for (event, bundle) in places(&batch.pieces(&wanted, ordered)) {
                prop_assert_eq!(everywhere[&event], bundle);
            }
        }

        #[test]
        fn events_of_a_key_stand_in_bundles_of_their_own_in_order(members in members()) {
            let batch = Batch::new(members.clone());
            let pieces = batch.pieces(&all(members.len()), true);
            let mut last: BTreeMap<Option<&str>, usize> = BTreeMap::new();
            for piece in &pieces {
                for event in &piece.events {
                    prop_assert_eq!(members[*event].key, piece.key);
                    let before = last.insert(piece.key, *event);
                    prop_assert!(before.is_none_or(|before| before < *event));
                }
            }
        }

        #[test]
        fn small_events_are_bundled_by_25(count in 2..EVENTS_MAX) {
            let members = vec![Member { bytes: 100, key: None }; count];
            for piece in Batch::new(members).pieces(&all(count), false) {
                for event in piece.events {
                    prop_assert_eq!(piece.number.map(usize::from), Some(event / BUNDLE_MAX));
                }
            }
        }

        #[test]
        fn what_is_wanted_is_read_back(count in 0..EVENTS_MAX, mask in any::<u64>()) {
            let wanted = Wanted::of(count, |number| mask >> (number % 64) & 1 == 1);
            let text = String::from(wanted.clone());
            prop_assert_eq!(Wanted::try_from(text), Ok(wanted));
        }
    }

    #[test]
    fn one_event_alone_has_no_number() {
        let batch = Batch::new(vec![Member { bytes: 9, key: Some("a") }]);
        assert_eq!(batch.pieces(&all(1), false), [Piece { number: None, key: None, events: vec![0] }]);
        assert_eq!(batch.pieces(&all(1), true), [Piece { number: None, key: Some("a"), events: vec![0] }]);
        assert_eq!(batch.pieces(&Wanted::of(1, |_| false), true), []);
    }
}
