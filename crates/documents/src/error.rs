//! What can go wrong.

use domain::invoice::Currency;

/// Why a document cannot be written as a file.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It is a draft: files are made of what was issued.
    #[error("the document has no number yet")]
    NoNumber,
    /// EN 16931 writes amounts with two decimals at most (BR-DEC).
    #[error("EN 16931 has no place for the three decimals of {0}")]
    TooManyDecimals(Currency),
    /// The writer of the page refused.
    #[error("the page cannot be written: {0}")]
    Page(String),
    /// The seller's logo cannot be used.
    #[error("the logo: {0}")]
    Logo(String),
    /// A font that is built in cannot be read: a defect of this program.
    #[error("the built-in font cannot be read")]
    Font,
}
