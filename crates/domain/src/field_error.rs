//! One fault in one field of what somebody sent or wrote.

use std::fmt;

use serde::Serialize;

/// A fault, where it is, and what would be allowed there.
///
/// A validator returns every fault it finds, so that a form can mark all its fields at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) from the root of the body or file, such as
    /// `/customizations/zone_1/text`.
    pub pointer: String,
    /// A stable name in `snake_case` that a program may act on.
    pub code: &'static str,
    /// A sentence for people: it says what is allowed.
    pub detail: String,
}

impl FieldError {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.pointer, self.detail, self.code)
    }
}

impl std::error::Error for FieldError {}

/// The pointer to `key` below `parent`, with `~` and `/` escaped as RFC 6901 wants.
pub(crate) fn child(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_slash_stays_one_step_of_the_pointer() {
        assert_eq!(child("/customizations", "a/b~c"), "/customizations/a~1b~0c");
    }

    #[test]
    fn a_fault_prints_where_what_and_code() {
        let error = FieldError::new("/slug", "slug_form", "use a-z, 0-9 and -");
        assert_eq!(error.to_string(), "/slug: use a-z, 0-9 and - (slug_form)");
    }
}
