//! The migrations themselves: those in this program, or those of a folder.

use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::error::MigrationError;
use super::scan::{self, Statement};

/// Every migration, embedded at compile time from `migrations/`.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The number of the migration that the older platform's tables stand for.
pub(super) const BASELINE: i64 = 1;
/// The number of the migration that turns them into the personalisation models.
pub(super) const PERSONALISATION: i64 = 2;

/// One migration, cut into statements.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) version: i64,
    /// `0002_add_saas_personalization_models`: the file's name without its ending.
    pub(super) name: String,
    /// The rest of the file's name, with spaces, as the history keeps it.
    pub(super) description: String,
    pub(super) checksum: Vec<u8>,
    pub(super) text: String,
    pub(super) statements: Vec<Statement>,
    pub(super) in_transaction: bool,
}

/// The migrations of one run, in order, each checked for what is not SQL.
#[derive(Debug, Clone)]
pub struct Migrations {
    pub(super) files: Vec<File>,
}

impl Migrations {
    /// Those in this program.
    ///
    /// # Errors
    /// [`MigrationError::Stray`]; a test holds that it does not happen.
    pub fn embedded() -> Result<Self, MigrationError> {
        Self::from_sqlx(MIGRATOR.iter())
    }

    /// Those of a folder, instead of the ones in this program.
    ///
    /// # Errors
    /// [`MigrationError::File`] and [`MigrationError::Stray`].
    pub fn folder(folder: &Path) -> Result<Self, MigrationError> {
        let fault = |file: &Path, detail: String| MigrationError::File {
            file: file.display().to_string(),
            detail,
        };
        let entries = std::fs::read_dir(folder).map_err(|e| fault(folder, e.to_string()))?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| fault(folder, e.to_string()))?.path();
            if path.extension().is_none_or(|ending| ending != "sql") {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let Some((number, rest)) = stem.and_then(|stem| stem.split_once('_')) else {
                return Err(fault(&path, "expected NNNN_name.sql".to_owned()));
            };
            let version: i64 = number
                .parse()
                .map_err(|_| fault(&path, "expected NNNN_name.sql".to_owned()))?;
            let text = std::fs::read_to_string(&path).map_err(|e| fault(&path, e.to_string()))?;
            found.push(Migration::new(
                version,
                rest.replace('_', " ").into(),
                MigrationType::Simple,
                AssertSqlSafe(text).into_sql_str(),
                false,
            ));
        }
        found.sort_by_key(|migration| migration.version);
        Self::from_sqlx(found.iter())
    }

    fn from_sqlx<'a>(
        migrations: impl Iterator<Item = &'a Migration>,
    ) -> Result<Self, MigrationError> {
        let files: Result<Vec<File>, MigrationError> = migrations
            .map(|migration| {
                let name = format!(
                    "{:04}_{}",
                    migration.version,
                    migration.description.replace(' ', "_")
                );
                let text = migration.sql.as_str().to_owned();
                Ok(File {
                    version: migration.version,
                    statements: scan::statements(&format!("{name}.sql"), &text)?,
                    name,
                    description: migration.description.to_string(),
                    checksum: migration.checksum.to_vec(),
                    in_transaction: !scan::is_without_transaction(&text),
                    text,
                })
            })
            .collect();
        Ok(Self { files: files? })
    }

    /// The file that an operator names: `2`, `0002`, or the whole name.
    pub(super) fn named(&self, name: &str) -> Option<&File> {
        let name = name.trim_end_matches(".sql");
        self.files
            .iter()
            .find(|file| file.name == name || name.parse() == Ok(file.version))
    }

    pub(super) fn version(&self, version: i64) -> Result<&File, MigrationError> {
        self.files
            .iter()
            .find(|file| file.version == version)
            .ok_or_else(|| MigrationError::File {
                file: format!("{version:04}_….sql"),
                detail: "it is missing".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Migrations;

    #[test]
    fn the_migrations_in_this_program_are_sql() {
        let all = Migrations::embedded().unwrap();
        assert!(all.files.len() >= 3);
        assert_eq!(
            all.named("2").unwrap().name,
            "0002_add_saas_personalization_models"
        );
        assert!(all.files.iter().all(|file| !file.statements.is_empty()));
    }
}
