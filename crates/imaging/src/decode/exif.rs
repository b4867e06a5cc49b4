//! The one thing that is read of an EXIF block: which way is up.
//!
//! Only the first directory is looked at, entry by entry, so an offset that points back or at
//! another directory cannot make a loop.

const TAG_ORIENTATION: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;

/// The orientation, 1 to 8, of a TIFF block with or without the `Exif\0\0` before it; 1 where there
/// is none, or none that makes sense.
pub(super) fn orientation(block: &[u8]) -> u8 {
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    find(tiff)
        .filter(|found| (1..=8).contains(found))
        .and_then(|found| u8::try_from(found).ok())
        .unwrap_or(1)
}

fn find(tiff: &[u8]) -> Option<u16> {
    let big_endian = match tiff.first_chunk::<4>()? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(match big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    };
    let bytes = *tiff.get(4..)?.first_chunk::<4>()?;
    let start = match big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    };
    let start = usize::try_from(start).ok()?;
    let entries = usize::from(u16_at(start)?);
    for entry in 0..entries {
        let at = start.checked_add(2 + entry * ENTRY_BYTES)?;
        if u16_at(at)? == TAG_ORIENTATION {
            let is_short = u16_at(at + 2)? == TYPE_SHORT;
            return u16_at(at + 8).filter(|_| is_short);
        }
    }
    None
}
