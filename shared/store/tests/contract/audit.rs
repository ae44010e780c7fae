//! Whatever is done to a stored audit chain shows, on both twins.

use crate::{
    emulator,
    fixtures::{NOON, acme, audit, scope},
};
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use domain::{
    audit::{AuditEntry, AuditRecord, AuditSearch, Break, BreakKind, Head},
    tenant::TenantScope,
    time::HOUR_MS,
};
use futures::future::join;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::collections::{BTreeMap, HashMap};
use trunkline_store::{Audit, Store, StoreError, check_chain, dynamo::DynamoStore, memory::MemoryStore, search_chain};

const ALL: usize = 1_000;

async fn append(store: &impl Audit, scope: &TenantScope, count: u8) {
    for number in 0..count {
        let at = NOON.plus_ms(i64::from(number));
        let entry = AuditEntry { detail: format!("number {number}"), at, ..audit("something.happened") };
        store.append_audit(scope, &entry).await.unwrap();
    }
}

pub(crate) async fn an_untouched_chain_is_whole(store: &impl Store) {
    append(store, &acme(), 7).await;
    let last = store.audit(&acme(), None, 10).await.unwrap().items.remove(6);
    let check = check_chain(store, &acme(), Head::default(), ALL).await.unwrap();
    assert_eq!((check.checked, check.head), (last.head(), Some(last.head())));
    assert_eq!((check.broken, check.more), (None, false));
    let nobody = check_chain(store, &scope("nobody"), Head::default(), ALL).await.unwrap();
    assert_eq!(nobody.broken, Some(Break { seq: 1, kind: BreakKind::Empty }), "a tenant begins with a record");
}

pub(crate) async fn a_chain_is_checked_in_parts(store: &impl Store) {
    append(store, &acme(), 7).await;
    for (limit, parts) in [(1, 8), (3, 3), (7, 2), (8, 1)] {
        let (mut at, mut count) = (Head::default(), 0);
        loop {
            let check = check_chain(store, &acme(), at, limit).await.unwrap();
            assert_eq!(check.broken, None);
            (at, count) = (check.checked, count + 1);
            if !check.more {
                break;
            }
        }
        assert_eq!((at.seq, count), (7, parts), "{limit} at a time");
    }
    let wrong = Head { seq: 3, hash: "0".repeat(64) };
    let check = check_chain(store, &acme(), wrong, ALL).await.unwrap();
    assert_eq!(check.broken, Some(Break { seq: 4, kind: BreakKind::Unlinked }));
}

pub(crate) async fn a_chain_is_read_from_its_end(store: &impl Store) {
    append(store, &acme(), 7).await;
    append(store, &scope("other"), 2).await;
    let places = async |before, limit| {
        let found = store.audit_back(&acme(), before, limit).await.unwrap();
        found.iter().map(|record| record.seq).collect::<Vec<_>>()
    };
    assert_eq!(places(None, 3).await, [7, 6, 5]);
    assert_eq!(places(Some(5), 3).await, [4, 3, 2]);
    assert_eq!(places(Some(3), 99).await, [2, 1], "the head is no record");
    assert_eq!(places(Some(1), 9).await, [] as [u64; 0]);
    assert_eq!(places(Some(0), 9).await, [] as [u64; 0]);
    assert!(store.audit_back(&scope("nobody"), None, 9).await.unwrap().is_empty());
}

pub(crate) async fn records_are_found_by_who_what_and_when(store: &impl Store) {
    append(store, &acme(), 7).await;
    let late = NOON.plus_ms(HOUR_MS);
    for number in 0..250 {
        let action = if number == 0 { "key.created" } else { "key.updated" };
        let entry = AuditEntry { at: late.plus_ms(number), target: format!("key_{number}"), ..audit(action) };
        store.append_audit(&acme(), &entry).await.unwrap();
    }
    let found = async |search: AuditSearch, cursor: Option<&str>, limit| {
        let page = search_chain(store, &acme(), &search, cursor, limit).await.unwrap();
        (page.items.iter().map(|record| record.seq).collect::<Vec<_>>(), page.next)
    };
    let all = AuditSearch::default();
    let (first, next) = found(all.clone(), None, 3).await;
    assert_eq!((first, next.as_deref()), (vec![257, 256, 255], Some("255")));
    assert_eq!(found(all.clone(), Some("255"), 2).await.0, [254, 253]);
    assert_eq!(found(all, Some("3"), 9).await, (vec![2, 1], None));
    let happened = AuditSearch { action: Some("something.".into()), ..AuditSearch::default() };
    assert_eq!(found(happened, None, 9).await, (vec![7, 6, 5, 4, 3, 2, 1], None), "beyond the first pages");
    let created = AuditSearch { action: Some("key.created".into()), ..AuditSearch::default() };
    assert_eq!(found(created, None, 9).await.0, [8]);
    let one = AuditSearch { target: Some("_249".into()), ..AuditSearch::default() };
    assert_eq!(found(one, None, 1).await.0, [257]);
    let nobody = AuditSearch { principal: Some("nobody".into()), ..AuditSearch::default() };
    assert_eq!(found(nobody, None, 9).await, (vec![], None));
    let early = AuditSearch { until: Some(NOON.plus_ms(2)), ..AuditSearch::default() };
    assert_eq!(found(early, None, 9).await, (vec![3, 2, 1], None));
    let between = AuditSearch { since: Some(NOON.plus_ms(5)), until: Some(late.plus_ms(1)), ..AuditSearch::default() };
    assert_eq!(found(between, None, 9).await, (vec![9, 8, 7, 6], None));
    let empty = search_chain(store, &scope("nobody"), &AuditSearch::default(), None, 9).await.unwrap();
    assert!(empty.items.is_empty() && empty.next.is_none());
    let wrong = search_chain(store, &acme(), &AuditSearch::default(), Some("x"), 9).await;
    assert_eq!(wrong, Err(StoreError::InvalidCursor));
}

pub(crate) async fn a_chain_is_whole_while_it_grows(store: &impl Store) {
    let scope = acme();
    append(store, &scope, 1).await;
    let checks = async {
        for _ in 0..10 {
            let check = check_chain(store, &scope, Head::default(), ALL).await.unwrap();
            assert_eq!(check.broken, None);
        }
    };
    join(append(store, &scope, 10), checks).await;
}

/// What somebody with access to the table may do. Numbers choose a record, whatever the chain's length.
#[derive(Clone, Debug)]
enum Hand {
    Changes(u8, Field, String),
    /// And makes its own hash right again.
    Rewrites(u8, Field, String),
    Deletes(u8),
    CutsOff(u8),
    Swaps(u8, u8),
    /// The contents, each with the number of its new place.
    Exchanges(u8, u8),
    MovesToTheEnd(u8),
    Damages(u8),
    Appends,
    SetsBackTheHead(u8),
    DeletesTheHead,
    DeletesEverything,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Seq,
    Principal,
    Action,
    Target,
    Detail,
    At,
    Prev,
    Hash,
}

fn hands() -> impl Strategy<Value = Hand> {
    use Field::{Action, At, Detail, Hash, Prev, Principal, Seq, Target};
    let field = || prop::sample::select(vec![Seq, Principal, Action, Target, Detail, At, Prev, Hash]);
    prop_oneof![
        4 => (any::<u8>(), field(), "[a-z0-9]{0,8}").prop_map(|(at, field, to)| Hand::Changes(at, field, to)),
        4 => (any::<u8>(), field(), "[a-z0-9]{0,8}").prop_map(|(at, field, to)| Hand::Rewrites(at, field, to)),
        2 => any::<u8>().prop_map(Hand::Deletes),
        2 => any::<u8>().prop_map(Hand::CutsOff),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Hand::Swaps(a, b)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Hand::Exchanges(a, b)),
        1 => any::<u8>().prop_map(Hand::MovesToTheEnd),
        1 => any::<u8>().prop_map(Hand::Damages),
        1 => Just(Hand::Appends),
        1 => any::<u8>().prop_map(Hand::SetsBackTheHead),
        1 => Just(Hand::DeletesTheHead),
        1 => Just(Hand::DeletesEverything),
    ]
}

/// A stored chain: what stands in which place, `None` for what cannot be read; and the head.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    records: BTreeMap<u64, Option<AuditRecord>>,
    head: Option<Head>,
}

impl Stored {
    fn at(&mut self, number: u8) -> (u64, &mut AuditRecord) {
        let place = u64::from(number) % self.records.len() as u64 + 1;
        (place, self.records.get_mut(&place).unwrap().as_mut().unwrap())
    }

    fn suffers(&mut self, hand: Hand) {
        let newest = self.records.len() as u64;
        match hand {
            Hand::Changes(at, field, to) => change(self.at(at).1, field, &to),
            Hand::Rewrites(at, field, to) => {
                let record = self.at(at).1;
                change(record, field, &to);
                record.hash = record.computed_hash();
            }
            Hand::Deletes(at) => {
                let place = self.at(at).0;
                self.records.remove(&place);
            }
            Hand::CutsOff(at) => {
                let place = self.at(at).0;
                self.records.split_off(&place);
            }
            Hand::Swaps(a, b) => {
                let (one, other) = ((self.at(a).0, self.at(a).1.clone()), (self.at(b).0, self.at(b).1.clone()));
                self.records.extend([(one.0, Some(other.1)), (other.0, Some(one.1))]);
            }
            Hand::Exchanges(a, b) => {
                self.suffers(Hand::Swaps(a, b));
                for number in [a, b] {
                    let (place, record) = self.at(number);
                    record.seq = place;
                    record.hash = record.computed_hash();
                }
            }
            Hand::MovesToTheEnd(at) => {
                let place = self.at(at).0;
                let record = self.records.remove(&place).unwrap();
                self.records.insert(newest + 1, record);
            }
            Hand::Damages(at) => {
                let place = self.at(at).0;
                self.records.insert(place, None);
            }
            Hand::Appends => {
                let record = AuditRecord::following(self.head.as_ref().unwrap(), &audit("forged"));
                self.records.insert(newest + 1, Some(record));
            }
            Hand::SetsBackTheHead(to) => self.head = Some(self.at(to).1.head()),
            Hand::DeletesTheHead => self.head = None,
            Hand::DeletesEverything => *self = Self { records: BTreeMap::new(), head: None },
        }
    }
}

fn change(record: &mut AuditRecord, field: Field, to: &str) {
    let text = match field {
        Field::Seq => return record.seq += 1 + to.len() as u64,
        Field::At => return record.at = record.at.plus_ms(-i64::try_from(to.len()).unwrap()),
        Field::Principal => &mut record.principal,
        Field::Action => &mut record.action,
        Field::Target => &mut record.target,
        Field::Detail => &mut record.detail,
        Field::Prev => &mut record.prev,
        Field::Hash => &mut record.hash,
    };
    to.clone_into(text);
}

/// A store that a hand can reach into.
trait Reached {
    async fn put_stored(&self, scope: &TenantScope, before: &Stored, now: &Stored);
}

impl Reached for MemoryStore {
    async fn put_stored(&self, scope: &TenantScope, _: &Stored, now: &Stored) {
        self.tamper_with_audit(scope, |chain| (chain.records, chain.head) = (now.records.clone(), now.head.clone()));
    }
}

/// The table behind a store.
struct Reach {
    store: DynamoStore,
    client: Client,
    table: String,
}

impl Reach {
    fn key(scope: &TenantScope, sk: String) -> HashMap<String, AttributeValue> {
        let pk = format!("T#{}#AUD", scope.tenant());
        [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into()
    }

    async fn put(&self, scope: &TenantScope, sk: String, content: Option<HashMap<String, AttributeValue>>) {
        let key = Self::key(scope, sk);
        match content {
            Some(mut item) => {
                item.extend(key);
                self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await.unwrap();
            }
            None => {
                self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.unwrap();
            }
        }
    }
}

fn item(record: Option<&AuditRecord>) -> HashMap<String, AttributeValue> {
    // Nothing of a damaged one is left but its key.
    record.map(|record| serde_dynamo::to_item(record).unwrap()).unwrap_or_default()
}

impl Reached for Reach {
    async fn put_stored(&self, scope: &TenantScope, before: &Stored, now: &Stored) {
        for place in before.records.keys().chain(now.records.keys()) {
            if before.records.get(place) != now.records.get(place) {
                let content = now.records.get(place).map(|record| item(record.as_ref()));
                self.put(scope, format!("{place:020}"), content).await;
            }
        }
        if before.head != now.head {
            let head = now.head.as_ref().map(|head| serde_dynamo::to_item(head).unwrap());
            self.put(scope, "#head".to_owned(), head).await;
        }
    }
}

/// One case: a chain of that length, which a hand touches. Either that left it as it was, or the check tells.
async fn is_noticed(reached: &impl Reached, store: &impl Audit, tenant: &str, length: u8, hand: Hand) -> bool {
    let scope = scope(tenant);
    append(store, &scope, length).await;
    let records = store.audit(&scope, None, 200).await.unwrap().items;
    let records = records.into_iter().map(|record| (record.seq, Some(record))).collect();
    let before = Stored { records, head: store.audit_head(&scope).await.unwrap() };
    let mut now = before.clone();
    now.suffers(hand);
    reached.put_stored(&scope, &before, &now).await;
    let check = check_chain(store, &scope, Head::default(), ALL).await.unwrap();
    assert!(!check.more);
    check.broken.is_some() == (before != now)
}

fn property(cases: u32, mut is_noticed: impl FnMut(&str, u8, Hand) -> bool) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut number = 0;
    let counter = std::cell::RefCell::new((&mut is_noticed, &mut number));
    let outcome = runner.run(&(1..9_u8, hands()), |(length, hand)| {
        let mut counter = counter.borrow_mut();
        let (is_noticed, number) = &mut *counter;
        **number += 1;
        let tenant = format!("tenant-{number}");
        prop_assert!(is_noticed(&tenant, length, hand));
        Ok(())
    });
    outcome.unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn whatever_is_done_to_a_chain_in_memory_is_noticed() {
    let (runtime, store) = (runtime(), MemoryStore::default());
    property(1_000, |tenant, length, hand| runtime.block_on(is_noticed(&store, &store, tenant, length, hand)));
}

#[test]
fn whatever_is_done_to_a_chain_in_the_table_is_noticed() {
    let runtime = runtime();
    let (store, client, tables) = runtime.block_on(emulator::opened());
    let reach = Reach { store, client, table: tables.tenant };
    property(120, |tenant, length, hand| runtime.block_on(is_noticed(&reach, &reach.store, tenant, length, hand)));
}

#[tokio::test]
async fn what_is_no_record_is_noticed_and_keeps_nobody_from_appending() {
    let (store, client, tables) = emulator::opened().await;
    let reach = Reach { store, client, table: tables.tenant };
    append(&reach.store, &acme(), 3).await;
    reach.put(&acme(), "x".to_owned(), Some(HashMap::new())).await;
    let broken = async || check_chain(&reach.store, &acme(), Head::default(), ALL).await.unwrap().broken;
    assert_eq!(broken().await, Some(Break { seq: 3, kind: BreakKind::Foreign }));
    append(&reach.store, &acme(), 1).await;
    reach.put(&acme(), "x".to_owned(), None).await;
    assert_eq!(broken().await, None);
}

#[tokio::test]
async fn a_head_that_was_tampered_with_keeps_nobody_from_appending() {
    let (store, client, tables) = emulator::opened().await;
    let reach = Reach { store, client, table: tables.tenant };
    append(&reach.store, &acme(), 3).await;
    let second = reach.store.audit(&acme(), Some("1"), 1).await.unwrap().items.remove(0);
    let odd = HashMap::from([("hash".to_owned(), AttributeValue::Bool(true))]);
    let heads = [None, Some(HashMap::new()), Some(odd), Some(serde_dynamo::to_item(second.head()).unwrap())];
    for (number, head) in (4..).zip(heads) {
        reach.put(&acme(), "#head".to_owned(), head).await;
        append(&reach.store, &acme(), 1).await;
        let check = check_chain(&reach.store, &acme(), Head::default(), ALL).await.unwrap();
        assert_eq!((check.checked.seq, check.broken), (number, None));
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_shows_even_after_more_was_appended() {
    let (store, client, tables) = emulator::opened().await;
    let reach = Reach { store, client, table: tables.tenant };
    append(&reach.store, &acme(), 5).await;
    for place in [4, 5] {
        reach.put(&acme(), format!("{place:020}"), None).await;
    }
    append(&reach.store, &acme(), 2).await;
    let check = check_chain(&reach.store, &acme(), Head::default(), ALL).await.unwrap();
    assert_eq!((check.checked.seq, check.broken), (3, Some(Break { seq: 4, kind: BreakKind::Missing })));
}
