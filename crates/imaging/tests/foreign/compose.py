"""Compositions worked out in 64-bit floats from formulas, not from samples: a layer is a function of its own unit
square, and every output pixel is the mean of 8 x 8 points, each turned back into the layer, faded and laid over.

compose.py make FOLDER       writes the pictures that the formulas give: NAME.raw, straight RGBA
compose.py judge FOLDER      reads FOLDER/CASE.raw, RGB, and prints one JSON object per case: SSIM of luma, largest
                             error where the layer covers a pixel wholly, largest error anywhere, and how far any
                             sample lies outside the range between the layer's colour and the base's
Cases, one JSON array of objects in FOLDER/cases.json: name, base, layer, size, area, rotation, fit, opacity.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[4] / "benches/peers/imaging"))
from compare import ssim

POINTS = 8
TURN = 2 * np.pi
# A disc whose alpha falls off over a fortieth of the side, all of one colour, but where alpha is 0 the file holds
# another, which must never show.
DISC = np.array([200, 40, 90])


def waves(u, v):
    red = 0.5 + 0.4 * np.sin(TURN * (u + 0.5 * v))
    green = 0.5 + 0.4 * np.cos(TURN * (0.5 * u - v))
    alpha = 0.6 + 0.35 * np.sin(TURN * (u * 0.7 + v * 0.4))
    return np.stack([red * 255, green * 255, 255 * (0.1 + 0.8 * u), alpha], -1)


def slopes(u, v):
    return np.stack([30 + 200 * u, 220 - 180 * v, 60 + 90 * (u + v), np.ones_like(u)], -1)


def disc(u, v):
    alpha = np.clip((0.45 - np.hypot(u - 0.5, v - 0.5)) * 40 + 0.5, 0, 1)
    return np.concatenate([np.broadcast_to(DISC, (*u.shape, 3)), alpha[..., None]], -1)


def flat(level):
    return lambda u, v: np.stack([np.full_like(u, level)] * 3 + [np.ones_like(u)], -1)


PICTURES = {"waves": waves, "slopes": slopes, "disc-in-white": disc, "disc-in-black": disc, "white": flat(255), "black": flat(0)}
HIDDEN = {"disc-in-white": 255, "disc-in-black": 0}


def make(folder):
    for name, (width, height) in json.loads((folder / "sizes.json").read_text()).items():
        x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        samples = PICTURES[name](x, y)
        rgba = np.concatenate([samples[..., :3], samples[..., 3:] * 255], -1).round().astype(np.uint8)
        if name in HIDDEN:
            rgba[rgba[..., 3] == 0, :3] = HIDDEN[name]
        rgba.tofile(folder / f"{name}.raw")


def fitted(case, width, height):
    """The layer's size in its area and where it begins there."""
    across, down = case["size"]
    scales = width / across, height / down
    if case["fit"] == "fill":
        return width, height, 0, 0
    scale = min(scales) if case["fit"] == "contain" else max(scales)
    across, down = across * scale, down * scale
    return across, down, (width - across) / 2, (height - down) / 2


def expected(case, shape):
    rows, columns = shape
    left, top, width, height = case["area"]
    across, down, begin_x, begin_y = fitted(case, width, height)
    sin, cos = np.sin(np.radians(case["rotation"])), np.cos(np.radians(case["rotation"]))
    total, covered = np.zeros((rows, columns, 3)), np.zeros((rows, columns))
    for step in range(POINTS * POINTS):
        fx, fy = (step % POINTS + 0.5) / POINTS, (step // POINTS + 0.5) / POINTS
        x, y = np.meshgrid(np.arange(columns) + fx, np.arange(rows) + fy)
        below = PICTURES[case["base"]](x / columns, y / rows)[..., :3]
        dx, dy = x - left - width / 2, y - top - height / 2
        # Clockwise on a page whose y goes down.
        in_x, in_y = dx * cos + dy * sin + width / 2, dy * cos - dx * sin + height / 2
        u, v = (in_x - begin_x) / across, (in_y - begin_y) / down
        inside = (in_x >= 0) & (in_x < width) & (in_y >= 0) & (in_y < height) & (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
        layer = PICTURES[case["layer"]](u, v)
        part = layer[..., 3:] * case["opacity"] * inside[..., None]
        total += layer[..., :3] * part + below * (1 - part)
        covered += inside
    points = POINTS * POINTS
    return total / points, covered == points


def judge(folder):
    for case in json.loads((folder / "cases.json").read_text()):
        rows, columns = case["output"][1], case["output"][0]
        ours = np.fromfile(folder / f"{case['name']}.raw", np.uint8).reshape(rows, columns, 3).astype(np.float64)
        right, inside = expected(case, (rows, columns))
        error = np.abs(ours - right).max(-1)
        base = PICTURES[case["base"]](np.zeros(1), np.zeros(1))[0, :3]
        low, high = np.minimum(base, DISC), np.maximum(base, DISC)
        print(json.dumps({
            "name": case["name"],
            "ssim": ssim(ours, right),
            "worst_inside": float(error[inside].max()),
            "worst": float(error.max()),
            "halo": float(np.maximum(low - ours, ours - high).max()),
        }))


{"make": make, "judge": judge}[sys.argv[1]](Path(sys.argv[2]))
