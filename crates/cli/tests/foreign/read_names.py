"""Reads the names in finished pictures with tesseract.

read_names.py FILE: a JSON list of {picture, x, y, width, height, rotation, language}; prints a JSON list of what
was read, in the same order. One run of tesseract per language.

What a picture goes through first is what any reader of photographs does, and knows nothing of the names: the
zone is cut out upright and enlarged, the colour channel with most contrast is taken, what is wider than a stroke
counts as ground and is taken away, specks and what reaches the cut's edge are left out, and the rest is scaled to
one height.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ENLARGED = 2
MARGIN_PX = 8
# Wider than the strokes of the largest letters, in enlarged pixels.
STROKE_PX = 41
# Parts that are paler than this, against the darkest, are ground.
PALE = 0.63
SPECK_PX = 30
LINE_PX = 48


def upright(picture, zone):
    """The zone with a margin, turned back."""
    center_x, center_y = zone["x"] + zone["width"] / 2, zone["y"] + zone["height"] / 2
    width, height = zone["width"] + 2 * MARGIN_PX, zone["height"] + 2 * MARGIN_PX
    angle = math.radians(zone["rotation"])
    cos, sin = math.cos(angle), math.sin(angle)
    back = (
        cos / ENLARGED, -sin / ENLARGED, center_x - (cos * width - sin * height) / 2,
        sin / ENLARGED, cos / ENLARGED, center_y - (sin * width + cos * height) / 2,
    )
    size = (round(width * ENLARGED), round(height * ENLARGED))
    return picture.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)


def largest_around(plane, side):
    """Each sample becomes the largest in a square about it."""
    reach = side // 2
    for axis in (0, 1):
        count = plane.shape[axis]
        padded = np.pad(plane, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        padded = np.moveaxis(padded, axis, 0)
        seen = 1
        while seen * 2 <= side:
            padded = np.maximum(padded[: len(padded) - seen], padded[seen:])
            seen *= 2
        plane = np.moveaxis(np.maximum(padded[:count], padded[side - seen : side - seen + count]), 0, axis)
    return plane


def dark_strokes(image):
    """How much darker than its surroundings everything thin is; of light writing, the negative."""
    image = image.filter(ImageFilter.GaussianBlur(1))
    width, height = image.size
    small = image.resize((width // 4, height // 4), Image.Resampling.BOX).filter(ImageFilter.MedianFilter(17))
    samples = np.asarray(image, float)
    apart = samples - np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), float)
    inner = apart[height // 8 : -height // 8, width // 10 : -width // 10]
    light = (np.maximum(inner, 0) ** 2).sum((0, 1))
    dark = (np.minimum(inner, 0) ** 2).sum((0, 1))
    channel = int(np.argmax(np.maximum(light, dark)))
    plane = samples[..., channel]
    if light[channel] > dark[channel]:
        plane = 255 - plane
    ground = -largest_around(-largest_around(plane, STROKE_PX), STROKE_PX)
    return ground - plane


def otsu(samples):
    """The threshold that parts samples best into two classes (Otsu, 1979)."""
    counts, _ = np.histogram(samples, 256, (0, 256))
    share = counts / counts.sum()
    below, sums = np.cumsum(share), np.cumsum(share * np.arange(256))
    with np.errstate(all="ignore"):
        between = (sums[-1] * below - sums) ** 2 / (below * (1 - below))
    return int(np.nan_to_num(between).argmax())


def parts(mask):
    """The connected parts of a mask, each as runs of (row, begin, end)."""
    parent, runs, above = [], [], []

    def root(number):
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for row, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(np.int8), [0]))))
        own = []
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist()):
            number = len(parent)
            parent.append(number)
            for other_begin, other_end, other in above:
                if other_begin <= end and other_end >= begin:
                    parent[root(other)] = root(number)
            own.append((begin, end, number))
            runs.append((row, begin, end))
        above = own
    together = defaultdict(list)
    for number, run in enumerate(runs):
        together[root(number)].append(run)
    return together.values()


def written(strokes):
    """Where the letters are, and how dark a letter is."""
    full = np.percentile(strokes[strokes > otsu(strokes)], 75)
    mask = strokes > full / 2
    height, width = mask.shape
    kept = np.zeros(mask.shape, bool)
    for runs in parts(mask):
        area = sum(end - begin for _, begin, end in runs)
        darkness = sum(strokes[row, begin:end].sum() for row, begin, end in runs) / area
        inside = all(1 < row < height - 2 and begin > 1 and end < width - 2 for row, begin, end in runs)
        if inside and area >= SPECK_PX and darkness >= PALE * full:
            for row, begin, end in runs:
                kept[row, begin:end] = True
    return kept, full


def line(image):
    """The writing alone, black on white."""
    strokes = dark_strokes(image)
    kept, full = written(strokes)
    rows, columns = np.nonzero(kept)
    if len(rows) == 0:
        return Image.new("L", (3 * LINE_PX, 2 * LINE_PX), 255)
    near = largest_around(kept.astype(np.uint8), 7) > 0
    ink = 255 - np.where(near, np.clip(strokes / full, 0, 1) * 255, 0).astype(np.uint8)
    ink = Image.fromarray(ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    ink = ink.resize((max(1, round(ink.width * LINE_PX / ink.height)), LINE_PX), Image.Resampling.LANCZOS)
    page = Image.new("L", (ink.width + 40, ink.height + 40), 255)
    page.paste(ink, (20, 20))
    return page


def read(paths, language, folder):
    """What tesseract reads in each picture; form feeds stand between."""
    listed = folder / f"{language}.txt"
    listed.write_text("".join(f"{path}\n" for path in paths))
    done = subprocess.run(
        ["tesseract", listed, "stdout", "-l", language, "--psm", "7"],
        # Its threads wait for each other more than they help.
        env={**os.environ, "OMP_THREAD_LIMIT": "1"}, capture_output=True, text=True, check=False,
    )
    pages = done.stdout.removesuffix("\f").split("\f")
    if done.returncode != 0 or len(pages) != len(paths):
        raise SystemExit(f"tesseract -l {language}: {done.returncode}, {len(pages)} pages\n{done.stderr[-2000:]}")
    return pages


def main():
    zones = json.loads(Path(sys.argv[1]).read_text())
    by_language = defaultdict(list)
    readings = [""] * len(zones)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, zone in enumerate(zones):
            path = folder / f"{number}.png"
            with Image.open(zone["picture"]) as picture:
                line(upright(picture.convert("RGB"), zone)).save(path, dpi=(300, 300))
            by_language[zone["language"]].append((number, path))
        for language, pages in by_language.items():
            for (number, _), text in zip(pages, read([path for _, path in pages], language, folder)):
                readings[number] = text.strip()
    print(json.dumps(readings))


main()
