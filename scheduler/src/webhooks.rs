//! Sending webhooks.
//!
//! | module | owns |
//! |---|---|
//! | `sender` | one try: a guarded POST, and what came of it |

mod sender;

pub use sender::{Answer, MAX_RESPONSE_BYTES, Message, Sender};
