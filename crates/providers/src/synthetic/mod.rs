//! A provider in this process: real pictures, no key, no money.

mod failures;

pub use failures::{Failure, FailurePlan, PlanError};
