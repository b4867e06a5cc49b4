//! The fuzz targets' entry points, a fixed number of times with inputs that are the same on every
//! run: the seeds, and what a small mutator makes of them. `fuzz/run` searches on from the same
//! seeds, guided by coverage.

use std::panic::catch_unwind;
use std::path::PathBuf;

use super::forge::{self, Png};

#[path = "../../fuzz/entry.rs"]
mod entry;

fn seeds_folder(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds")).join(target)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = seeds_folder(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Runs every seed as it is, and then so many mutations.
fn run(target: &str, entry: fn(&[u8]), executions: u32) {
    let seeds = seeds(target);
    assert!(seeds.len() >= 3, "{target} has no seeds");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for seed in &seeds {
        attempt(target, entry, seed);
    }
    for _ in 0..executions {
        attempt(target, entry, &mutated(&seeds, &mut random));
    }
}

/// A broken promise names its input, so that it can be kept as a seed.
fn attempt(target: &str, entry: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| entry(input)).is_err() {
        let path = std::env::temp_dir().join(format!("imaging-fuzz-{target}"));
        std::fs::write(&path, input).unwrap();
        panic!(
            "{target} broke on the {} bytes in {}",
            input.len(),
            path.display()
        );
    }
}

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }
}

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    const TELLING: [u8; 8] = [0, 1, 0x7F, 0x80, 0xFF, 0xD9, 0xDA, 0x10];
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len());
        let length = random.below(16).min(input.len() - at);
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = TELLING[random.below(TELLING.len())],
            2 if at < input.len() => input[at] = random.next() as u8,
            3 => input.truncate(at),
            4 => drop(input.drain(at..at + length)),
            5 => {
                let part = input[at..at + length].to_vec();
                input.splice(at..at, part);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input
}

#[test]
fn mutated_files_are_decoded_or_refused() {
    run("decode", entry::decode, 40_000);
}

#[test]
fn mutated_headers_are_read_or_refused() {
    run("decode", entry::probe, 100_000);
}

#[test]
fn mutated_plans_are_drawn_or_refused() {
    run("compose", entry::compose, 4_000);
}

#[test]
fn mutated_texts_are_drawn_or_refused() {
    run("text", entry::text, 4_000);
}

#[test]
fn mutated_pictures_come_back_from_every_encoder() {
    run("resize_encode", entry::resize_encode, 1_500);
}

#[test]
#[ignore = "writes the seeds again, after a change of what they are made of"]
fn write_the_seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = seeds_folder(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    for (name, file) in forge::every_layout() {
        write("decode", &name, &file);
    }
    for (name, file) in [
        ("anim.png", &include_bytes!("fixtures/anim.png")[..]),
        ("anim.webp", include_bytes!("fixtures/anim.webp")),
        ("lossy.webp", include_bytes!("fixtures/lossy.webp")),
        ("cmyk.jpg", include_bytes!("fixtures/cmyk_red.jpg")),
        ("text.svg", forge::LONG_SVG_HEAD),
        (
            "texts.png",
            &Png::rgb(2, 2).chunk(b"zTXt", b"Comment\0\0x").file(),
        ),
    ] {
        write("decode", name, file);
    }
    let mut random = Random(7);
    for number in 0..6 {
        let bytes: Vec<u8> = (0..600).map(|_| random.next() as u8).collect();
        write("compose", &format!("plan{number}"), &bytes);
        write("resize_encode", &format!("picture{number}"), &bytes);
    }
    for (number, text) in [
        "Zoé & Léo",
        "שלום\nעולם",
        "a\u{301}\u{302}\u{200d}👍🏽",
        "ffi ﷽ ()",
    ]
    .into_iter()
    .enumerate()
    {
        let numbers = [4, 10, 4, 10, 4, 100, 4, 60, 4, 15, 4, 8, 4, 90];
        write(
            "text",
            &format!("text{number}"),
            &[&numbers, text.as_bytes()].concat(),
        );
    }
}
