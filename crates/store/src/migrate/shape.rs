//! The shape of tables: what is there, what must be there, and the difference.
//!
//! A shape is a set of facts in PostgreSQL's own words, one for each table, column, index, constraint,
//! enum, function and trigger. The order of columns is none: Prisma and `ALTER TABLE` differ in it, and
//! nobody reads by it.

use std::collections::BTreeMap;
use std::fmt;

use sqlx::PgConnection;

/// The facts of one schema by their subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape(BTreeMap<String, String>);

/// One subject on which two shapes disagree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What it is about, for example `column "Product"."slug"`.
    pub subject: String,
    /// What must be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            expected,
            found,
        } = self;
        match (expected, found) {
            (Some(expected), None) => write!(f, "{subject} is missing; expected: {expected}"),
            (None, Some(found)) => write!(f, "{subject} is more than expected: {found}"),
            (Some(expected), Some(found)) => {
                write!(f, "{subject} is: {found}; expected: {expected}")
            }
            (None, None) => write!(f, "{subject}"),
        }
    }
}

/// Every fact about the schema `$1`. Extensions' own objects are left out.
const FACTS: &str = r#"-- store::migrate::shape
WITH space AS (SELECT oid FROM pg_namespace WHERE nspname = $1),
relation AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c JOIN space s ON c.relnamespace = s.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
SELECT 'table ' || quote_ident(relname) AS subject,
    CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
        ELSE 'view' END AS fact
FROM relation
UNION ALL
SELECT 'column ' || quote_ident(r.relname) || '.' || quote_ident(a.attname),
    format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce(CASE a.attgenerated WHEN 's' THEN ' GENERATED ' ELSE ' DEFAULT ' END
            || pg_get_expr(d.adbin, d.adrelid), '')
        || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY' END
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'index ' || quote_ident(c.relname), pg_get_indexdef(c.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
FROM relation r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'constraint ' || quote_ident(r.relname) || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid)
FROM relation r JOIN pg_constraint k ON k.conrelid = r.oid
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
SELECT 'trigger ' || quote_ident(r.relname) || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid)
FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'enum ' || quote_ident(t.typname), string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
FROM pg_type t JOIN space s ON t.typnamespace = s.oid JOIN pg_enum e ON e.enumtypid = t.oid
WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
GROUP BY t.typname
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid))
FROM pg_proc p JOIN space s ON p.pronamespace = s.oid
WHERE p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'sequence ' || quote_ident(c.relname), 'sequence'
FROM pg_class c JOIN space s ON c.relnamespace = s.oid
WHERE c.relkind = 'S' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
"#;

/// `public` on the older platform, before personalisation. Written by a test from `0001_baseline.sql`.
const BASELINE: &str = include_str!("shape/baseline.txt");
/// `public` with the personalisation models. Written by a test from `0001` and `0002`.
const PERSONALISED: &str = include_str!("shape/personalised.txt");

/// The tables that Atelier itself adds rows to: a further column that must be filled would stop it.
const WRITTEN: &[&str] = &[
    "Brand",
    "ClientSettings",
    "CustomizationZone",
    "Generation",
    "Invoice",
    "Product",
    "Template",
    "UsageRecord",
    "Webhook",
    "WebhookLog",
];

impl Shape {
    /// What the database has in `schema`. The connection's `search_path` must be `public`: types of
    /// other schemas are written with their schema.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub async fn read(connection: &mut PgConnection, schema: &str) -> Result<Self, sqlx::Error> {
        let facts: Vec<(String, String)> = sqlx::query_as(FACTS)
            .bind(schema)
            .fetch_all(connection)
            .await?;
        Ok(Self(facts.into_iter().collect()))
    }

    /// `public` before personalisation.
    pub fn baseline() -> Self {
        Self::parse(BASELINE)
    }

    /// `public` with the personalisation models.
    pub fn personalised() -> Self {
        Self::parse(PERSONALISED)
    }

    fn parse(text: &str) -> Self {
        let facts = text.lines().filter_map(|line| line.split_once(" := "));
        Self(
            facts
                .map(|(subject, fact)| (subject.to_owned(), fact.to_owned()))
                .collect(),
        )
    }

    /// The facts as lines, sorted.
    pub fn text(&self) -> String {
        let line = |(subject, fact): (&String, &String)| format!("{subject} := {fact}\n");
        self.0.iter().map(line).collect()
    }

    /// The number of facts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, subject: &str) -> bool {
        self.0.contains_key(subject)
    }

    /// The columns of a table, quoted where they need it, that `before` has not.
    pub(super) fn columns_beyond(&self, before: &Self, table: &str) -> Vec<String> {
        let prefix = format!("column \"{table}\".");
        self.0
            .keys()
            .filter(|subject| !before.has(subject))
            .filter_map(|subject| subject.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// Whether any of the tables of `of` is there.
    pub(super) fn has_a_table_of(&self, of: &Self) -> bool {
        of.0.keys()
            .any(|subject| subject.starts_with("table ") && self.has(subject))
    }

    /// Everything that differs from `expected`.
    pub fn against(&self, expected: &Self) -> Comparison {
        let mut faults = Vec::new();
        for (subject, fact) in &expected.0 {
            let found = self.0.get(subject);
            if found != Some(fact) && !has_further_labels(subject, fact, found) {
                faults.push(Difference {
                    subject: subject.clone(),
                    expected: Some(fact.clone()),
                    found: found.cloned(),
                });
            }
        }
        let mut extras = Vec::new();
        for (subject, fact) in &self.0 {
            if expected.has(subject) {
                continue;
            }
            let difference = Difference {
                subject: subject.clone(),
                expected: None,
                found: Some(fact.clone()),
            };
            if must_be_filled(expected, subject, fact) {
                faults.push(difference);
            } else {
                extras.push(difference);
            }
        }
        extras.retain(|extra| !self.is_of_a_table_beyond(expected, extra));
        Comparison { faults, extras }
    }

    /// Whether something belongs to a table that is more than expected itself: naming that is enough.
    fn is_of_a_table_beyond(&self, expected: &Self, extra: &Difference) -> bool {
        let fact = extra.found.as_deref().unwrap_or_default();
        let tables = self
            .0
            .keys()
            .filter_map(|subject| subject.strip_prefix("table "));
        tables
            .filter(|table| !expected.has(&format!("table {table}")))
            .any(|table| match extra.subject.split_once(' ') {
                Some(("index", _)) => fact.contains(&format!(".{table} USING ")),
                Some((_, name)) => name.starts_with(&format!("{table}.")),
                None => false,
            })
    }
}

/// An enum of the platform may have labels of its own behind ours.
fn has_further_labels(subject: &str, expected: &str, found: Option<&String>) -> bool {
    subject.starts_with("enum ")
        && found.is_some_and(|found| {
            let labels: Vec<&str> = found.split(", ").collect();
            expected.split(", ").all(|label| labels.contains(&label))
        })
}

/// Whether an extra column keeps Atelier from adding rows to a table that it adds rows to.
fn must_be_filled(expected: &Shape, subject: &str, fact: &str) -> bool {
    let Some(table) = subject
        .strip_prefix("column ")
        .and_then(|rest| rest.split('.').next())
    else {
        return false;
    };
    expected.has("table \"Generation\"")
        && WRITTEN.contains(&table.trim_matches('"'))
        && fact.contains(" NOT NULL")
        && ![" DEFAULT ", " GENERATED ", " IDENTITY"]
            .iter()
            .any(|filled| fact.contains(filled))
}

/// What a comparison of two shapes found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Comparison {
    /// What is missing or different, and what keeps Atelier from working.
    pub faults: Vec<Difference>,
    /// What is there besides. It is left alone.
    pub extras: Vec<Difference>,
}

/// The statements that would mend the differences, where that is a matter of adding something.
pub(super) fn remedies(differences: &[Difference]) -> Vec<String> {
    differences.iter().filter_map(remedy).collect()
}

fn remedy(difference: &Difference) -> Option<String> {
    let expected = difference.expected.as_ref()?;
    let (kind, name) = difference.subject.split_once(' ')?;
    match (kind, &difference.found) {
        ("column", None) => {
            let (table, column) = name.split_once('.')?;
            Some(format!(
                "ALTER TABLE {table} ADD COLUMN {column} {expected};"
            ))
        }
        ("constraint", None) => {
            let (table, constraint) = name.split_once('.')?;
            Some(format!(
                "ALTER TABLE {table} ADD CONSTRAINT {constraint} {expected};"
            ))
        }
        ("index", None) => Some(format!("{expected};")),
        ("enum", None) => Some(format!("CREATE TYPE {name} AS ENUM ({expected});")),
        ("enum", Some(found)) => {
            let there: Vec<&str> = found.split(", ").collect();
            let adds = expected.split(", ").filter(|label| !there.contains(label));
            let adds: Vec<String> = adds
                .map(|label| format!("ALTER TYPE {name} ADD VALUE {label};"))
                .collect();
            Some(adds.join("\n"))
        }
        _ => None,
    }
}
