"""The test pictures: one scene with a clear up and down, in every dress that pictures wear.

All of it comes from SEED; the files are committed, so that a test reads the very bytes that
the reference read.
"""

import struct
import zlib

import numpy
from PIL import Image, ImageDraw

SEED = 20261124


def scene(width, height, seed=SEED):
    """A sky over a field, a sun to the left, a house to the right, and a little noise."""
    generator = numpy.random.RandomState(seed)
    down, right = numpy.mgrid[0:height, 0:width]
    down, right = down / max(height - 1, 1), right / max(width - 1, 1)
    sky = numpy.stack([90 + 80 * right, 150 + 60 * down, 235 - 40 * right], axis=-1)
    field = numpy.stack([60 + 90 * right, 120 + 60 * (1 - down), 40 + 30 * right], axis=-1)
    pixels = numpy.where((down < 0.6)[..., None], sky, field)
    picture = Image.fromarray(pixels.astype(numpy.uint8), "RGB")
    draw = ImageDraw.Draw(picture)
    unit = min(width, height) / 10
    draw.ellipse([unit, unit, 3 * unit, 3 * unit], fill=(250, 220, 60))
    draw.rectangle([width - 4 * unit, 4.5 * unit, width - unit, 8 * unit], fill=(170, 60, 40))
    draw.polygon(
        [(width - 4.5 * unit, 4.5 * unit), (width - 2.5 * unit, 2.5 * unit), (width - 0.5 * unit, 4.5 * unit)],
        fill=(60, 40, 40),
    )
    noise = generator.randint(-6, 7, size=(height, width, 1))
    return Image.fromarray(numpy.clip(numpy.asarray(picture).astype(int) + noise, 0, 255).astype(numpy.uint8))


def oriented(picture, orientation):
    """The picture stored so that EXIF orientation `orientation` shows it upright."""
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    for turn in turns.get(orientation, []):
        picture = picture.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture, exif


def alpha(picture):
    """Transparent to the left, opaque to the right."""
    ramp = numpy.tile(numpy.linspace(0, 255, picture.width).astype(numpy.uint8), (picture.height, 1))
    picture = picture.copy()
    picture.putalpha(Image.fromarray(ramp))
    return picture


def png_of_16_bits(pixels):
    """A PNG of 16-bit RGB, which Pillow reads but does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def write(folder):
    """Writes every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    small = scene(90, 60)
    for orientation in range(1, 9):
        picture, exif = oriented(small, orientation)
        picture.save(folder / f"exif-{orientation}.jpg", quality=92, exif=exif)
    picture, exif = oriented(small, 6)
    picture.save(folder / "exif.png", exif=exif)
    small.save(folder / "plain.png")
    small.save(folder / "plain.bmp")
    small.save(folder / "plain.webp", lossless=True)
    small.save(folder / "lossy.webp", quality=80)
    small.save(folder / "progressive.jpg", quality=85, progressive=True)
    small.save(folder / "subsampled.jpg", quality=80, subsampling=2)
    small.convert("L").save(folder / "grey.jpg", quality=90)
    small.convert("L").save(folder / "grey.png")
    small.convert("1").save(folder / "bilevel.png")
    small.convert("CMYK").save(folder / "cmyk.jpg", quality=92)
    small.convert("CMYK").save(folder / "cmyk.tif", compression="tiff_lzw")
    palette = small.quantize(64)
    palette.save(folder / "palette.png")
    palette.save(folder / "palette-alpha.png", transparency=bytes(range(0, 256, 4)))
    palette.save(folder / "moving.gif", save_all=True, append_images=[scene(90, 60, SEED + 1).quantize(64)] * 2)
    alpha(small).save(folder / "alpha.png")
    alpha(small).save(folder / "alpha.webp", lossless=True)
    alpha(small.convert("L")).save(folder / "grey-alpha.png")
    # Pillow keeps the high byte of each; so none is near the next, which rounding would give.
    deep = numpy.asarray(small).astype(numpy.uint32) * 257
    (folder / "deep.png").write_bytes(png_of_16_bits(numpy.where(deep < 190 * 257, deep + 60, deep)))
    grey = (numpy.asarray(small.convert("L")).astype(numpy.uint16) * 256) + 77
    Image.fromarray(grey).save(folder / "deep-grey.png")
    small.save(folder / "pages.tif", save_all=True, append_images=[small, small], compression="tiff_lzw")
    scene(48, 48).save(folder / "icon.ico", sizes=[(16, 16), (48, 48)])
    scene(600, 400).resize((2400, 1600), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=15)
    scene(3, 2).save(folder / "tiny.png")
    scene(1, 1).save(folder / "one.png")
    scene(600, 4).save(folder / "wide.png")
    scene(4, 600).save(folder / "tall.png")
    scene(33, 32).save(folder / "near.png")
    # A chessboard of single pixels and hard edges: what a filter's overshoot shows on.
    board = (numpy.indices((101, 203)).sum(axis=0) % 2 * 255).astype(numpy.uint8)
    board[:, 60:120], board[40:60, :] = 255, 0
    Image.fromarray(board).convert("RGB").save(folder / "edges.png")
