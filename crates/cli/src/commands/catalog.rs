//! `atelier catalog`: products as files.
//!
//! A catalog is a folder with one folder per product, each with a `product.toml` and the photograph
//! it names. Every file is read and checked before anything is written.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use domain::{BrandId, Clock, ProductSpec};
use imaging::{Fonts, PACK};
use service::SystemClock;
use sha2::{Digest, Sha256};
use store::brand_fonts::{self, family_key};
use store::catalog::Applied;
use store::{Database, Objects, objects};

use crate::args::CatalogCommand;
use crate::{output, stores};

/// A product file that was read and checked.
pub(crate) struct Checked {
    /// The product.
    pub(crate) spec: ProductSpec,
    photograph: Photograph,
}

impl Checked {
    /// The base photograph's file.
    pub(crate) fn photograph_bytes(&self) -> &[u8] {
        &self.photograph.bytes
    }
}

struct Photograph {
    bytes: Bytes,
    extension: &'static str,
    media_type: &'static str,
}

/// Larger photographs are refused: the worker would refuse to decode them.
const MAX_PHOTOGRAPH_BYTES: u64 = 32 * 1024 * 1024;

pub(super) async fn run(command: CatalogCommand) -> anyhow::Result<()> {
    match command {
        CatalogCommand::Check { dir } => {
            for product in read(&dir)? {
                output::data(&format!(
                    "{}  ok, {} zones",
                    product.spec.id,
                    product.spec.zones.len()
                ));
            }
            Ok(())
        }
        CatalogCommand::Apply {
            dir,
            brand,
            public_url,
            objects,
            database,
        } => {
            let products = read(&dir)?;
            let db = stores::database(&database).await?;
            let objects = Objects::open(&objects)?;
            let brand = BrandId(brand);
            check_fonts(&db, &brand, &products).await?;
            for product in &products {
                let applied = apply(&db, &objects, &brand, &public_url, product).await?;
                let word = match applied {
                    Applied::Created => "created",
                    Applied::Updated => "up to date",
                };
                output::data(&format!("{}  {word}", product.spec.id));
            }
            Ok(())
        }
    }
}

/// Refuses products that name a font which neither every worker, nor the font pack, nor the brand has: a
/// worker would draw it in another, and the shop would find out from its shoppers.
async fn check_fonts(db: &Database, brand: &BrandId, products: &[Checked]) -> anyhow::Result<()> {
    let bundled = Fonts::bundled();
    let own = brand_fonts::of_brand(db, brand).await?;
    let families = PACK.iter().map(|font| font.family);
    let keys: Vec<String> = families
        .chain(own.iter().map(|row| row.family.as_str()))
        .map(family_key)
        .collect();
    let known = |name: &str| {
        bundled.knows(name) || name.split(',').any(|one| keys.contains(&family_key(one)))
    };
    let mut faults = String::new();
    for spec in products.iter().map(|product| &product.spec) {
        for (at, zone) in spec.zones.iter().enumerate() {
            let named = zone.allowed_fonts.iter().chain(&zone.default_font);
            let unknown: BTreeSet<&String> = named.filter(|name| !known(name)).collect();
            for name in unknown {
                let product = &spec.id;
                write!(
                    faults,
                    "\n    {product} /zone/{at} no font is called {name:?}"
                )?;
            }
        }
    }
    ensure!(
        faults.is_empty(),
        "fonts are missing, nothing was applied; `atelier font add --brand {brand}` adds one{faults}"
    );
    Ok(())
}

/// Reads and checks every product below `dir`, in the order of the folders' names. All faults of all
/// files are reported at once, each with its file and field.
pub(crate) fn read(dir: &Path) -> anyhow::Result<Vec<Checked>> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read the catalog folder {}", dir.display()))?;
    let mut files: Vec<PathBuf> = entries
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path().join("product.toml"))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    ensure!(
        !files.is_empty(),
        "no folder in {} has a product.toml",
        dir.display()
    );
    let mut products = Vec::new();
    let mut faults = String::new();
    for file in files {
        match read_one(&file) {
            Ok(product) => products.push(product),
            Err(error) => write!(faults, "\n{}: {error:#}", file.display())?,
        }
    }
    ensure!(
        faults.is_empty(),
        "the catalog has faults, nothing was applied{faults}"
    );
    Ok(products)
}

/// Reads and checks one product file and its photograph.
pub(crate) fn read_one(file: &Path) -> anyhow::Result<Checked> {
    let text = std::fs::read_to_string(file)?;
    let spec: ProductSpec = toml::from_str(&text)?;
    if let Err(faults) = domain::validate(&spec) {
        let mut list = String::new();
        for fault in faults {
            write!(
                list,
                "\n    {} {}: {}",
                fault.pointer, fault.code, fault.detail
            )?;
        }
        bail!("{} fields to mend{list}", list.lines().count() - 1);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let photograph = read_photograph(folder, &spec.base_image)
        .with_context(|| format!("/base_image {:?}", spec.base_image))?;
    Ok(Checked { spec, photograph })
}

fn read_photograph(folder: &Path, name: &str) -> anyhow::Result<Photograph> {
    ensure!(
        !name.contains(['/', '\\']),
        "must name a file in the product's own folder"
    );
    let path = folder.join(name);
    let size = std::fs::metadata(&path)?.len();
    ensure!(
        size <= MAX_PHOTOGRAPH_BYTES,
        "has {size} bytes; {MAX_PHOTOGRAPH_BYTES} are the most"
    );
    let bytes = std::fs::read(&path)?;
    let (extension, media_type) = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => ("png", "image/png"),
        [0xff, 0xd8, 0xff, ..] => ("jpg", "image/jpeg"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => ("webp", "image/webp"),
        _ => bail!("is not a PNG, JPEG or WebP picture"),
    };
    Ok(Photograph {
        bytes: Bytes::from(bytes),
        extension,
        media_type,
    })
}

/// Stores the photograph under its content's hash, then writes the product. Dying in between leaves an
/// object nobody names; applying again is harmless.
pub(crate) async fn apply(
    db: &Database,
    objects: &Objects,
    brand: &BrandId,
    public_url: &str,
    product: &Checked,
) -> anyhow::Result<Applied> {
    let Checked { spec, photograph } = product;
    let mut hash = String::new();
    for byte in Sha256::digest(&photograph.bytes) {
        write!(hash, "{byte:02x}")?;
    }
    let key = objects::base_image_key(&hash, photograph.extension);
    objects
        .put(&key, photograph.media_type, photograph.bytes.clone())
        .await?;
    let url = format!(
        "{}/media/base/{hash}.{}",
        public_url.trim_end_matches('/'),
        photograph.extension
    );
    Ok(store::catalog::apply(db, SystemClock.now(), brand, spec, &key, &url).await?)
}
