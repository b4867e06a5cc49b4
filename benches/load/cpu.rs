//! Processor time of processes, from `/proc`. Elsewhere there is none, and it is left out.

use std::collections::BTreeMap;
use std::time::Duration;

/// Ticks a second in `/proc/*/stat`. The kernel fixes it at 100 for all processors we run on.
const TICKS_PER_SECOND: u64 = 100;

/// A process whose time is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched {
    /// What it is shown as; several processes of one name are added up.
    pub(crate) name: &'static str,
    /// Its process number.
    pub(crate) pid: u32,
    /// Whether its children count, ended ones too: PostgreSQL has a process per connection.
    pub(crate) with_children: bool,
}

/// Processor time so far, by name. Names whose processes cannot be read are missing.
pub(crate) fn sample(watched: &[Watched]) -> BTreeMap<&'static str, Duration> {
    let stats = all_stats();
    let mut times = BTreeMap::new();
    for process in watched {
        let own = stats.iter().find(|stat| stat.pid == process.pid);
        let Some(own) = own else { continue };
        let mut ticks = own.ticks;
        if process.with_children {
            let children = stats.iter().filter(|stat| stat.parent == process.pid);
            ticks += own.ended_children_ticks + children.map(|stat| stat.ticks).sum::<u64>();
        }
        *times.entry(process.name).or_default() +=
            Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    }
    times
}

/// What one line of `/proc/*/stat` says of time.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    ticks: u64,
    ended_children_ticks: u64,
}

fn all_stats() -> Vec<Stat> {
    let Ok(folder) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbered = |name: &std::ffi::OsStr| name.to_str().is_some_and(|n| n.parse::<u32>().is_ok());
    folder
        .flatten()
        .filter(|entry| numbered(&entry.file_name()))
        .filter_map(|entry| parse(&std::fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// Reads one line. The program's name stands in brackets and may itself hold blanks and brackets.
fn parse(line: &str) -> Option<Stat> {
    let (before, after) = line.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    // Counted from 1 as proc(5) does, and the fields here begin with the third.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        pid: before.split(' ').next()?.parse().ok()?,
        parent: u32::try_from(number(4)?).ok()?,
        ticks: number(14)? + number(15)?,
        ended_children_ticks: number(16)? + number(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_although_the_programs_name_has_brackets() {
        let line = "42 (a) b (c) S 7 1 1 0 -1 4194560 9 8 0 0 11 22 33 44 20 0 1 0 55 66";
        let expected = Stat {
            pid: 42,
            parent: 7,
            ticks: 33,
            ended_children_ticks: 77,
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("42 (cut off) S 7"), None);
    }
}
