//! Filling one lane: whose jobs go next.
//!
//! Two regimes. While the brands with due jobs fit on one page, the page holds all of them and deficit
//! round robin over it is exactly fair, by cost. With more brands than that, the page is a window that
//! begins behind the brand served last, each job counts the same, and the window wraps around: every
//! brand gets its turn, one after the other.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use domain::{BrandId, Candidate, DeficitRoundRobin, GenerationId, Lane};
use queue::Queue;
use store::Database;
use store::dispatch::Head;

use crate::error::DutyError;

/// The most brands looked at in one run and lane. A hop of the scan takes some 20 microseconds, so a
/// full page takes about 20 ms.
const PAGE_BRANDS: usize = 1_000;

/// About how many jobs are read in one run and lane: few brands give many jobs each, many give few.
const PAGE_JOBS: usize = 4_096;

/// The fewest jobs read of each brand.
const MIN_PER_BRAND: usize = 4;

/// What filling a lane came to.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Jobs added.
    pub(super) sent: u64,
    /// The stream's length afterwards, if anything was added.
    pub(super) length: Option<u64>,
    /// Brands that have jobs left.
    pub(super) backlogged: BTreeSet<BrandId>,
    /// There are more brands than the page holds.
    pub(super) crowded: bool,
    /// The lane has room left, and jobs that were not read.
    pub(super) more: bool,
}

/// Whose turn it is in one lane. Lost with the process, which costs one unfair round.
#[derive(Debug)]
pub(super) struct LaneTurn {
    lane: Lane,
    fair: DeficitRoundRobin<BrandId>,
    /// The brand behind which the window begins.
    after: Option<BrandId>,
    /// How many brands the last page had.
    brands: usize,
}

/// The due jobs of some brands, each brand's in their order.
struct Page {
    brands: Vec<(BrandId, Vec<Head>)>,
    per_brand: usize,
    crowded: bool,
}

impl LaneTurn {
    pub(super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            fair: DeficitRoundRobin::default(),
            after: None,
            // Careful until the first page has been seen.
            brands: PAGE_BRANDS,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Sends at most `room` jobs. May be cancelled: what was noted and not added goes back later.
    ///
    /// Looks at the backlog even without room, because intake wants to know who has one.
    pub(super) async fn fill(
        &mut self,
        db: &Database,
        queue: &Queue,
        now: DateTime<Utc>,
        room: u64,
    ) -> Result<Filled, DutyError> {
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(PAGE_JOBS);
        let page = self.read(db, now, room).await?;
        self.brands = page.brands.len();
        let picked = self.pick(&page, room);
        let (sent, length) = self.send(db, queue, now, &picked).await?;
        let read: usize = page.brands.iter().map(|(_, jobs)| jobs.len()).sum();
        let unread = page.crowded
            || page
                .brands
                .iter()
                .any(|(_, jobs)| jobs.len() == page.per_brand);
        Ok(Filled {
            sent,
            length,
            backlogged: page.backlogged(&picked),
            crowded: page.crowded,
            // Without progress there is no point in hurrying: somebody else has the rows locked.
            more: unread && sent > 0 && picked.len() == read && picked.len() < room,
        })
    }

    async fn read(
        &self,
        db: &Database,
        now: DateTime<Utc>,
        room: usize,
    ) -> Result<Page, DutyError> {
        let fair_part = PAGE_JOBS / self.brands.max(1);
        let per_brand = fair_part.max(MIN_PER_BRAND).min(room.max(1));
        let window = self.after.as_ref();
        let mut brands = group(self.heads(db, now, window, PAGE_BRANDS, per_brand).await?);
        let missing = PAGE_BRANDS - brands.len();
        if let Some(after) = window
            && missing > 0
        {
            // The end was reached: go on from the start, as far as to where the window began.
            let from_start = self.heads(db, now, None, missing, per_brand).await?;
            brands.extend(
                group(from_start)
                    .into_iter()
                    .filter(|(brand, _)| brand <= after),
            );
        }
        Ok(Page {
            crowded: brands.len() >= PAGE_BRANDS,
            brands,
            per_brand,
        })
    }

    async fn heads(
        &self,
        db: &Database,
        now: DateTime<Utc>,
        after: Option<&BrandId>,
        brands: usize,
        per_brand: usize,
    ) -> Result<Vec<Head>, DutyError> {
        let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let (brands, per_brand) = (count(brands), count(per_brand));
        Ok(store::dispatch::heads(db, now, self.lane, after, brands, per_brand).await?)
    }

    fn pick<'a>(&mut self, page: &'a Page, room: usize) -> Vec<&'a Head> {
        if page.crowded {
            // The window's own order is whose turn it is.
            self.fair = DeficitRoundRobin::default();
        }
        let backlogs = page.brands.iter().map(|(brand, jobs)| {
            let weight = |job: &Head| match page.crowded {
                // A brand that leaves the window loses its credit and could never save up for a
                // heavy job, so here every job weighs the same.
                true => 1,
                false => u32::try_from(job.weight).unwrap_or(1),
            };
            let candidate = |job: &'a Head| Candidate {
                weight: weight(job),
                id: job,
            };
            (brand.clone(), jobs.iter().map(candidate).collect())
        });
        let picked = self.fair.pick(backlogs, room);
        if !page.crowded {
            self.after = None;
        } else if let Some(last) = picked.last() {
            self.after = Some(last.brand_id.clone());
        }
        picked
    }

    /// Notes and adds. Returns how many were added and the stream's length then.
    async fn send(
        &self,
        db: &Database,
        queue: &Queue,
        now: DateTime<Utc>,
        picked: &[&Head],
    ) -> Result<(u64, Option<u64>), DutyError> {
        if picked.is_empty() {
            return Ok((0, None));
        }
        let ids: Vec<GenerationId> = picked.iter().map(|job| job.id).collect();
        let noted = store::dispatch::note_dispatched(db, now, &ids).await?;
        let noted: HashSet<GenerationId> = noted.into_iter().collect();
        let entries: Vec<queue::Dispatch> = picked
            .iter()
            .filter(|job| noted.contains(&job.id))
            .map(|job| entry(self.lane, job))
            .collect();
        if entries.is_empty() {
            return Ok((0, None));
        }
        match queue.add(&entries).await {
            Ok(lengths) => Ok((entries.len() as u64, lengths.get(&self.lane).copied())),
            Err(error) => {
                let noted: Vec<GenerationId> = noted.into_iter().collect();
                if let Err(error) = store::dispatch::withdraw(db, &noted).await {
                    tracing::debug!(%error, "the sweep will put back what could not be added");
                }
                Err(error.into())
            }
        }
    }
}

impl Page {
    /// The brands with jobs that were read and not picked, or that were not even read.
    fn backlogged(&self, picked: &[&Head]) -> BTreeSet<BrandId> {
        let mut counts: BTreeMap<&BrandId, usize> = BTreeMap::new();
        for job in picked {
            *counts.entry(&job.brand_id).or_default() += 1;
        }
        self.brands
            .iter()
            .filter(|(brand, jobs)| {
                let picked = counts.get(brand).copied().unwrap_or(0);
                jobs.len() > picked || jobs.len() == self.per_brand
            })
            .map(|(brand, _)| brand.clone())
            .collect()
    }
}

/// The jobs of each brand, brands in the order of their ids.
fn group(heads: Vec<Head>) -> Vec<(BrandId, Vec<Head>)> {
    let mut brands: BTreeMap<BrandId, Vec<Head>> = BTreeMap::new();
    for head in heads {
        brands.entry(head.brand_id.clone()).or_default().push(head);
    }
    brands.into_iter().collect()
}

fn entry(lane: Lane, job: &Head) -> queue::Dispatch {
    queue::Dispatch {
        lane,
        id: job.id,
        trace: Some(job.trace_parent.clone()).filter(|trace| !trace.is_empty()),
    }
}
