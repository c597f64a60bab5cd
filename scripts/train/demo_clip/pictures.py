"""Drawings of the concepts, style by style, as one array of small RGBA pictures.

A concept is an emoji without variation selectors and skin tones, for instance "1f415".
Ten styles are for training; twemoji and openmoji are for measuring, and nothing but
evaluate.py and samples.py may ask for them. Run as a program, this file draws everything
once (some minutes) into WORK/pictures/STYLE.npz: `codes` (str) and `rgba`
([n, SIZE, SIZE, 4] uint8, alpha not premultiplied).
"""

import argparse
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

# Half as large again as what the model sees, so that a crop still has detail.
SIZE = 96
NOTO_FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
TRAINING = [
    "noto", "noto-v1", "emojione", "fxemoji", "streamline",
    "fluent", "fluent-flat", "fluent-3d", "fluent-mono", "flags",
]
UNSEEN = ["twemoji", "openmoji"]
ICONIFY = {
    "noto-v1": "noto-v1", "emojione": "emojione", "fxemoji": "fxemoji",
    "streamline": "streamline-emojis", "fluent": "fluent-emoji",
    "fluent-flat": "fluent-emoji-flat", "fluent-mono": "fluent-emoji-high-contrast",
}
SKIN = re.compile(r"-?1f3f[b-f]")


def concept(code):
    """The concept that a code point sequence ("1f44b-1f3fd", "2602-fe0f") draws."""
    code = SKIN.sub("", code.lower().replace("_", "-"))
    return "-".join(p.lstrip("0") or "0" for p in code.split("-") if p not in ("fe0f", ""))


def is_toned(code):
    return SKIN.search(code.lower()) is not None


def squash(name):
    """A name without what spellings differ in: "alarm-clock" and "alarmclock" agree."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def icon_names(work):
    """Squashed iconify name -> code, from the two sets that say their code points."""
    names = {}
    for package in ("fluent-emoji-flat", "noto"):
        for code, name in json.loads((work / f"npm/{package}/chars.json").read_text()).items():
            names[squash(name)] = code
    return names


def from_iconify(work, style):
    """Yield (code, svg text) of an iconify set; names that no other set has are left out."""
    icons = json.loads((work / f"npm/{ICONIFY[style]}/icons.json").read_text())
    names = icon_names(work)
    w, h = icons.get("width", 16), icons.get("height", 16)
    for name, icon in icons["icons"].items():
        plain = re.sub(r"-\d$", "", name)
        plain = plain.replace("flag-for-flag-", "flag-").replace("flag-for-", "flag-")
        code = names.get(squash(plain))
        if code is None:
            continue
        left, top = icon.get("left", 0), icon.get("top", 0)
        box = f'{left} {top} {icon.get("width", w)} {icon.get("height", h)}'
        yield code, svg(box, icon["body"])


def flags(work):
    """Yield (code, svg text) of flat rectangular flags, named by their country's letters."""
    icons = json.loads((work / "npm/flag/icons.json").read_text())["icons"]
    for name, icon in icons.items():
        if re.fullmatch(r"[a-z]{2}-4x3", name):
            code = "-".join(f"{0x1f1e6 + ord(c) - ord('a'):x}" for c in name[:2])
            box = f'0 0 {icon["width"]} {icon["height"]}'
            yield code, svg(box, icon["body"])


def svg(box, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}">{body}</svg>')


def from_files(folder):
    """Yield (code, svg text) of a folder of files named by their code points."""
    for path in sorted(folder.glob("*.svg")):
        yield path.stem, path.read_text()


def draw_svg(text):
    """One SVG as [SIZE, SIZE, 4], or None where rsvg cannot."""
    done = subprocess.run(
        ["rsvg-convert", "-w", str(SIZE), "-h", str(SIZE), "-a"],
        input=text.encode(), capture_output=True,
    )
    if done.returncode != 0:
        return None
    return fit(Image.open(BytesIO(done.stdout)))


def fit(image):
    """Centre a picture of any shape on a clear square, without changing its proportions."""
    image = image.convert("RGBA")
    scale = SIZE / max(image.size)
    size = [max(1, round(side * scale)) for side in image.size]
    if image.size != tuple(size):
        image = image.resize(size, Image.LANCZOS)
    square = Image.new("RGBA", (SIZE, SIZE))
    square.paste(image, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(square)


def noto():
    """Yield (code, picture) of Debian's Noto Colour Emoji: its bitmaps, by cmap and ligature."""
    from fontTools.ttLib import TTFont

    font = TTFont(NOTO_FONT)
    cmap = font.getBestCmap()
    code_of = {glyph: f"{point:x}" for point, glyph in cmap.items()}
    sequences = {glyph: code for glyph, code in code_of.items()}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                for lig in ligatures:
                    parts = [first, *lig.Component]
                    if all(part in code_of for part in parts):
                        sequences.setdefault(lig.LigGlyph, "-".join(code_of[p] for p in parts))
    for strike in font["CBDT"].strikeData:
        for glyph, bitmap in strike.items():
            if glyph in sequences and hasattr(bitmap, "imageData"):
                yield sequences[glyph], fit(Image.open(BytesIO(bitmap.imageData)))


def fluent_3d(work):
    for path in sorted((work / "npm/fluent-emoji-3d/assets").glob("*.webp")):
        if keep(path.stem, "fluent-3d"):
            yield path.stem, fit(Image.open(path))


def drawings(work, style):
    """(code, picture) of every drawing of a style, skin tones included."""
    if style == "noto":
        return list(noto())
    if style == "fluent-3d":
        return list(fluent_3d(work))
    if style == "twemoji":
        svgs = from_files(work / "npm/svg")
    elif style == "flags":
        svgs = flags(work)
    elif style == "openmoji":
        svgs = from_files(work / "npm/openmoji/color/svg")
    else:
        svgs = from_iconify(work, style)
    svgs = [(code, text) for code, text in svgs if keep(code, style)]
    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(draw_svg, [text for _, text in svgs])
    return [(code, d) for (code, _), d in zip(svgs, drawn) if d is not None]


def keep(code, style):
    """Of the skin tones two, and those for training only: they multiply some concepts by six."""
    if not is_toned(code):
        return True
    tones = SKIN.findall(code.lower())
    return style in TRAINING and set(t[-1] for t in tones) in ({"c"}, {"f"})


def load(work, style):
    """(codes, rgba) as drawn by main()."""
    with np.load(work / f"pictures/{style}.npz") as held:
        return held["codes"], held["rgba"]


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, default=Path("target/demo-clip"))
    args.add_argument("--styles", nargs="*", default=TRAINING + UNSEEN)
    args = args.parse_args()
    (args.work / "pictures").mkdir(parents=True, exist_ok=True)
    for style in args.styles:
        found = [(c, p) for c, p in drawings(args.work, style) if keep(c, style)]
        codes = np.array([concept(code) for code, _ in found])
        np.savez(
            args.work / f"pictures/{style}.npz",
            codes=codes, rgba=np.stack([picture for _, picture in found]),
        )
        print(f"{style}: {len(found)} drawings of {len(set(codes))} concepts", flush=True)


if __name__ == "__main__":
    main()
