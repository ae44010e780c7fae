//! Queues in memory, for tests: with faults on order.

use super::{DELAY_MAX_S, Message, Outgoing, Queue, QueueUnavailable, Queues};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What goes wrong with the next send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is taken.
    Away,
    /// Everything but these is taken.
    Refuse(Vec<usize>),
    /// Everything is taken and the answer is lost.
    LoseAnswer,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The queue.
    pub queue: Queue,
    /// The fair-queue group.
    pub group: String,
    /// The message.
    pub body: String,
    /// Its delay.
    pub delay_s: u32,
}

/// Queues that keep what they are given.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    queued: Mutex<Vec<Queued>>,
    faults: Mutex<Vec<Fault>>,
    later: Mutex<Vec<(String, u32)>>,
}

impl MemoryQueues {
    /// Orders a fault for the next send that has none yet.
    pub fn order(&self, fault: Fault) {
        locked(&self.faults).push(fault);
    }

    /// Takes out everything queued so far, the oldest first.
    pub fn drain(&self) -> Vec<Queued> {
        std::mem::take(&mut *locked(&self.queued))
    }

    /// The receipts that were asked to come back, with their seconds.
    pub fn later(&self) -> Vec<(String, u32)> {
        locked(&self.later).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queues for MemoryQueues {
    async fn send<M: Message>(&self, queue: Queue, messages: &[Outgoing<M>]) -> Vec<usize> {
        let fault = {
            let mut faults = locked(&self.faults);
            (!faults.is_empty()).then(|| faults.remove(0))
        };
        let all = || (0..messages.len()).collect::<Vec<_>>();
        let refused = match &fault {
            None | Some(Fault::LoseAnswer) => Vec::new(),
            Some(Fault::Away) => all(),
            Some(Fault::Refuse(indexes)) => indexes.clone(),
        };
        for (index, outgoing) in messages.iter().enumerate() {
            if !refused.contains(&index) {
                locked(&self.queued).push(Queued {
                    queue,
                    group: outgoing.message.scope().tenant().to_string(),
                    body: outgoing.message.encode(),
                    delay_s: outgoing.delay_s.min(DELAY_MAX_S),
                });
            }
        }
        if fault == Some(Fault::LoseAnswer) { all() } else { refused }
    }

    async fn retry_later(&self, _: Queue, receipt: &str, after_s: u32) -> Result<(), QueueUnavailable> {
        locked(&self.later).push((receipt.to_owned(), after_s));
        Ok(())
    }
}
