"""Writes the HEIC and AVIF files of this folder from those of ../parity/pictures.

    pip install pillow pillow-heif
    apt-get install libheif-examples libavif-bin
    python make.py

They were written with Pillow 13.0, pillow-heif 1.8.1, heif-enc 1.15.1 and avifenc 0.11.1. Other
versions write other bytes that show the same, so the tests compare with the PNG that each was
made from.
"""

import subprocess
from pathlib import Path

import pillow_heif
from PIL import Image

HERE = Path(__file__).parent
PICTURES = HERE.parent / "parity" / "pictures"
ORIENTATION, MAKE, MODEL = 0x0112, 0x010F, 0x0110

pillow_heif.register_heif_opener()


def write(name, image, **how):
    """One picture, as HEIC and as AVIF."""
    image.save(HERE / f"{name}.heic", quality=90, chroma=444, **how)
    image.save(HERE / f"{name}.avif", quality=90, subsampling="4:4:4", **how)


def deep(name):
    """Ten bits for each colour, which Pillow has no mode for."""
    source = PICTURES / f"{name}.png"
    heic, avif = HERE / f"{name}.heic", HERE / f"{name}.avif"
    subprocess.run(["heif-enc", "-q", "90", "-b", "10", source, "-o", heic], check=True)
    finest = ["--min", "5", "--max", "15", "-y", "444"]
    subprocess.run(["avifenc", "-d", "10", *finest, source, avif], check=True)


plain = Image.open(PICTURES / "plain.png").convert("RGB")
write("plain", plain)
write("alpha", Image.open(PICTURES / "alpha.png"))
exif = Image.Exif()
exif[ORIENTATION] = 6
exif[MAKE] = "Canon"
exif[MODEL] = "Canon EOS R5"
# Pillow makes of the orientation the format's own turn; the other writers do not.
turned = plain.transpose(Image.Transpose.ROTATE_90)
turned.save(HERE / "turned.avif", quality=90, subsampling="4:4:4", exif=exif)
deep("deep")
