#!/usr/bin/env python3
"""Draws the gallery's base photographs: steel, slate, leather, walnut, gold ring, enamel mug.

    python3 docs/gallery/materials.py        needs numpy, scipy and pillow

Everything is computed from a fixed seed, so the pictures are nobody's. The ring and the mug are ray
traced: a torus-like band and a cylinder under a soft studio light.
"""
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

HERE = Path(__file__).parent
W, H = 640, 400


def save(name, rgb):
    pixels = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(HERE / name / "base.jpg", quality=84, optimize=True)


def grid(w=W, h=H):
    y, x = np.mgrid[0:h, 0:w].astype(float)
    return x, y


def noise(rng, scale, octaves=5, w=W, h=H, stretch=(1, 1)):
    total = np.zeros((h, w))
    for octave in range(octaves):
        size = scale / 2**octave
        layer = gaussian_filter(rng.standard_normal((h, w)), (size * stretch[1], size * stretch[0]))
        total += layer / layer.std() / 1.7**octave
    return total / total.std()


def lit(height, depth, light=(-0.55, -0.6, 0.58), gloss=0.0, power=20):
    gy, gx = np.gradient(height * depth)
    n = np.dstack([-gx, -gy, np.ones_like(gx)])
    n /= np.linalg.norm(n, axis=2, keepdims=True)
    l = np.array(light) / np.linalg.norm(light)
    half = l + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    return np.clip(n @ l, 0, 1) / l[2], gloss * np.clip(n @ half, 0, 1) ** power


def vignette(amount=0.25):
    x, y = grid()
    r = np.hypot((x - W / 2) / W, (y - H / 2) / H)
    return (1 - amount * np.clip(r * 1.5, 0, 1) ** 2)[..., None]


def steel():
    rng = np.random.default_rng(1)
    streaks = gaussian_filter1d(rng.standard_normal((H, W)), 40, axis=1)
    streaks = streaks / streaks.std() + 0.35 * rng.standard_normal((H, W))
    x, y = grid()
    sheen = 0.16 * np.exp(-(((x + 0.35 * y) - 330) / 150) ** 2) + 0.05 * np.sin(x / 90)
    tone = 0.63 + sheen + 0.022 * gaussian_filter1d(streaks, 0.7, axis=0)
    save("steel", tone[..., None] * np.array([0.99, 1.0, 1.015]) * vignette(0.18))


def slate():
    rng = np.random.default_rng(2)
    height = noise(rng, 26, 6, stretch=(2.2, 1)) + 0.35 * noise(rng, 4, 3, stretch=(3, 1))
    steps = np.floor(height * 1.6) + gaussian_filter(height * 1.6 % 1, 1)
    shade, gloss = lit(gaussian_filter(steps, 1.1), 1.5, gloss=0.05)
    tone = 0.15 * (0.45 + 0.55 * shade) + gloss + 0.012 * noise(rng, 1, 1)
    save("slate", tone[..., None] * np.array([0.94, 1.0, 1.1]) * vignette())


def leather():
    rng = np.random.default_rng(3)
    points = rng.uniform((-20, -20), (W + 20, H + 20), (3600, 2))
    from scipy.spatial import cKDTree

    x, y = grid()
    warp = 2.2 * noise(rng, 7, 2)
    d, _ = cKDTree(points).query(np.dstack([x + warp, y - warp]), k=2)
    cells = np.clip((d[..., 1] - d[..., 0]) / 4.5, 0, 1) ** 0.6
    height = gaussian_filter(cells, 0.8) + 0.15 * noise(rng, 30, 3)
    shade, gloss = lit(gaussian_filter(height, 1.0), 1.15, gloss=0.12, power=22)
    base = np.array([0.56, 0.10, 0.095]) * (0.78 + 0.22 * cells[..., None])
    save("leather", base * (0.3 + 0.7 * shade[..., None]) + gloss[..., None] * 0.7 * vignette())


def walnut():
    rng = np.random.default_rng(4)
    x, y = grid()
    bend = 16 * noise(rng, 90, 2, stretch=(3, 1))
    rings = np.sin((y * 0.19 + bend * 0.55) + 1.3 * np.sin(x / 260))
    fibre = gaussian_filter1d(rng.standard_normal((H, W)), 16, axis=1)
    fibre /= fibre.std()
    pores = np.clip(gaussian_filter1d(rng.standard_normal((H, W)), 7, axis=1) * 2.6 - 1.1, 0, 1)
    tone = 0.62 + 0.14 * rings + 0.045 * fibre - 0.35 * pores
    dark, light = np.array([0.21, 0.115, 0.06]), np.array([0.62, 0.41, 0.25])
    save("walnut", (dark + (light - dark) * np.clip(tone, 0, 1)[..., None]) * vignette())


def studio(d):
    """A studio around an object: soft boxes above and at the left, a dark floor."""
    up = d[..., 1] * -1
    sky = 0.30 + 0.35 * np.clip(up, 0, 1)
    box = np.exp(-(((d[..., 0] + 0.55) / 0.28) ** 2 + ((up - 0.45) / 0.38) ** 2)) * 1.6
    strip = np.exp(-(((d[..., 0] - 0.75) / 0.1) ** 2)) * np.clip(up + 0.6, 0, 1) * 0.9
    top = np.exp(-(((up - 0.95) / 0.22) ** 2)) * 0.7
    floor = np.clip(-up, 0, 1) * 0.25
    return np.clip(sky + box + strip + top - floor, 0.03, 2)


def ring():
    """A flat gold band seen from the front, its upper half closest: text goes along the outer face."""
    rng = np.random.default_rng(5)
    s = 2
    w, h = W * s, H * s
    x, y = grid(w, h)
    # A short cylinder, axis tilted towards the viewer, by exact intersection with both walls.
    cx, cy = w / 2, h * 0.50
    px, py = (x - cx) / (w * 0.36), (y - cy) / (w * 0.36)
    tilt = np.radians(24)
    c, sn = np.cos(tilt), np.sin(tilt)
    # Camera looks along +z; the ring's axis is (0, c, sn) after the tilt.
    half = 0.215
    def wall(radius, near):
        # Points (px, py, z): q = along the axis, r2 = across it.
        a = c * c
        # across = (x, y*sn - z*c); along = y*c + z*sn
        disc = radius**2 - px**2
        ok = disc > 0
        root = np.sqrt(np.where(ok, disc, 0))
        across = root if near else -root
        z = (py * sn - across) / c
        along = py * c + z * sn
        return ok & (np.abs(along) < half), px, across, along, z
    background = np.array([0.80, 0.775, 0.745])
    fall = 1 - 0.30 * np.clip((y / h - 0.55) * 1.8, 0, 1)[..., None] - 0.06 * np.hypot(px, py)[..., None]
    out = background * fall
    # Contact shadow on the table.
    shadow = np.exp(-(((px) / 0.95) ** 2 + ((py - 0.42) / 0.13) ** 2) ** 1.4)
    out = out * (1 - 0.55 * shadow[..., None])
    gold = np.array([0.93, 0.70, 0.36])
    brushed = gaussian_filter1d(rng.standard_normal((h, w)), 30, axis=1)
    brushed = brushed / brushed.std()
    # The upper rim: the flat ring between both walls.
    z_rim = (-half - py * c) / sn
    across_rim = py * sn - z_rim * c
    r2 = np.hypot(px, across_rim)
    rim = (r2 < 1.0) & (r2 > 0.93)
    glow = 0.62 + 0.45 * np.exp(-(((px + 0.45) / 0.3) ** 2)) + 0.25 * np.exp(-(((px - 0.7) / 0.12) ** 2))
    for radius, near, sign in ((0.93, False, -1), (1.0, True, 1)):
        ok, ax, across, along, z = wall(radius, near)
        nx, na = ax / radius * sign, across / radius * sign
        ny, nz = na * sn, -na * c
        edge = np.clip((np.abs(along) - half + 0.035) / 0.035, 0, 1) * np.sign(along)
        ny = ny + edge * c * 0.8
        nz = nz + edge * sn * 0.8 if near else nz
        n = np.dstack([nx, ny + 0.012 * brushed, nz])
        n /= np.linalg.norm(n, axis=2, keepdims=True)
        view = np.array([0, 0, 1.0])
        r = view - 2 * (n @ view)[..., None] * n
        front = 0.50 * np.exp(-(((r[..., 0] + 0.12) / 0.75) ** 2)) if near else 0.12
        light = studio(r) * (0.66 if near else 0.50) + 0.16 + front
        light = gaussian_filter(light, 1.5)
        colour = gold * light[..., None] + np.clip(light - 1.0, 0, 1)[..., None] * 0.55
        out = np.where(ok[..., None], colour, out)
        if not near:
            shine = gold * glow[..., None] + np.clip(glow - 0.9, 0, 1)[..., None] * 0.5
            out = np.where(rim[..., None], shine, out)
    out = gaussian_filter(out, (0.8, 0.8, 0))
    small = out.reshape(H, s, W, s, 3).mean(axis=(1, 3))
    save("ring", small)


def mug():
    """A white enamel mug from the front, slightly from above."""
    s = 2
    w, h = W * s, H * s
    x, y = grid(w, h)
    u, v = (x - w / 2) / (h / 2), (y - h / 2) / (h / 2)
    wall = np.array([0.62, 0.70, 0.72])
    out = wall * (1.05 - 0.22 * np.hypot(u / 1.6, v)[..., None])
    table = v > 0.60
    wood = np.array([0.58, 0.44, 0.32]) * (1.0 - 0.25 * (v[..., None] - 0.6))
    edge = np.clip((v - 0.60) / 0.02, 0, 1)[..., None]
    out = out * (1 - edge) + wood * edge
    shadow = np.exp(-((((u - 0.12) / 0.86) ** 2 + ((v - 0.80) / 0.12) ** 2) ** 1.3))
    out *= 1 - 0.5 * shadow[..., None]
    R, top, bottom, e = 0.62, -0.70, 0.72, 0.10

    def ellipse_y(base, sign):
        return base + sign * e * np.sqrt(np.clip(1 - (u / R) ** 2, 0, 1))

    # Handle: a torus at the right.
    hu, hv = u - 0.66, v + 0.02
    d = np.abs(np.hypot(hu / 0.30, hv / 0.42) - 1) * 0.33
    handle = (d < 0.075) & (u > 0.52)
    tone = 0.62 + 0.38 * np.clip(1 - (d / 0.075) ** 2, 0, 1) ** 0.5 - 0.12 * np.clip(hv, -1, 1)
    out = np.where(handle[..., None], np.array([0.95, 0.94, 0.92]) * tone[..., None], out)
    body = (np.abs(u) < R) & (v > ellipse_y(top, 1) * 1.0) & (v < ellipse_y(bottom, 1))
    nx = np.clip(u / R, -1, 1)
    nz = np.sqrt(1 - nx**2)
    diffuse = np.clip(-0.55 * nx + 0.83 * nz, 0, 1)
    tone = 0.40 + 0.58 * diffuse
    tone += 0.20 * np.exp(-((nx + 0.58) / 0.07) ** 2) * np.clip(1 - np.abs(v + 0.05) / 0.62, 0, 1) ** 0.4
    tone -= 0.10 * np.clip((v - 0.3) / 0.45, 0, 1)
    enamel = np.array([0.97, 0.96, 0.935])
    out = np.where(body[..., None], enamel * tone[..., None], out)
    rim = (u / R) ** 2 + ((v - top) / e) ** 2
    inside = rim < 1
    depth = np.clip((v - top) / e * 0.5 + 0.5, 0, 1)
    out = np.where(inside[..., None], np.array([0.60, 0.585, 0.56]) * (0.72 + 0.5 * depth[..., None]), out)
    band = np.abs(rim - 1) < 0.06
    out = np.where(band[..., None], np.array([0.13, 0.16, 0.27]), out)
    out = gaussian_filter(out, (0.9, 0.9, 0))
    rng = np.random.default_rng(6)
    out += 0.006 * rng.standard_normal(out.shape)
    save("mug", out.reshape(H, s, W, s, 3).mean(axis=(1, 3)))


if __name__ == "__main__":
    for draw in (steel, slate, leather, walnut, ring, mug):
        draw()
