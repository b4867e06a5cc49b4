//! How much a private server does to keep its data.

/// Whether a server's data must survive a crash of the machine. The death of the server's process
/// alone loses nothing that PostgreSQL has written, whatever is chosen here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Fast and forgetful: nothing is flushed, Redis keeps nothing across a restart.
    #[default]
    Test,
    /// As in production: PostgreSQL flushes each commit, Redis appends to its file each second.
    Demo,
}
