//! A migration file cut into statements, each with its line; and what is not SQL among them.
//!
//! This is a lexer, not a parser: it knows comments, strings, quoted names and dollar quotes, so that a
//! `;` inside them ends nothing. What a statement means is PostgreSQL's business.

use super::error::MigrationError;

/// One statement of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its text, without comments before it and without the `;`.
    pub(super) text: String,
    /// The line of its first word, from 1.
    pub(super) line: usize,
}

impl Statement {
    /// The text on at most a few lines, for a message.
    pub(super) fn shown(&self) -> String {
        shorten(&self.text)
    }
}

/// A statement as a message shows it.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a statement of a migration may begin with. `BEGIN`, `COMMIT` and the like are missing on
/// purpose: the transaction is the runner's.
const VERBS: &[&str] = &[
    "ALTER", "ANALYZE", "CALL", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "GRANT", "INSERT",
    "LOCK", "MERGE", "REFRESH", "REINDEX", "RESET", "REVOKE", "SELECT", "SET", "TABLE", "TRUNCATE",
    "UPDATE", "VALUES", "WITH",
];

/// Cuts a file into statements.
///
/// # Errors
/// [`MigrationError::Stray`] at the first statement that begins with no word of SQL, or that is never
/// ended.
pub(super) fn statements(file: &str, text: &str) -> Result<Vec<Statement>, MigrationError> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = skip_blank(rest);
        if rest.is_empty() {
            return Ok(found);
        }
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let stray = |line: usize, text: &str| MigrationError::Stray {
            file: file.to_owned(),
            line,
            text: text.lines().next().unwrap_or_default().trim().to_owned(),
        };
        let word: String = rest
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_ascii_uppercase();
        let follows = rest[word.len()..].chars().next();
        if !VERBS.contains(&word.as_str())
            || !follows.is_some_and(|c| c.is_whitespace() || c == '(' || c == '$')
        {
            return Err(stray(line, rest));
        }
        let Some(end) = end_of_statement(rest) else {
            return Err(stray(line, rest));
        };
        found.push(Statement {
            text: rest[..end].trim_end().to_owned(),
            line,
        });
        rest = &rest[end + 1..];
    }
}

/// Whether the first line of the file says that it manages without a transaction.
pub(super) fn is_without_transaction(text: &str) -> bool {
    text.starts_with("-- no-transaction")
}

fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        match comment_end(text) {
            Some(end) => text = &text[end..],
            None => return text,
        }
    }
}

/// The length of the comment that `text` begins with.
fn comment_end(text: &str) -> Option<usize> {
    if text.starts_with("--") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// Where the `;` stands that ends the statement.
fn end_of_statement(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let here = &text[at..];
        at += match bytes[at] {
            b';' => return Some(at),
            b'-' | b'/' => comment_end(here).unwrap_or(1),
            quote @ (b'\'' | b'"') => quoted_end(here, quote, is_escape_string(&text[..at]))?,
            b'$' => dollar_end(here)?,
            _ => here.chars().next().map_or(1, char::len_utf8),
        };
    }
    None
}

/// Whether the quote behind `before` begins an `E'…'` string.
fn is_escape_string(before: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('E' | 'e')) && !back.next().is_some_and(char::is_alphanumeric)
}

/// The length of a quoted string or name, both quotes included.
fn quoted_end(text: &str, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if escapes && bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    None
}

/// The length of a dollar-quoted string; 1 where the dollar is none's beginning (`$1`).
fn dollar_end(text: &str) -> Option<usize> {
    let Some(tag_length) = text[1..].find('$') else {
        return Some(1);
    };
    let tag = &text[..tag_length + 2];
    if !tag[1..=tag_length]
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_')
        || tag[1..].starts_with(|c: char| c.is_ascii_digit())
    {
        return Some(1);
    }
    text[tag.len()..].find(tag).map(|end| tag.len() * 2 + end)
}

#[cfg(test)]
mod tests {
    use super::{MigrationError, statements};

    fn cut(text: &str) -> Vec<(usize, String)> {
        statements("f.sql", text)
            .unwrap()
            .into_iter()
            .map(|statement| (statement.line, statement.text))
            .collect()
    }

    fn stray(text: &str) -> (usize, String) {
        match statements("f.sql", text) {
            Err(MigrationError::Stray { line, text, .. }) => (line, text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn semicolons_in_strings_names_comments_and_bodies_end_nothing() {
        let text = "-- a; comment\nSELECT 'a;''b', \"c;\"\"d\" /* e; /* f; */ */ ;\n\nDO $x$ BEGIN; $$;$$ END $x$;\nSELECT E'\\';', $1, 1-1;";
        assert_eq!(
            cut(text),
            [
                (
                    2,
                    "SELECT 'a;''b', \"c;\"\"d\" /* e; /* f; */ */".to_owned()
                ),
                (4, "DO $x$ BEGIN; $$;$$ END $x$".to_owned()),
                (5, "SELECT E'\\';', $1, 1-1".to_owned()),
            ]
        );
    }

    #[test]
    fn a_line_of_another_program_is_found_with_its_line() {
        for noise in [
            "Loaded Prisma config from prisma.config.ts.",
            "> prisma migrate diff",
            "npm warn deprecated inflight@1.0.6",
            "{\"level\": \"warn\"}",
            "$ psql -f 0001.sql",
        ] {
            assert_eq!(
                stray(&format!("{noise}\n\nCREATE TABLE a ();\n")),
                (1, noise.to_owned())
            );
            assert_eq!(
                stray(&format!(
                    "CREATE TABLE a ();\n{noise}\nCREATE TABLE b ();\n"
                )),
                (2, noise.to_owned())
            );
            assert_eq!(
                stray(&format!("CREATE TABLE a ();\n\n-- end\n{noise}\n")),
                (4, noise.to_owned())
            );
        }
    }

    #[test]
    fn what_is_never_ended_and_what_ends_the_transaction_is_refused() {
        assert_eq!(stray("SELECT 1;\nSELECT 2").0, 2);
        assert_eq!(stray("SELECT 'a;\n").0, 1);
        assert_eq!(stray("SELECT 1;\nCOMMIT;").0, 2);
    }
}
