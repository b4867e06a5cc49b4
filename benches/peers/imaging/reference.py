"""What each workload should give, computed in floating point with NumPy and none of the libraries compared.

Lanczos of three lobes, widened when shrinking, on premultiplied samples; the turned zone is sampled
bicubically (Catmull-Rom) through the exact rotation; layers are blended source over.

A lossy format takes away likeness whoever writes it: at WebP's quality 80 the reference itself comes back at 0.96. So
each reference goes with what is left of it after the same trip, encoded by Pillow at the same quality and decoded.
"""

import io

import numpy as np
from PIL import Image


def kernel(count, source):
    """The matrix that takes `source` samples to `count`."""
    scale = source / count
    width = max(scale, 1.0)
    centre = (np.arange(count) + 0.5) * scale - 0.5
    distance = (np.arange(source)[None, :] - centre[:, None]) / width
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def resized(image, width, height):
    rows = kernel(height, image.shape[0])
    columns = kernel(width, image.shape[1])
    planes = [rows @ image[..., i] @ columns.T for i in range(image.shape[2])]
    out = np.clip(np.stack(planes, axis=-1), 0, 255)
    if out.shape[2] == 4:
        out[..., :3] = np.minimum(out[..., :3], out[..., 3:])
    return out


def premultiplied(image):
    image = np.asarray(image, dtype=np.float64).copy()
    image[..., :3] *= image[..., 3:] / 255
    return image


def cubic(t):
    """Catmull-Rom's four weights."""
    return np.stack([
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ])


def turned(layer, shape, left, top, degrees):
    """The layer turned clockwise about its centre, on a canvas of nothing."""
    height, width, _ = layer.shape
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64) + 0.5
    dx, dy = x - (left + width / 2), y - (top + height / 2)
    u = np.cos(angle) * dx + np.sin(angle) * dy + width / 2 - 0.5
    v = -np.sin(angle) * dx + np.cos(angle) * dy + height / 2 - 0.5
    margin = 3
    padded = np.pad(layer, ((margin, margin), (margin, margin), (0, 0)))
    u0, v0 = np.floor(u), np.floor(v)
    wu, wv = cubic(u - u0), cubic(v - v0)
    out = np.zeros((*shape, 4))
    inside = (u > -2) & (u < width + 1) & (v > -2) & (v < height + 1)
    ui, vi = u0[inside].astype(int) + margin, v0[inside].astype(int) + margin
    total = 0
    for j in range(4):
        for i in range(4):
            sample = padded[np.clip(vi + j - 1, 0, height + 5), np.clip(ui + i - 1, 0, width + 5)]
            total = total + sample * (wu[i][inside] * wv[j][inside])[:, None]
    out[inside] = np.clip(total, 0, 255)
    return out


def over(canvas, layer):
    return layer[..., :3] + canvas * (1 - layer[..., 3:] / 255)


def composed(inputs):
    canvas = np.asarray(Image.open(inputs / "base.png"), dtype=np.float64)
    overlay = premultiplied(Image.open(inputs / "overlay.png"))
    one = np.zeros((*canvas.shape[:2], 4))
    one[150:550, 120:520] = resized(overlay, 400, 400)
    two = turned(resized(overlay, 300, 300), canvas.shape[:2], 600, 560, 15)
    return over(over(canvas, one), two)


def through(image, kind, **options):
    """The picture, and what the trip that a lossy file makes leaves of it."""
    out = io.BytesIO()
    eight_bit = np.round(np.clip(image, 0, 255)).astype(np.uint8)
    Image.fromarray(eight_bit).save(out, kind, **options)
    return image, np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGB"), dtype=np.float64)


def lossless(image):
    return image, image


def thumbnail(image):
    return {"thumbnail.jpg": through(resized(image, 300, 300), "JPEG", quality=85)}


def raw(inputs, name, channels):
    samples = np.fromfile(inputs / f"large.{name}", np.uint8).reshape(4096, 4096, channels)
    return samples.astype(np.float64) if channels == 3 else premultiplied(samples)


def widths(inputs, kind, extension, **options):
    photograph = np.asarray(Image.open(inputs / "photograph.jpg"), dtype=np.float64)
    return {
        f"w{width}.{extension}": through(resized(photograph, width, width * 3 // 4), kind, **options)
        for width in (1600, 800, 400)
    }


def two_zones(inputs, with_webp):
    canvas = composed(inputs)
    files = {"full.png": lossless(canvas), **thumbnail(canvas)}
    if with_webp:
        files["full.webp"] = through(canvas, "WEBP", quality=80, method=4)
    return files


REFERENCES = {
    "resize_rgb": lambda inputs: {"resized.rgb": lossless(resized(raw(inputs, "rgb", 3), 1024, 1024))},
    "resize_rgba": lambda inputs: {"resized.rgba": lossless(resized(raw(inputs, "rgba", 4), 1024, 1024))},
    "thumbnail": lambda inputs: thumbnail(np.asarray(Image.open(inputs / "base.png"), dtype=np.float64)),
    "compose_two_zones": lambda inputs: two_zones(inputs, True),
    "compose_done": lambda inputs: two_zones(inputs, False),
    "widths_jpeg": lambda inputs: widths(inputs, "JPEG", "jpg", quality=80),
    "widths_webp": lambda inputs: widths(inputs, "WEBP", "webp", quality=80, method=2),
}
