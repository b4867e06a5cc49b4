//! What the providers would have charged: every request that asks for a picture, accepted or not.
//!
//! `accepted`: the service took the work. `billed`: it would charge for it. Work that was accepted
//! goes on when the client leaves, and no provider documents a refund for that, so it stays billed.
//! `delivered`: the whole picture was handed to the operating system for a client that was there;
//! for work that is polled, its picture was fetched.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::provider::Provider;

/// So many requests are remembered; a sandbox that runs for weeks must not grow.
const MAX_ENTRIES: usize = 200_000;

/// One request that asked for a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, from 1, in the order of arrival.
    pub n: u64,
    /// Whose service.
    pub provider: Provider,
    /// The endpoint's name, as faults name it, such as `images/generations`.
    pub endpoint: &'static str,
    /// The model as the client wrote it; empty when it wrote none.
    pub model: String,
    /// The id that the answer carries (`x-request-id`).
    pub request_id: String,
    /// The id of polled work: a prediction, a response, an asynchronous result.
    pub remote_id: Option<String>,
    /// Whether the service took the work.
    pub accepted: bool,
    /// Whether the service would charge for it.
    pub billed: bool,
    /// Whether the complete picture went out to a client.
    pub delivered: bool,
    /// What it would charge, in millionths of a US dollar; 0 while not billed.
    pub cost_micros: i64,
    /// Pictures that were asked for.
    pub pictures: u32,
    /// The status of the answer; `None` while there is none and when the connection was reset.
    pub status: Option<u16>,
    /// Names of the faults that this request met.
    pub faults: Vec<&'static str>,
    /// The first 12 hexadecimal digits of the SHA-256 of the key; never the key.
    pub key: String,
    /// `X-Client-Request-Id`, as sent.
    pub client_request_id: Option<String>,
    /// `Idempotency-Key`, as sent. None of the three honours one.
    pub idempotency_key: Option<String>,
    /// The seed that was asked for.
    pub seed: Option<u64>,
    /// The SHA-256 of the prompt as it arrived, in hexadecimal; empty for what was refused.
    pub prompt_sha256: String,
    /// The webhook that was asked for.
    pub webhook: Option<String>,
    /// When it arrived.
    pub at: DateTime<Utc>,
}

/// All entries, in the order of arrival.
#[derive(Debug, Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    /// The number of the first entry that is still remembered, less one.
    forgotten: u64,
}

/// An entry's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryNumber(u64);

impl Ledger {
    /// A copy of all entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    /// How many were accepted.
    pub fn accepted(&self) -> usize {
        self.count(|entry| entry.accepted)
    }

    /// How many were billed.
    pub fn billed(&self) -> usize {
        self.count(|entry| entry.billed)
    }

    /// How many were delivered.
    pub fn delivered(&self) -> usize {
        self.count(|entry| entry.delivered)
    }

    /// What was billed in all, in millionths of a US dollar.
    pub fn cost_micros(&self) -> i64 {
        self.book().entries.iter().map(|e| e.cost_micros).sum()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut book = self.book();
        book.forgotten += book.entries.len() as u64;
        book.entries.clear();
    }

    /// Writes an entry down; its number is given here.
    pub(crate) fn add(&self, mut entry: Entry) -> EntryNumber {
        let mut book = self.book();
        if book.entries.len() >= MAX_ENTRIES {
            book.entries.drain(..MAX_ENTRIES / 10);
            book.forgotten += (MAX_ENTRIES / 10) as u64;
        }
        entry.n = book.forgotten + book.entries.len() as u64 + 1;
        let number = EntryNumber(entry.n);
        book.entries.push(entry);
        number
    }

    /// Changes an entry, if it is still remembered.
    pub(crate) fn change(&self, number: EntryNumber, change: impl FnOnce(&mut Entry)) {
        let mut book = self.book();
        let index = number.0.checked_sub(book.forgotten + 1);
        let Some(index) = index.and_then(|index| usize::try_from(index).ok()) else {
            return;
        };
        if let Some(entry) = book.entries.get_mut(index) {
            change(entry);
        }
    }

    /// The picture of this entry has left completely.
    pub(crate) fn deliver(&self, number: EntryNumber) {
        self.change(number, |entry| entry.delivered = true);
    }

    fn count(&self, matches: impl Fn(&Entry) -> bool) -> usize {
        self.book().entries.iter().filter(|e| matches(e)).count()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change leaves the book consistent, so a panic elsewhere does not make it unusable.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
