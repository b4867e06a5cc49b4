"""Compares a resized picture with Lanczos's filter in 64-bit floats.

resize.py SOURCE WIDTH HEIGHT CHANNELS RESULT WIDTH HEIGHT [linear]: raw straight samples in, one JSON object out
with PSNR and largest error of the premultiplied samples, and SSIM of luma.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[4] / "benches/peers/imaging"))
from compare import ssim
from reference import premultiplied, resized


def to_linear(samples):
    v = samples / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) * 255


def to_gamma(samples):
    v = np.clip(samples / 255, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055) * 255


source, width, height, channels, result, out_width, out_height, *rest = sys.argv[1:]
channels = int(channels)
samples = np.fromfile(source, np.uint8).reshape(int(height), int(width), channels).astype(np.float64)
ours = np.fromfile(result, np.uint8).reshape(int(out_height), int(out_width), channels).astype(np.float64)
if rest == ["linear"]:
    expected = to_gamma(resized(to_linear(samples), int(out_width), int(out_height)))
elif channels == 4:
    expected, ours = resized(premultiplied(samples), int(out_width), int(out_height)), premultiplied(ours)
else:
    expected = resized(samples, int(out_width), int(out_height))
error = np.abs(ours - expected)
print(json.dumps({
    "psnr": float(10 * np.log10(255**2 / np.mean(error**2))),
    "worst": float(error.max()),
    "ssim": ssim(ours, expected),
}))
