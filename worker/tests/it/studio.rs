//! A provider whose every answer a test decides, and which counts what it is asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Micros;
use http::Method;
use imaging::{Format, Picture, encode};
use providers::{
    CallContext, Canceled, Finished, ImageRequest, Model, OpenAttempt, Polled, Prepared, Provider,
    ProviderError, RateHints, Reconciled, Submitted,
};
use testkit::wait;
use tokio::sync::watch;

use crate::world::PATIENCE;

/// What one picture costs here.
pub const PRICE: Micros = Micros(70_000);

/// How the studio works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The answer to a submit is the picture.
    AtOnce,
    /// The answer to a submit is a reference, which is polled.
    ByReference,
    /// As by reference, but the studio wants to be left alone for an hour between two polls.
    Unhurried,
}

pub struct Studio {
    manner: Manner,
    doors: watch::Sender<bool>,
    reconciled: Reconciled,
    failures: Mutex<VecDeque<fn() -> ProviderError>>,
    pub submits: AtomicU64,
    pub answers: AtomicU64,
    pub polls: AtomicU64,
    pub cancels: AtomicU64,
    pub reconciles: AtomicU64,
}

impl Studio {
    /// With closed doors: nothing is finished before [`Studio::open`].
    pub fn closed(manner: Manner, reconciled: Reconciled) -> Arc<Self> {
        Arc::new(Self {
            manner,
            doors: watch::Sender::new(false),
            reconciled,
            failures: Mutex::default(),
            submits: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            cancels: AtomicU64::new(0),
            reconciles: AtomicU64::new(0),
        })
    }

    /// With open doors.
    pub fn opened(manner: Manner, reconciled: Reconciled) -> Arc<Self> {
        let studio = Self::closed(manner, reconciled);
        studio.open();
        studio
    }

    /// The next submits fail like this, one by one.
    pub fn fail_with(&self, failures: impl IntoIterator<Item = fn() -> ProviderError>) {
        self.failures.lock().unwrap().extend(failures);
    }

    pub fn open(&self) {
        self.doors.send_replace(true);
    }

    pub fn submitted(&self) -> u64 {
        self.submits.load(Ordering::SeqCst)
    }

    pub async fn until_polled(&self) {
        wait::until("the studio was polled", PATIENCE, async || {
            self.polls.load(Ordering::SeqCst) >= 1
        })
        .await
        .unwrap();
    }

    pub async fn until_submitted(&self, count: u64) {
        wait::until("the studio has the call", PATIENCE, async || {
            self.submitted() >= count
        })
        .await
        .unwrap();
    }

    fn finished(&self) -> Finished {
        let picture = Picture::from_rgb(8, 6, [200, 40, 40].repeat(48)).unwrap();
        Finished {
            bytes: encode(&picture, Format::Png).unwrap().into(),
            content_type: "image/png".to_owned(),
            provider_ref: Some("order-1".to_owned()),
            cost: PRICE,
            tokens: Some(7),
            rate: RateHints::default(),
            notes: Vec::new(),
        }
    }
}

#[async_trait]
impl Provider for Studio {
    fn name(&self) -> &'static str {
        "studio"
    }

    fn default_model(&self) -> &str {
        "easel-1"
    }

    fn model(&self, _model: &str) -> Option<Model> {
        None
    }

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        Ok(Prepared {
            attempt: request.attempt,
            model: request.model.clone(),
            price: PRICE,
            method: Method::POST,
            path: "/".to_owned(),
            content_type: "text/plain".to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            uploads: Vec::new(),
            notes: Vec::new(),
        })
    }

    async fn submit(
        &self,
        _order: Prepared,
        _call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        self.submits.fetch_add(1, Ordering::SeqCst);
        let failure = self.failures.lock().unwrap().pop_front();
        if let Some(failure) = failure {
            return Err(failure());
        }
        if self.manner != Manner::AtOnce {
            return Ok(Submitted::Accepted {
                provider_ref: "order-1".to_owned(),
                rate: RateHints::default(),
            });
        }
        let mut doors = self.doors.subscribe();
        doors.wait_for(|open| *open).await.unwrap();
        self.answers.fetch_add(1, Ordering::SeqCst);
        Ok(Submitted::Finished(self.finished()))
    }

    async fn poll(
        &self,
        _reference: &str,
        _call: CallContext<'_>,
    ) -> Result<Polled, ProviderError> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        if *self.doors.borrow() {
            return Ok(Polled::Finished(self.finished()));
        }
        let ask_again_after = match self.manner {
            Manner::Unhurried => Duration::from_secs(3_600),
            Manner::AtOnce | Manner::ByReference => Duration::from_millis(20),
        };
        Ok(Polled::Working { ask_again_after })
    }

    async fn cancel(
        &self,
        _reference: &str,
        _call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        self.cancels.fetch_add(1, Ordering::SeqCst);
        Ok(if *self.doors.borrow() {
            Canceled::TooLate
        } else {
            Canceled::Stopped { cost: Micros::ZERO }
        })
    }

    async fn reconcile(
        &self,
        _open: &OpenAttempt,
        _call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        self.reconciles.fetch_add(1, Ordering::SeqCst);
        Ok(self.reconciled.clone())
    }
}
