"""Makes the inputs of the comparison from the demo's two photographs: `inputs.py CATALOG FOLDER`.

Larger pictures are laid out of mirrored tiles at the photographs' own size and not enlarged, because an
enlarged photograph has no fine detail and flatters every encoder. A pixel of the cup is as soft as a camera's,
one of the stars as sharp as can be. None carries a colour profile.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

# Raised when this file makes other pictures; a folder with this mark is used as it is.
EDITION = "3"


def tiles(catalog):
    cup = Image.open(catalog / "coffee-cup/base.jpg").convert("RGB")
    stars = Image.open(catalog / "star-print/base.jpg").convert("RGB")
    stars = stars.resize((1024, 893), Image.Resampling.LANCZOS)
    return [np.asarray(cup), np.asarray(stars.crop((0, 100, 1024, 100 + cup.height)))]


def laid_out(tiles, width, height):
    """Rows of tiles, three cups to one of stars, each mirrored another way than its neighbours."""
    tile_height, tile_width, _ = tiles[0].shape
    rows = []
    for y in range(-(-height // tile_height)):
        row = []
        for x in range(-(-width // tile_width)):
            tile = tiles[1 if (x + 2 * y) % 4 == 3 else 0]
            row.append(tile[:: 1 - 2 * (y % 2), :: 1 - 2 * (x % 2)])
        rows.append(np.concatenate(row, axis=1))
    return np.ascontiguousarray(np.concatenate(rows, axis=0)[:height, :width])


def disc(size):
    """Alpha of a disc with a soft edge and a window of half transparency."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    distance = np.hypot(x - size / 2 + 0.5, y - size / 2 + 0.5)
    alpha = np.clip((size * 0.48 - distance) / (size * 0.02), 0, 1)
    alpha[size // 3 : size // 2, size // 3 : size // 2] *= 0.5
    return np.round(alpha * 255).astype(np.uint8)


def main(catalog, folder):
    mark = folder / "edition"
    if mark.exists() and mark.read_text() == EDITION:
        return
    folder.mkdir(parents=True, exist_ok=True)
    photographs = tiles(catalog)
    large = laid_out(photographs, 4096, 4096)
    (folder / "large.rgb").write_bytes(large.tobytes())
    (folder / "large.rgba").write_bytes(np.dstack([large, disc(4096)]).tobytes())
    Image.fromarray(large[:1024, :1024]).save(folder / "base.png", compress_level=6)
    overlay = np.dstack([large[1400:2424, 300:1324], disc(1024)])
    Image.fromarray(overlay, "RGBA").save(folder / "overlay.png", compress_level=6)
    Image.fromarray(laid_out(photographs, 4000, 3000)).save(folder / "photograph.jpg", quality=90, subsampling="4:2:0")
    mark.write_text(EDITION)


main(Path(sys.argv[1]), Path(sys.argv[2]))
