//! The calls to DynamoDB: the only place that speaks to the SDK. It counts what they cost, maps their errors, and makes
//! repeats of what may be repeated.

use super::{
    DynamoStore,
    attributes::{Item, name_of, size_of},
    directly::{boxed, call},
    keys::Key,
};
use crate::{Result, StoreError};
use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::{
        AttributeValue, ConsumedCapacity, Delete, DeleteRequest, KeysAndAttributes, Put, PutRequest,
        ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
        WriteRequest, error::ConditionalCheckFailedException,
    },
};
use std::{borrow::Cow, collections::HashMap, time::Duration};

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// What belongs to a tenant.
    Tenant,
    /// What is looked up before the tenant is known.
    Auth,
}

/// How often a call is made again that met another transaction, or of which a part was left over.
const ATTEMPTS: u32 = 8;
/// The most items of one `BatchWriteItem` and one `BatchGetItem`.
const WRITES_MAX: usize = 25;
const READS_MAX: usize = 100;

/// One write of one item, on its own or in a transaction. Names that begin with `#` in its expressions stand for the
/// attribute of that name (DynamoDB reserves many words).
#[derive(Clone, Debug)]
pub(super) struct Write {
    table: Table,
    what: What,
    condition: Option<Cow<'static, str>>,
    values: HashMap<String, AttributeValue>,
}

#[derive(Clone, Debug)]
enum What {
    Put(Item),
    Update(Key, Cow<'static, str>),
    Delete(Key),
}

impl Write {
    fn new(what: What) -> Self {
        Self { table: Table::Tenant, what, condition: None, values: HashMap::new() }
    }

    pub(super) fn put(item: Item) -> Self {
        Self::new(What::Put(item))
    }

    pub(super) fn update(key: Key, expression: impl Into<Cow<'static, str>>) -> Self {
        Self::new(What::Update(key, expression.into()))
    }

    pub(super) fn delete(key: Key) -> Self {
        Self::new(What::Delete(key))
    }

    pub(super) fn on(self, table: Table) -> Self {
        Self { table, ..self }
    }

    pub(super) fn only_if(self, condition: impl Into<Cow<'static, str>>) -> Self {
        Self { condition: Some(condition.into()), ..self }
    }

    pub(super) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        let update = if let What::Update(_, expression) = &self.what { expression } else { "" };
        names_in(&[update, self.condition.as_deref().unwrap_or_default()])
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values.clone()).filter(|values| !values.is_empty())
    }

    /// With a condition, DynamoDB tells what is stored instead, without another read.
    fn on_refusal(&self) -> Option<ReturnValuesOnConditionCheckFailure> {
        self.condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// The `#names` of some expressions.
fn names_in(expressions: &[&str]) -> Option<HashMap<String, String>> {
    let mut names = HashMap::new();
    for expression in expressions {
        for part in expression.split('#').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            let name = &part[..end];
            names.insert(format!("#{name}"), name.to_owned());
        }
    }
    Some(names).filter(|names| !names.is_empty())
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// It was made; the item as it stands now, where it was asked for.
    Done(Option<Item>),
    /// Its condition does not hold; the item as it stands, if there is one.
    Refused(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    Done,
    /// The condition of the write with this number does not hold; its item as it stands, if there is one.
    Refused(usize, Option<Item>),
}

/// A question for the items of one partition.
#[derive(Clone, Debug)]
pub(super) struct Query {
    table: Table,
    index: Option<&'static str>,
    condition: &'static str,
    values: HashMap<String, AttributeValue>,
    after: Option<Item>,
    /// What comes of each item; all of it if this says nothing.
    projection: Option<&'static str>,
    backward: bool,
    consistent: bool,
}

impl Query {
    /// `condition` over the key, in which `:pk` is the partition.
    pub(super) fn of(partition: String, condition: &'static str) -> Self {
        Self {
            table: Table::Tenant,
            index: None,
            condition,
            values: HashMap::from([(":pk".to_owned(), AttributeValue::S(partition))]),
            after: None,
            projection: None,
            backward: false,
            consistent: false,
        }
    }

    pub(super) fn on(self, table: Table) -> Self {
        Self { table, ..self }
    }

    pub(super) fn index(self, index: &'static str) -> Self {
        Self { index: Some(index), ..self }
    }

    pub(super) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    pub(super) fn after(self, after: Option<Key>) -> Self {
        self.after_entry(after.map(Key::item))
    }

    /// The same in an index, where a place is named by the item's key and the index's together.
    pub(super) fn after_entry(self, after: Option<Item>) -> Self {
        Self { after, ..self }
    }

    pub(super) fn keys_only(self) -> Self {
        Self { projection: Some("pk, sk"), ..self }
    }

    /// Keys, and when each item's time is over.
    pub(super) fn expiry_only(self) -> Self {
        Self { projection: Some("pk, sk, #ttl"), ..self }
    }

    pub(super) fn backward(self) -> Self {
        Self { backward: true, ..self }
    }

    pub(super) fn consistent(self) -> Self {
        Self { consistent: true, ..self }
    }
}

impl DynamoStore {
    fn table(&self, table: Table) -> &str {
        match table {
            Table::Tenant => &self.tables.tenant,
            Table::Auth => &self.tables.auth,
        }
    }

    /// One item. Eventually consistent unless asked otherwise.
    pub(super) async fn get(&self, table: Table, key: Key, consistent: bool) -> Result<Option<Item>> {
        let asked = self
            .client
            .get_item()
            .table_name(self.table(table))
            .set_key(Some(key.item()))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = call!(self, get_item, asked, |_| false).map_err(|error| fault("GetItem", &error))?;
        let bytes = answer.item().map_or(0, size_of);
        self.metered_read("GetItem", answer.consumed_capacity(), bytes, consistent);
        Ok(answer.item)
    }

    /// One item that never changes once it is there: what an eventually consistent read finds is right at half the
    /// price, and only what it does not find is asked for again.
    pub(super) async fn get_unchanging(&self, table: Table, key: Key) -> Result<Option<Item>> {
        match self.get(table, key.clone(), false).await? {
            Some(item) => Ok(Some(item)),
            None => self.get(table, key, true).await,
        }
    }

    /// The first `limit` items that are to be kept.
    pub(super) async fn query(&self, query: Query, limit: usize, keep: impl Fn(&Item) -> bool) -> Result<Vec<Item>> {
        let mut found = Vec::new();
        let mut start = query.after;
        while found.len() < limit {
            let asked = self
                .client
                .query()
                .table_name(self.table(query.table))
                .set_index_name(query.index.map(ToOwned::to_owned))
                .key_condition_expression(query.condition)
                .set_expression_attribute_names(names_in(&[query.condition, query.projection.unwrap_or_default()]))
                .set_expression_attribute_values(Some(query.values.clone()))
                .set_exclusive_start_key(start)
                .set_projection_expression(query.projection.map(ToOwned::to_owned))
                .scan_index_forward(!query.backward)
                .consistent_read(query.consistent)
                .limit(i32::try_from(limit - found.len()).unwrap_or(i32::MAX))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = call!(self, query, asked, |_| false).map_err(|error| fault("Query", &error))?;
            // A page is billed as if it were one item.
            let bytes = answer.items().iter().map(size_of).sum();
            self.metered_read("Query", answer.consumed_capacity(), bytes, query.consistent);
            start = answer.last_evaluated_key;
            found.extend(answer.items.unwrap_or_default().into_iter().filter(&keep));
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The keys of all items of a table whose attribute `tenant` is this, however many others there are: reads the whole
    /// table, so it is for what happens rarely.
    pub(super) async fn scan_for(&self, table: Table, tenant: &str) -> Result<Vec<Key>> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .scan()
                .table_name(self.table(table))
                .filter_expression("#tenant = :tenant")
                .expression_attribute_names("#tenant", "tenant")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_owned()))
                .projection_expression("pk, sk")
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| fault("Scan", &error))?;
            let bytes = answer.items().iter().map(size_of).sum();
            self.metered_read("Scan", answer.consumed_capacity(), bytes, true);
            found.extend(answer.items().iter().filter_map(Key::of));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// The keys of the first `limit` items of a table, in no order, and when each one's time is over.
    pub(super) async fn scan_expiries(&self, table: Table, limit: usize) -> Result<Vec<Item>> {
        let answer = self
            .client
            .scan()
            .table_name(self.table(table))
            .projection_expression("pk, sk, #ttl")
            .expression_attribute_names("#ttl", "ttl")
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| fault("Scan", &error))?;
        let bytes = answer.items().iter().map(size_of).sum();
        self.metered_read("Scan", answer.consumed_capacity(), bytes, false);
        Ok(answer.items.unwrap_or_default())
    }

    /// Several items, in no order; keys must differ.
    pub(super) async fn batch_get(&self, keys: Vec<Key>) -> Result<Vec<Item>> {
        let mut found = Vec::new();
        for chunk in keys.chunks(READS_MAX) {
            let mut wanted: Vec<Item> = chunk.iter().cloned().map(Key::item).collect();
            for attempt in 0..ATTEMPTS {
                if wanted.is_empty() {
                    break;
                }
                pause(attempt).await;
                let keys =
                    KeysAndAttributes::builder().set_keys(Some(wanted)).build().map_err(|error| built(&error))?;
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(&self.tables.tenant, keys)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(|error| fault("BatchGetItem", &error))?;
                let items = answer.responses.unwrap_or_default().remove(&self.tables.tenant).unwrap_or_default();
                // Each item is rounded up on its own.
                let computed = items.iter().map(|item| read_units(size_of(item), false)).sum();
                self.meter.add("BatchGetItem", reported(answer.consumed_capacity.iter().flatten()).max(computed), 0.0);
                found.extend(items);
                let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.tables.tenant);
                wanted = left.map(|left| left.keys).unwrap_or_default();
            }
            if !wanted.is_empty() {
                return Err(StoreError::Unavailable("BatchGetItem: throttled".to_owned()));
            }
        }
        Ok(found)
    }

    /// Puts items without a condition.
    pub(super) async fn batch_put(&self, items: Vec<Item>) -> Result<()> {
        let request = |item: Item| {
            let put = PutRequest::builder().set_item(Some(item)).build().map_err(|error| built(&error))?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        self.batch_write(items.into_iter().map(request).collect::<Result<_>>()?).await
    }

    /// Deletes items without a condition; keys must differ.
    pub(super) async fn batch_delete(&self, keys: Vec<Key>) -> Result<()> {
        let request = |key: Key| {
            let delete = DeleteRequest::builder().set_key(Some(key.item())).build().map_err(|error| built(&error))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        self.batch_write(keys.into_iter().map(request).collect::<Result<_>>()?).await
    }

    async fn batch_write(&self, requests: Vec<WriteRequest>) -> Result<()> {
        use futures::stream::{self, TryStreamExt as _};
        let chunks: Vec<Vec<WriteRequest>> = requests.chunks(WRITES_MAX).map(<[_]>::to_vec).collect();
        stream::iter(chunks.into_iter().map(Ok)).try_for_each_concurrent(4, |chunk| self.batch_write_chunk(chunk)).await
    }

    async fn batch_write_chunk(&self, mut requests: Vec<WriteRequest>) -> Result<()> {
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let count = requests.len();
            let asked = self
                .client
                .batch_write_item()
                .request_items(&self.tables.tenant, requests)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer =
                call!(self, batch_write_item, asked, |_| false).map_err(|error| fault("BatchWriteItem", &error))?;
            requests = answer.unprocessed_items.unwrap_or_default().remove(&self.tables.tenant).unwrap_or_default();
            let units = reported(answer.consumed_capacity.iter().flatten());
            self.meter.add("BatchWriteItem", 0.0, or_one_each(units, count - requests.len()));
            if requests.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("BatchWriteItem: throttled".to_owned()))
    }

    /// Makes one write.
    pub(super) async fn write(&self, write: Write) -> Result<Written> {
        self.write_returning(write, false).await
    }

    /// Makes one write; an update returns the whole item as it stands then, if asked.
    pub(super) async fn write_returning(&self, write: Write, all_new: bool) -> Result<Written> {
        let mut attempt = 0;
        loop {
            match self.write_once(write.clone(), all_new).await {
                Err(Failed::Met) if attempt + 1 < ATTEMPTS => {
                    attempt += 1;
                    pause(attempt).await;
                }
                Err(Failed::Met) => return Err(StoreError::Unavailable("TransactionConflict".to_owned())),
                Err(Failed::Fault(error)) => return Err(error),
                Ok(written) => return Ok(written),
            }
        }
    }

    async fn write_once(&self, write: Write, all_new: bool) -> std::result::Result<Written, Failed> {
        let (table, names, values) = (self.table(write.table), write.names(), write.values());
        let (condition, on_refusal) = (write.condition.as_deref().map(ToOwned::to_owned), write.on_refusal());
        let total = ReturnConsumedCapacity::Total;
        match write.what {
            What::Put(item) => {
                let call = self.client.put_item().table_name(table).set_item(Some(item));
                let call = call.set_condition_expression(condition).set_expression_attribute_names(names);
                let call = call.set_expression_attribute_values(values);
                let call = call.set_return_values_on_condition_check_failure(on_refusal);
                let is_final = |error: &PutItemError| error.is_conditional_check_failed_exception();
                match call!(self, put_item, call.return_consumed_capacity(total), is_final) {
                    Ok(answer) => Ok(self.written("PutItem", None, answer.consumed_capacity())),
                    Err(error) => self.not_written("PutItem", &error, |error| match error {
                        PutItemError::ConditionalCheckFailedException(refusal) => Some(refusal),
                        _ => None,
                    }),
                }
            }
            What::Update(key, expression) => {
                let call = self.client.update_item().table_name(table).set_key(Some(key.item()));
                let call = call.update_expression(expression).set_condition_expression(condition);
                let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
                let call = call.set_return_values_on_condition_check_failure(on_refusal);
                let call = call.set_return_values(all_new.then_some(ReturnValue::AllNew));
                let is_final = |error: &UpdateItemError| error.is_conditional_check_failed_exception();
                match call!(self, update_item, call.return_consumed_capacity(total), is_final) {
                    Ok(mut answer) => {
                        let item = answer.attributes.take();
                        Ok(self.written("UpdateItem", item, answer.consumed_capacity()))
                    }
                    Err(error) => self.not_written("UpdateItem", &error, |error| match error {
                        UpdateItemError::ConditionalCheckFailedException(refusal) => Some(refusal),
                        _ => None,
                    }),
                }
            }
            What::Delete(key) => {
                let call = self.client.delete_item().table_name(table).set_key(Some(key.item()));
                let call = call.set_condition_expression(condition).set_expression_attribute_names(names);
                let call = call.set_expression_attribute_values(values);
                match boxed(call.return_consumed_capacity(total).send()).await {
                    Ok(answer) => Ok(self.written("DeleteItem", None, answer.consumed_capacity())),
                    Err(error) => self.not_written("DeleteItem", &error, |error| match error {
                        DeleteItemError::ConditionalCheckFailedException(refusal) => Some(refusal),
                        _ => None,
                    }),
                }
            }
        }
    }

    fn written(&self, operation: &'static str, item: Option<Item>, told: Option<&ConsumedCapacity>) -> Written {
        self.meter.add(operation, 0.0, or_one_each(reported(told), 1));
        Written::Done(item)
    }

    fn not_written<E: ProvideErrorMetadata, R>(
        &self,
        operation: &'static str,
        error: &SdkError<E, R>,
        refusal: impl Fn(&E) -> Option<&ConditionalCheckFailedException>,
    ) -> std::result::Result<Written, Failed> {
        if let Some(refusal) = error.as_service_error().and_then(refusal) {
            // Billed by the stored item's size all the same, which the answer does not say.
            let item = refusal.item.clone().filter(|item| !item.is_empty());
            self.meter.add(operation, 0.0, item.as_ref().map_or(1.0, |item| write_units(size_of(item))));
            return Ok(Written::Refused(item));
        }
        match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("TransactionConflictException") => Err(Failed::Met),
            _ => Err(Failed::Fault(fault(operation, error))),
        }
    }

    /// Makes all writes or none.
    pub(super) async fn transact(&self, writes: &[Write]) -> Result<Transacted> {
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            if let Some(done) = self.transact_once(writes).await? {
                return Ok(done);
            }
        }
        Err(StoreError::Unavailable("TransactWriteItems: met other transactions again and again".to_owned()))
    }

    /// `None` when it only met another transaction, and may be made again.
    pub(super) async fn transact_once(&self, writes: &[Write]) -> Result<Option<Transacted>> {
        const OPERATION: &str = "TransactWriteItems";
        let items: Result<Vec<_>> = writes.iter().map(|write| self.transact_item(write)).collect();
        let asked = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items?))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let outcome = boxed(asked.send()).await;
        let error = match outcome {
            Ok(answer) => {
                let units = reported(answer.consumed_capacity.iter().flatten());
                self.meter.add(OPERATION, 0.0, or_one_each(units, 2 * writes.len()));
                return Ok(Some(Transacted::Done));
            }
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(fault(OPERATION, &error));
        };
        // Billed although cancelled, by the sizes of what was to be written.
        self.meter.add(OPERATION, 0.0, or_one_each(0.0, 2 * writes.len()));
        let reasons = cancelled.cancellation_reasons();
        let refused = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"));
        if let Some(index) = refused {
            let item = reasons[index].item.clone().filter(|item| !item.is_empty());
            return Ok(Some(Transacted::Refused(index, item)));
        }
        let passing = ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
        if reasons.iter().all(|reason| reason.code().is_none_or(|code| passing.contains(&code))) {
            return Ok(None);
        }
        Err(fault(OPERATION, &error))
    }

    fn transact_item(&self, write: &Write) -> Result<TransactWriteItem> {
        let (table, names, values) = (self.table(write.table), write.names(), write.values());
        let (condition, on_refusal) = (write.condition.as_deref().map(ToOwned::to_owned), write.on_refusal());
        let item = TransactWriteItem::builder();
        let item = match write.what.clone() {
            What::Put(content) => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(content))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(on_refusal)
                    .build()
                    .map_err(|error| built(&error))?,
            ),
            What::Update(key, expression) => item.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key.item()))
                    .update_expression(expression)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(on_refusal)
                    .build()
                    .map_err(|error| built(&error))?,
            ),
            What::Delete(key) => item.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(key.item()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()
                    .map_err(|error| built(&error))?,
            ),
        };
        Ok(item.build())
    }

    /// Emulators count a read as one unit, whatever its size, so the size is counted here too.
    fn metered_read(&self, operation: &'static str, told: Option<&ConsumedCapacity>, bytes: usize, consistent: bool) {
        self.meter.add(operation, reported(told).max(read_units(bytes, consistent)), 0.0);
    }
}

/// Why a single write was not made.
enum Failed {
    /// It met a transaction on the same item.
    Met,
    Fault(StoreError),
}

/// The one place where errors of the SDK become ours. The caller gets the code; the words go to the log, because they
/// may quote what was written.
fn fault<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> StoreError {
    let code = match error {
        SdkError::ServiceError(inner) => inner.err().code().unwrap_or("unknown error").to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(inner) if inner.is_timeout() => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "not reached".to_owned(),
        SdkError::ResponseError(_) => "the answer was lost".to_owned(),
        _ => "the request could not be made".to_owned(),
    };
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    tracing::warn!(operation, code, message, "DynamoDB did not do what it was asked");
    StoreError::Unavailable(format!("{operation}: {code}"))
}

/// A request that the SDK's builders do not take is a defect of ours, which no caller can mend.
fn built(error: &aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Reads the record in an item that has to be there.
pub(super) fn present(item: Option<Item>, operation: &str) -> Result<Item> {
    item.ok_or_else(|| StoreError::Unavailable(format!("{operation}: an answer without the item")))
}

/// A stored item that cannot be read.
pub(super) fn corrupt(item: &Item, reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { key: name_of(item), reason: reason.into() }
}

/// Waits before attempt number `attempt` (not before the first), longer each time and never as long as others do.
pub(super) async fn pause(attempt: u32) {
    if attempt > 0 {
        let longest = 20_u64 << attempt.min(5);
        let drawn = getrandom::u64().unwrap_or(longest);
        tokio::time::sleep(Duration::from_millis(longest / 4 + drawn % longest)).await;
    }
}

fn reported<'a>(told: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    told.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

#[expect(clippy::cast_precision_loss, reason = "an item has at most 400 KB")]
fn read_units(bytes: usize, consistent: bool) -> f64 {
    let units = bytes.div_ceil(4096).max(1) as f64;
    if consistent { units } else { units / 2.0 }
}

#[expect(clippy::cast_precision_loss, reason = "an item has at most 400 KB")]
fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(1024).max(1) as f64
}

/// What was reported, or one unit for each of `count` where nothing was.
#[expect(clippy::cast_precision_loss, reason = "a batch has at most 25 items")]
fn or_one_each(units: f64, count: usize) -> f64 {
    if units > 0.0 { units } else { count as f64 }
}
