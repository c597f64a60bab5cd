"""Measures models/demo-clip as hippo uses it: ONNX Runtime, the manifest's preprocessing.

Styles that no training saw are searched by name, by sentence and by keyword in both
languages; then a few photographs, which the model was never meant for; then what a
threshold needs, the cosines of what belongs together and of what does not.
"""

import argparse
import random
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer

import pictures
from words import Lexicon, Sampler

SENTENCES = {
    "en": ["a photo of a {}", "a picture of the {} on a white background", "my {}"],
    "zh": ["{}的照片", "一只{}的照片", "一张有{}的图片"],
}
# Photographs and what they show, as in the corpus that the project's tests read.
PHOTOS = {
    "coral/cat_720p.jpg": ("cat", "猫"), "coral/bird.bmp": ("bird", "鸟"),
    "coral/dragonfly.bmp": ("dragonfly", "蜻蜓"), "coral/hot_dog.jpg": ("hot dog", "热狗"),
    "coral/kite_and_cold.jpg": ("kite", "风筝"), "coral/owl.jpg": ("owl", "猫头鹰"),
    "coral/parrot.jpg": ("parrot", "鹦鹉"), "coral/pets.jpg": ("dog", "狗"),
    "coral/sunflower.bmp": ("sunflower", "向日葵"), "coral/face.jpg": ("face", "脸"),
    "skimage/src/_skimage2/data/chelsea.png": ("cat", "猫"),
    "skimage/src/_skimage2/data/coffee.png": ("coffee", "咖啡"),
    "skimage/src/_skimage2/data/rocket.jpg": ("rocket", "火箭"),
    "skimage/src/_skimage2/data/horse.png": ("horse", "马"),
    "skimage/src/_skimage2/data/astronaut.png": ("astronaut", "宇航员"),
    "skimage/src/_skimage2/data/motorcycle_left.png": ("motorcycle", "摩托车"),
    "skimage/src/_skimage2/data/coins.png": ("coin", "硬币"),
    "skimage/src/_skimage2/data/moon.png": ("moon", "月亮"),
    "skimage/src/_skimage2/data/hubble_deep_field.jpg": ("stars", "星星"),
    "skimage/src/_skimage2/data/page.png": ("page of text", "文字"),
}


class Model:
    """The model in a folder, read through its manifest and nothing else."""

    def __init__(self, folder):
        self.manifest = tomllib.loads((folder / "manifest.toml").read_text())
        text, picture = self.manifest["text"], self.manifest["picture"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        start = lambda file: onnxruntime.InferenceSession(
            str(folder / file), options, providers=["CPUExecutionProvider"])
        self.text, self.picture = start(text["graph"]["file"]), start(picture["graph"]["file"])
        self.tokenizer = Tokenizer.from_file(str(folder / text["tokenizer"]))
        self.tokenizer.enable_truncation(text["max_tokens"])
        self.tokenizer.enable_padding(pad_id=text["pad_id"])

    def texts(self, texts):
        graph, found = self.manifest["text"]["graph"], []
        for i in range(0, len(texts), 64):
            ids = np.array([e.ids for e in self.tokenizer.encode_batch(texts[i : i + 64])])
            found.append(self.text.run([graph["output"]], {graph["inputs"]["ids"]: ids})[0])
        return unit(np.concatenate(found))

    def pictures(self, images):
        tower, found = self.manifest["picture"], []
        filters = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
        for i in range(0, len(images), 64):
            size = (tower["size"], tower["size"])
            x = np.stack([np.asarray(
                image.convert("RGB").resize(size, filters[tower["filter"]]), np.float32)
                for image in images[i : i + 64]]) / 255
            x = (x - np.float32(tower["mean"])) / np.float32(tower["std"])
            given = {tower["graph"]["input"]: np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
            found.append(self.picture.run([tower["graph"]["output"]], given)[0])
        return unit(np.concatenate(found))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def on_white(rgba):
    ground = Image.new("RGBA", rgba.shape[:2], "white")
    ground.alpha_composite(Image.fromarray(rgba))
    return ground.convert("RGB")


def ranks(queries, gallery, right):
    """For each query the rank (0 is best) of the best of its right pictures."""
    scores = queries @ gallery.T
    best = np.array([row[list(r)].max() for row, r in zip(scores, right)])
    return (scores > best[:, None]).sum(1)


def share(rank, k):
    return f"{100 * (rank < k).mean():5.1f}"


def style(model, lexicon, work, name):
    """Print how well a style's drawings are found; give back cosines right and wrong."""
    codes, rgba = pictures.load(work, name)
    kept = [i for i, code in enumerate(codes) if code in lexicon.index]
    at = {lexicon.index[codes[i]]: place for place, i in enumerate(kept)}
    gallery = model.pictures([on_white(rgba[i]) for i in kept])
    print(f"\n## {name}: gallery of {len(gallery)} drawings, one to a concept\n")
    print("| query | language | queries | recall@1 | recall@5 | recall@10 |")
    print("|---|---|---|---|---|---|")
    cosines = []
    for language in ("en", "zh"):
        names = [lexicon.names[language][c] for c in at]
        right = [{place} for place in at.values()]
        asked = {"its name": (names, right)}
        for sentence in SENTENCES[language]:
            asked[f"“{sentence.format('…')}”"] = ([sentence.format(n) for n in names], right)
        words = {}
        for c, place in at.items():
            for word in lexicon.keywords[language][c]:
                words.setdefault(word, {at[f] for f in lexicon.weights[word] if f in at})
        asked["a keyword (any that has it)"] = (list(words), list(words.values()))
        for what, (texts, hits) in asked.items():
            vectors = model.texts(texts)
            rank = ranks(vectors, gallery, hits)
            print(f"| {what} | {language} | {len(texts)} | {share(rank, 1)} % | "
                  f"{share(rank, 5)} % | {share(rank, 10)} % |")
            if what == "its name":
                scores = vectors @ gallery.T
                cosines.append((scores.diagonal().copy(), scores[~np.eye(len(scores), dtype=bool)]))
    return gallery, [np.concatenate(c) for c in zip(*cosines)]


def photographs(model, folder):
    """Print which of the photographs' own words each photograph is nearest to."""
    images = {p: Image.open(folder / p) for p in PHOTOS if (folder / p).is_file()}
    if not images:
        print(f"\nno photographs in {folder}: skipped")
        return
    vectors = model.pictures(list(images.values()))
    print(f"\n## {len(images)} photographs, searched among each other\n")
    for place, language in enumerate(("en", "zh")):
        words = [PHOTOS[p][place] for p in images]
        right = [{i for i, w in enumerate(words) if w == word} for word in words]
        rank = ranks(model.texts(words), vectors, right)
        print(f"- {language}: first for {(rank == 0).sum()} of {len(words)} words, "
              f"among the first five for {(rank < 5).sum()} (chance: 1 and 5)")
        print("  found first: " + ", ".join(w for w, r in zip(words, rank) if r == 0))


def spread(values):
    return " | ".join(f"{v:.3f}" for v in np.percentile(values, [1, 5, 50, 95, 99, 99.9]))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, default=Path("target/demo-clip"))
    args.add_argument("--model", type=Path, default=Path("models/demo-clip"))
    args.add_argument("--photos", type=Path, default=Path("../shared/corpus/photos"))
    args = args.parse_args()
    model = Model(args.model)
    lexicon = Lexicon(args.work, [
        c for s in pictures.TRAINING for c in pictures.load(args.work, s)[0]])
    rows = []
    for name in pictures.UNSEEN:
        gallery, (yes, no) = style(model, lexicon, args.work, name)
        sampler = Sampler(lexicon, random.Random(3))
        other = model.texts([sampler.unrelated()[0] for _ in range(500)]) @ gallery.T
        rows += [(f"{name}: a name and its drawing", yes), (f"{name}: a name and another's", no),
                 (f"{name}: unrelated text, any drawing", other.ravel()),
                 (f"{name}: unrelated text, the best drawing", other.max(1))]
    photographs(model, args.photos)
    print("\n## Cosines\n\n| pair | 1 % | 5 % | median | 95 % | 99 % | 99.9 % |")
    print("|---|---|---|---|---|---|---|")
    for what, values in rows:
        print(f"| {what} | {spread(values)} |")


if __name__ == "__main__":
    main()
