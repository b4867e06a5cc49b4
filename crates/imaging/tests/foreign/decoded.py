"""Decodes the files of a folder without any code of ours and writes the pixels as straight RGBA beside
each: FILE.rgba, and FILE.json with width and height.

PNG is read by the rules of its specification with zlib and NumPy alone (the files have filter 0);
JPEG and WebP by Pillow (libjpeg-turbo, libwebp), turned by its exif_transpose, and converted by
LittleCMS where a file carries a profile.
"""

import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png_chunks(data):
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def samples_of(rows, at, width, height, bits, channels):
    """Unpacked samples of one pass, and where the next begins."""
    stride = (width * channels * bits + 7) // 8
    out = np.zeros((height, width * channels), np.int64)
    for y in range(height):
        assert rows[at] == 0, "filter 0 only"
        row = rows[at + 1 : at + 1 + stride]
        at += 1 + stride
        if bits == 16:
            out[y] = np.frombuffer(row, ">u2")
        elif bits == 8:
            out[y] = np.frombuffer(row, np.uint8)
        else:
            whole = np.unpackbits(np.frombuffer(row, np.uint8)).reshape(-1, bits)
            values = whole @ (1 << np.arange(bits - 1, -1, -1))
            out[y] = values[: width * channels]
    return out.reshape(height, width, channels), at


def png(data):
    chunks = list(png_chunks(data))
    by_kind = {kind: body for kind, body in chunks}
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", by_kind[b"IHDR"])
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    rows = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    samples = np.zeros((height, width, channels), np.int64)
    at = 0
    for x, y, across, down in PASSES if interlace else [(0, 0, 1, 1)]:
        w, h = (width - x + across - 1) // across, (height - y + down - 1) // down
        if w > 0 and h > 0:
            samples[y::down, x::across], at = samples_of(rows, at, w, h, bits, channels)
    most = (1 << bits) - 1
    trns = by_kind.get(b"tRNS")
    if kind == 3:
        palette = np.frombuffer(by_kind[b"PLTE"], np.uint8).reshape(-1, 3)
        alphas = np.full(len(palette), 255)
        if trns:
            alphas[: len(trns)] = np.frombuffer(trns, np.uint8)
        index = samples[:, :, 0]
        return np.dstack([palette[index], alphas[index]])
    alpha = np.full((height, width), most)
    if kind in (4, 6):
        alpha = samples[:, :, -1]
        samples = samples[:, :, :-1]
    elif trns:
        key = np.frombuffer(trns, ">u2")
        alpha = np.where((samples == key).all(axis=2), 0, most)
    if samples.shape[2] == 1:
        samples = np.repeat(samples, 3, axis=2)
    # To eight bits, to the nearest.
    return (np.dstack([samples, alpha]) * 255 * 2 + most) // (2 * most)


def by_pillow(data):
    image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image)
    icc = image.info.get("icc_profile")
    if icc:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        image = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, mode
        )
    return np.asarray(image.convert("RGB").convert("RGBA") if image.mode == "CMYK" else image.convert("RGBA"))


for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    pixels = png(data) if path.name.startswith("type") else by_pillow(data)
    pathlib.Path(f"{path}.rgba").write_bytes(np.ascontiguousarray(pixels.astype(np.uint8)).tobytes())
    pathlib.Path(f"{path}.json").write_text(json.dumps([pixels.shape[1], pixels.shape[0]]))
