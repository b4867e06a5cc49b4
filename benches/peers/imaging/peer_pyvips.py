"""libvips' side of the comparison, through pyvips, with the settings that cost it least."""

import os

# One thread per picture; pictures in flight fill the cores. Read when the library starts.
os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips
from measured import main

RAW, WIDTHS = 4096, (1600, 800, 400)
pyvips.cache_set_max(0)


def png(image):
    return image.pngsave_buffer(compression=2, filter="all")


def jpeg(image, quality):
    return image.jpegsave_buffer(Q=quality)


def raw(name, bands, shrink):
    def prepare(inputs):
        data = (inputs / f"large.{name}").read_bytes()

        def run():
            image = pyvips.Image.new_from_memory(data, RAW, RAW, bands, "uchar")
            image = image.copy(interpretation="srgb")
            return {f"resized.{name}": shrink(image).write_to_memory()}

        return run

    return prepare


def plain(image):
    return image.resize(0.25, kernel="lanczos3")


def premultiplied(image):
    return image.premultiply().resize(0.25, kernel="lanczos3").unpremultiply().cast("uchar")


def thumbnail(inputs):
    data = (inputs / "base.png").read_bytes()
    return lambda: {"thumbnail.jpg": jpeg(pyvips.Image.thumbnail_buffer(data, 300), 85)}


def compose(with_webp):
    def prepare(inputs):
        base, overlay = (inputs / "base.png").read_bytes(), (inputs / "overlay.png").read_bytes()

        def run():
            canvas = pyvips.Image.new_from_buffer(base, "")
            layer = pyvips.Image.new_from_buffer(overlay, "").copy_memory()
            layer = layer.premultiply()
            one = layer.resize(400 / layer.width, kernel="lanczos3")
            two = layer.resize(300 / layer.width, kernel="lanczos3")
            two = two.similarity(angle=15, interpolate=pyvips.Interpolate.new("bicubic"))
            corner = (round(750 - two.width / 2), round(710 - two.height / 2))
            canvas = canvas.composite(
                [one.unpremultiply().cast("uchar"), two.unpremultiply().cast("uchar")],
                ["over", "over"],
                x=[120, corner[0]],
                y=[150, corner[1]],
            )
            canvas = canvas[0:3].cast("uchar").copy_memory()
            small = canvas.resize(300 / canvas.width, kernel="lanczos3")
            files = {"full.png": png(canvas), "thumbnail.jpg": jpeg(small, 85)}
            if with_webp:
                files["full.webp"] = canvas.webpsave_buffer(Q=80, effort=4)
            return files

        return run

    return prepare


def widths(extension, save):
    def prepare(inputs):
        data = (inputs / "photograph.jpg").read_bytes()

        def run():
            # Each width from the file: the JPEG decoder then shrinks.
            return {
                f"w{width}.{extension}": save(pyvips.Image.thumbnail_buffer(data, width, height=width))
                for width in WIDTHS
            }

        return run

    return prepare


main({
    "resize_rgb": raw("rgb", 3, plain),
    "resize_rgba": raw("rgba", 4, premultiplied),
    "thumbnail": thumbnail,
    "compose_two_zones": compose(True),
    "compose_done": compose(False),
    "widths_jpeg": widths("jpg", lambda image: jpeg(image, 80)),
    "widths_webp": widths("webp", lambda image: image.webpsave_buffer(Q=80, effort=2)),
})
