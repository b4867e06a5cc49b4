//! Claims jobs and makes pictures: claim, prompt, ledger, provider, imaging, store, settle.
//!
//! | module | owns |
//! |---|---|
//! | `role` | setting the process up and its tasks |
//! | `session` | the lease of this process, renewed on a thread of its own; the self-fence |
//! | `claim` | from stream entries to jobs in hand |
//! | `held` | which jobs are in hand, and telling one to stop |
//! | `watch` | cancellations, and jobs we hold without knowing |
//! | `pipeline` | one job, from claim to settlement |
//! | `studio` | the same pictures without a worker, for `atelier render` |
//! | `fonts`, `brand_fonts` | the font pack's folder; a brand's own fonts |
//! | `prompt`, `inputs`, `spend`, `layers`, `output`, `report` | its stages |
//! | `keyring`, `routing_args` | which keys may be spent on, and the settings of who is asked |
//! | `moderation` | asking a service about words and pictures before anything is paid |
//! | `aftercare` | the calls that ended and held jobs left open |
//! | `ledger`, `settle` | batched writes under the job's lease |
//!
//! Invariants:
//! - nothing goes to a provider before the ledger holds the attempt (I3), and a job whose ledger has
//!   an open attempt is polled or reconciled, never sent;
//! - whatever can be found wrong with a job without paying is found before the provider is asked;
//! - every write carries the job's lease; a lease that is lost ends the work without a word (I5);
//! - the raw answer is in the object store before anything is done with it, so a crash later costs
//!   nothing;
//! - no image work runs on the async threads.
//!
//! It deliberately decides neither which job is next (dispatcher and queue) nor what a job costs the
//! brand (billing).

mod aftercare;
mod bases;
mod brand_fonts;
mod claim;
mod config;
mod fonts;
mod held;
mod ids;
mod inputs;
mod job;
mod keyring;
mod layers;
mod ledger;
mod masked;
mod metrics;
mod moderation;
mod output;
mod pipeline;
mod prompt;
mod report;
mod retry;
mod role;
mod routing_args;
mod session;
mod settle;
mod spend;
mod stop;
pub mod studio;
mod verdict;
mod watch;
mod worker;

pub use config::{SettingError, WorkerArgs};
pub use fonts::{FontPackError, load_fonts};
pub use role::{ROLE, start, start_with};
pub use routing_args::RoutingArgs;
