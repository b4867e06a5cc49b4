"""Whether two sides made the same pictures: sides, likeness and bytes."""

import io

import numpy as np
from PIL import Image


def pixels(name, data):
    """Premultiplied samples as floats, or None where the size cannot be right."""
    channels = {"rgb": 3, "rgba": 4}.get(name.rsplit(".")[-1])
    if channels is None:
        image = Image.open(io.BytesIO(data))
        return np.asarray(image.convert("RGB"), dtype=np.float64)
    side = round((len(data) / channels) ** 0.5)
    if side * side * channels != len(data):
        return None
    samples = np.frombuffer(data, np.uint8).reshape(side, side, channels).astype(np.float64)
    if channels == 4:
        samples[..., :3] *= samples[..., 3:] / 255
    return samples


def box(plane, radius):
    """Mean over a square, by running sums: same size, edges left out."""
    size = 2 * radius + 1
    sums = np.cumsum(np.cumsum(np.pad(plane, ((1, 0), (1, 0))), axis=0), axis=1)
    return (sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]) / size**2


def ssim(a, b):
    """Mean structural similarity of luma over squares of 7 × 7, with the constants of Wang et al. 2004."""
    if a.shape != b.shape:
        return 0.0
    weights = np.array([0.299, 0.587, 0.114])
    a, b = a[..., :3] @ weights, b[..., :3] @ weights
    mean_a, mean_b = box(a, 3), box(b, 3)
    var_a, var_b = box(a * a, 3) - mean_a**2, box(b * b, 3) - mean_b**2
    both = box(a * b, 3) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float(np.mean(likeness / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))
