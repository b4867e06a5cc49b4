//! Moving into the database of an older platform.

mod back;
mod carried;
mod failures;
mod late;
mod platform;
mod prisma;
mod starts;
mod writers;
