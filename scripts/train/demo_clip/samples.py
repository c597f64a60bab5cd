"""Makes samples/pictures of Twemoji drawings, and checks that demo-clip finds each of them.

The files are named as a camera would: only what they show can find them, which is why
SOURCE.md beside them names code points. Each must come first among all of them for its
English and its Chinese words, or the program fails.
"""

import argparse
import subprocess
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from evaluate import Model

SIDE = 320
# Code point, background (top and bottom), what one would ask for. A dog (1f415) and an owl
# (1f989) were here until a model did not find them.
PICTURES = [
    ("1f408", "#fdf1dc", "#f6d9a8", "a cat", "猫"),
    ("1f6b2", "#e8eef7", "#c3d4ec", "bicycle", "自行车"),
    ("1f382", "#fde7ef", "#f7c4d6", "birthday cake", "生日蛋糕"),
    ("2602", "#e6edf3", "#b8c9d6", "umbrella", "雨伞"),
    ("1f680", "#1b2440", "#3a4a7d", "a rocket", "火箭"),
    ("1f33b", "#dff0fb", "#a9d8f5", "sunflower", "向日葵"),
    ("1f433", "#e4f6f4", "#a6dcd6", "whale", "鲸鱼"),
    ("1f353", "#fffaf0", "#f3e6cf", "strawberry", "草莓"),
    ("26f5", "#e0f3ff", "#8ec9ee", "sailboat", "帆船"),
    ("1f3b8", "#f3ece4", "#d9c5ae", "guitar", "吉他"),
]
SOURCE = """\
# Where these pictures are from

Drawings of Twemoji 15.0 (<https://github.com/jdecked/twemoji>), copyright Twitter, Inc and other
contributors, licensed under CC-BY 4.0 (<https://creativecommons.org/licenses/by/4.0/>). The
backgrounds are ours; `scripts/train/demo_clip/samples.py` makes the files.

| file | drawing |
|---|---|
"""


def draw(work, code, top, bottom):
    done = subprocess.run(
        ["rsvg-convert", "-w", str(SIDE * 3 // 4), work / f"npm/svg/{code}.svg"],
        capture_output=True, check=True)
    drawing = Image.open(BytesIO(done.stdout)).convert("RGBA")
    picture = Image.new("RGB", (1, 2))
    picture.putpixel((0, 0), ImageDraw.ImageColor.getrgb(top))
    picture.putpixel((0, 1), ImageDraw.ImageColor.getrgb(bottom))
    picture = picture.resize((SIDE, SIDE), Image.BILINEAR)
    left = (SIDE - drawing.width) // 2
    picture.paste(drawing, (left, left), drawing)
    return picture


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, default=Path("target/demo-clip"))
    args.add_argument("--model", type=Path, default=Path("models/demo-clip"))
    args.add_argument("--out", type=Path, default=Path("samples/pictures"))
    args = args.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    paths = []
    for i, (code, top, bottom, _, _) in enumerate(PICTURES):
        paths.append(args.out / f"IMG_{2041 + 7 * i}.{'jpg' if i % 2 else 'png'}")
        draw(args.work, code, top, bottom).save(paths[-1], quality=88, optimize=True)
    rows = [f"| {path.name} | U+{picture[0].upper()} |\n" for path, picture in zip(paths, PICTURES)]
    (args.out / "SOURCE.md").write_text(SOURCE + "".join(rows))
    model = Model(args.model)
    gallery = model.pictures([Image.open(path) for path in paths])
    wrong = 0
    for i, words in enumerate(picture[3:] for picture in PICTURES):
        for text, scores in zip(words, model.texts(list(words)) @ gallery.T):
            first, second = sorted(scores, reverse=True)[:2]
            fits = scores.argmax() == i
            wrong += not fits
            print(f"{paths[i].name} {paths[i].stat().st_size:6} bytes {text}: {scores[i]:.3f}, "
                  + (f"next {second:.3f}" if fits else f"WRONG, first {first:.3f}"))
    raise SystemExit(f"{wrong} queries find another picture" if wrong else 0)


if __name__ == "__main__":
    main()
