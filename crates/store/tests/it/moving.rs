//! Moving into the database of an older platform.

mod back;
mod carried;
mod failures;
mod platform;
mod prisma;
mod starts;
mod writers;
