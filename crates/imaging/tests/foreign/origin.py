"""Prints what Pillow and libvips find as XMP in each file named, one JSON object a line."""

import json
import sys

import pyvips
from PIL import Image

for path in sys.argv[1:]:
    with Image.open(path) as image:
        image.load()
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        pillow = packet if isinstance(packet, str) else packet.decode()
        kinds = {key for key in image.info if key.lower() in ("exif", "icc_profile", "comment", "photoshop")}
    other = pyvips.Image.new_from_file(path)
    vips = bytes(other.get("xmp-data")).decode() if "xmp-data" in other.get_fields() else ""
    # Both have decoded every pixel by now.
    other.avg()
    print(json.dumps({"pillow": pillow, "vips": vips, "others": sorted(kinds)}))
