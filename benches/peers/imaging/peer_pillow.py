"""Pillow's side of the comparison."""

import io

from measured import main
from PIL import Image

RAW, SMALL, WIDTHS = (4096, 4096), (1024, 1024), (1600, 800, 400)
LANCZOS = Image.Resampling.LANCZOS


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(image, quality):
    return encoded(image, "JPEG", quality=quality)


def resize_rgb(inputs):
    data = (inputs / "large.rgb").read_bytes()

    def run():
        image = Image.frombuffer("RGB", RAW, data, "raw", "RGB", 0, 1)
        return {"resized.rgb": image.resize(SMALL, LANCZOS).tobytes()}

    return run


def resize_rgba(inputs):
    data = (inputs / "large.rgba").read_bytes()

    def run():
        # Pillow premultiplies by itself when it resizes RGBA.
        image = Image.frombuffer("RGBA", RAW, data, "raw", "RGBA", 0, 1)
        return {"resized.rgba": image.resize(SMALL, LANCZOS).tobytes()}

    return run


def thumbnailed(image):
    small = image.copy()
    # reducing_gap=None: as good a filter as the others use.
    small.thumbnail((300, 300), LANCZOS, reducing_gap=None)
    return jpeg(small, 85)


def thumbnail(inputs):
    data = (inputs / "base.png").read_bytes()
    return lambda: {"thumbnail.jpg": thumbnailed(Image.open(io.BytesIO(data)))}


def compose(with_webp):
    def prepare(inputs):
        base, overlay = (inputs / "base.png").read_bytes(), (inputs / "overlay.png").read_bytes()

        def run():
            canvas = Image.open(io.BytesIO(base)).convert("RGBA")
            layer = Image.open(io.BytesIO(overlay))
            canvas.alpha_composite(layer.resize((400, 400), LANCZOS), (120, 150))
            # "RGBa" is premultiplied, which rotating needs and does not do by itself.
            turned = layer.resize((300, 300), LANCZOS).convert("RGBa")
            turned = turned.rotate(-15, Image.Resampling.BICUBIC, expand=True).convert("RGBA")
            corner = (round(750 - turned.width / 2), round(710 - turned.height / 2))
            canvas.alpha_composite(turned, corner)
            canvas = canvas.convert("RGB")
            files = {"full.png": encoded(canvas, "PNG", compress_level=2), "thumbnail.jpg": thumbnailed(canvas)}
            if with_webp:
                files["full.webp"] = encoded(canvas, "WEBP", quality=80, method=4)
            return files

        return run

    return prepare


def widths(kind, extension, **options):
    def prepare(inputs):
        data = (inputs / "photograph.jpg").read_bytes()

        def run():
            image = Image.open(io.BytesIO(data))
            # The JPEG decoder shrinks to no less than this.
            image.draft("RGB", (WIDTHS[0], WIDTHS[0] * 3 // 4))
            files = {}
            for width in WIDTHS:
                image = image.resize((width, width * 3 // 4), LANCZOS)
                files[f"w{width}.{extension}"] = encoded(image, kind, **options)
            return files

        return run

    return prepare


main({
    "resize_rgb": resize_rgb,
    "resize_rgba": resize_rgba,
    "thumbnail": thumbnail,
    "compose_two_zones": compose(True),
    "compose_done": compose(False),
    "widths_jpeg": widths("JPEG", "jpg", quality=80),
    "widths_webp": widths("WEBP", "webp", quality=80, method=2),
})
