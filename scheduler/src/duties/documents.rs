//! Making the files of issued invoices.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Months, Utc};
use documents::{Logo, Rendered};
use domain::{Clock, LinkSecrets};
use futures::StreamExt;
use service::telemetry::error_chain;
use sha2::{Digest, Sha256};
use store::invoice_files::{self, FileRef, InvoiceFiles, Recorded, Unrendered};
use store::{Database, Objects, StoreError, objects};
use uuid::Uuid;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;
use crate::press::Press;

/// Invoices that are read at once, and how many of them are under way: an upload mostly waits.
const BATCH: i64 = 32;
const AT_ONCE: usize = 8;
/// Batches of one run; after them it says that there is more.
const BATCHES: usize = 16;
/// Logos that are kept in memory: more than one only where a seller has changed its own.
const MAX_LOGOS: usize = 8;
/// How long the address in `"Invoice"."pdfUrl"` opens the page, in months: as long as invoices are kept by law
/// (ten years: code de commerce L123-22; OR 958f).
const SHOWN_MONTHS: Months = Months::new(120);

/// What the addresses of pages are made of.
#[derive(Clone, Debug)]
pub struct PageLinks {
    /// The secrets that sign them.
    pub secrets: LinkSecrets,
    /// Where api-lite is reached, without a slash at the end.
    pub public_url: String,
}

/// The duty `documents`: page and XML of every issued invoice, in the object store under keys made of their
/// content. Dying between an upload and the row leaves objects that the next run writes again, byte for byte.
pub struct Documents {
    db: Database,
    objects: Objects,
    press: Press,
    links: Option<PageLinks>,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
    logos: HashMap<String, Logo>,
    /// Whether addresses may be missing from the time before there was a secret; looked for once.
    unshown: bool,
}

/// Why one invoice has no files yet.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("what the invoice says cannot be read: {0}")]
    Unreadable(String),
    #[error("the logo {0} is not in the object store")]
    NoLogo(String),
    #[error(transparent)]
    Render(#[from] documents::RenderError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Documents {
    /// The duty's name.
    pub const NAME: &'static str = "documents";

    /// The duty, with a thread of its own.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new(
        db: Database,
        objects: Objects,
        links: Option<PageLinks>,
        clock: Arc<dyn Clock>,
        metrics: SchedulerMetrics,
    ) -> io::Result<Self> {
        Ok(Self {
            db,
            objects,
            press: Press::start()?,
            unshown: links.is_some(),
            links,
            clock,
            metrics,
            logos: HashMap::new(),
        })
    }

    /// Reads the logos of a batch that are not known yet. One that cannot be had keeps its invoices waiting.
    async fn know_logos(&mut self, batch: &[Unrendered]) -> HashMap<String, Failure> {
        let mut missing = HashMap::new();
        if self.logos.len() > MAX_LOGOS {
            self.logos.clear();
        }
        for key in batch.iter().filter_map(logo_key) {
            if self.logos.contains_key(key) || missing.contains_key(key) {
                continue;
            }
            match self.read_logo(key).await {
                Ok(logo) => drop(self.logos.insert(key.to_owned(), logo)),
                Err(failure) => drop(missing.insert(key.to_owned(), failure)),
            }
        }
        missing
    }

    async fn read_logo(&self, key: &str) -> Result<Logo, Failure> {
        let bytes = self.objects.get(key).await?;
        let bytes = bytes.ok_or_else(|| Failure::NoLogo(key.to_owned()))?;
        Ok(Logo::read(&bytes)?)
    }

    async fn try_to_make<'i>(
        &self,
        invoice: &'i Unrendered,
    ) -> (Result<Recorded, Failure>, &'i Unrendered) {
        (self.make(invoice).await, invoice)
    }

    /// Makes and records the files of one invoice. May be cancelled at any point.
    async fn make(&self, invoice: &Unrendered) -> Result<Recorded, Failure> {
        let document = invoice.document.clone().map_err(Failure::Unreadable)?;
        let logo = logo_key(invoice).and_then(|key| self.logos.get(key));
        let Rendered { pdf, xml } = self.press.render(document, logo.cloned()).await?;
        let files = InvoiceFiles {
            pdf: self.store(pdf, "pdf", "application/pdf").await?,
            xml: self.store(xml, "xml", "application/xml").await?,
        };
        let url = self.page_url(invoice.id, invoice.issued_at);
        let now = self.clock.now();
        Ok(invoice_files::record(&self.db, now, invoice.id, &files, url.as_deref()).await?)
    }

    async fn store(&self, bytes: Vec<u8>, kind: &str, media: &str) -> Result<FileRef, StoreError> {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = objects::invoice_key(&hex, kind);
        self.objects.put(&key, media, Bytes::from(bytes)).await?;
        Ok(FileRef { key, sha256 })
    }

    fn page_url(&self, invoice: Uuid, issued_at: DateTime<Utc>) -> Option<String> {
        let PageLinks {
            secrets,
            public_url,
        } = self.links.as_ref()?;
        let expires_at = issued_at + SHOWN_MONTHS;
        let path = format!("/v1/invoices/{invoice}/pdf");
        Some(secrets.address(public_url, &path, expires_at))
    }

    /// Shows the pages that were made while no secret was set.
    async fn show_older(&mut self) -> Result<u64, DutyError> {
        if !self.unshown {
            return Ok(0);
        }
        let found = invoice_files::unshown(&self.db, BATCH).await?;
        self.unshown = !found.is_empty();
        let urls: Vec<(Uuid, String)> = found
            .into_iter()
            .filter_map(|(id, issued_at)| Some((id, self.page_url(id, issued_at)?)))
            .collect();
        invoice_files::show_all(&self.db, &urls).await?;
        Ok(urls.len() as u64)
    }

    /// Makes the files of a batch. Returns how many were made; a failure of one is logged and left for a later
    /// run, unless it is the store's, which would meet all.
    async fn batch(&mut self, batch: &[Unrendered]) -> Result<(u64, u64), DutyError> {
        let missing = self.know_logos(batch).await;
        let (mut made, mut failed) = (0, 0);
        let mut these = Vec::new();
        for invoice in batch {
            if logo_key(invoice).is_none_or(|key| !missing.contains_key(key)) {
                these.push(self.try_to_make(invoice));
            }
        }
        let mut results = futures::stream::iter(these).buffer_unordered(AT_ONCE);
        while let Some((result, invoice)) = results.next().await {
            let outcome = match result {
                Ok(Recorded::Others) => {
                    tracing::warn!(
                        invoice = invoice.number,
                        "another scheduler has made other files of this invoice; they stay"
                    );
                    "others"
                }
                Ok(Recorded::Now | Recorded::Before) => {
                    made += 1;
                    "made"
                }
                Err(Failure::Store(error)) => return Err(error.into()),
                Err(failure) => {
                    failed += 1;
                    let error = error_chain(&failure);
                    tracing::error!(
                        invoice = invoice.number,
                        error,
                        "the invoice's files cannot be made"
                    );
                    "failed"
                }
            };
            self.metrics
                .documents_total
                .with_label_values(&[outcome])
                .inc();
        }
        drop(results);
        for failure in missing.into_values() {
            failed += 1;
            let error = error_chain(&failure);
            tracing::error!(error, "invoices wait for their logo");
        }
        Ok((made, failed))
    }
}

fn logo_key(invoice: &Unrendered) -> Option<&str> {
    let document = invoice.document.as_ref().ok()?;
    document.head.seller.logo.as_deref()
}

impl Duty for Documents {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let shown = self.show_older().await?;
        let (mut after, mut made, mut failed, mut more) = (None, 0, 0, shown > 0);
        for round in 0..BATCHES {
            let batch = invoice_files::due(&self.db, after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = Some((last.issued_at, last.id));
            let (these, not) = self.batch(&batch).await?;
            made += these;
            failed += not;
            more |= round + 1 == BATCHES && made > 0;
        }
        let failing = i64::try_from(failed).unwrap_or(i64::MAX);
        self.metrics.documents_failing.set(failing);
        Ok(Progress {
            changed: made + shown,
            detail: format!("made the files of {made} invoices, {failed} cannot be made"),
            more,
            next_at: None,
        })
    }
}
