"""Trains demo-clip: WORK/pictures and CLDR's words in, OUT/{picture,text}.pt and
OUT/tokenizer.json out.

First the pictures: the picture tower with a plain linear classifier on top must say which
concept a drawing shows. The classifier is thrown away; what stays is a space where all
styles' drawings of one thing lie together. Then the texts: with the pictures' vectors as
they are, a text must find the drawings that it fits among one of each concept, evenly, and a
text about something else none more than another.

All chance at a step comes from the seed and the step's number, and the state is kept every
fifty steps: a training that was cut goes on where it was when it is started again. The
rate is constant up to the last `--cool` steps, so that a training may also be made longer
until these have begun.
"""

import argparse
import copy
import math
import random
import re
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tokenizers import Tokenizer

import pictures
import spelling
from augment import augment
from model import DIM, SIZE, PictureTower, TextTower
from words import Lexicon, Sampler

# Pictures are this large until the rate falls: it teaches most at less cost.
EARLY_SIZE = 32
# From how strong augmentation to how strong, and over how many steps.
GROWTH = (0.3, 0.9, 1500)
# What a mirror would make wrong: directions, clocks, letters, flags.
HANDED = re.compile(
    r"left|right|east|west|clock|thirty|flag|button|letter|keycap|sign|mark|symbol|arrow|1234"
    r"|next|last|fast|play|question|number|numerals|abc|square|japanese|ideograph|note|hand|moon")


class Drawings:
    """All training drawings at half their size, and where each concept's are, by style."""

    def __init__(self, work, styles, lexicon):
        self.rgba, self.where = [], [[] for _ in lexicon.codes]
        at = 0
        for style in styles:
            codes, rgba = pictures.load(work, style)
            held = {}
            for i, code in enumerate(codes):
                if code in lexicon.index:
                    held.setdefault(lexicon.index[code], []).append(at + i)
            for concept, places in held.items():
                self.where[concept].append(places)
            self.rgba.append(premultiplied(rgba))
            at += len(codes)
        self.rgba = torch.cat(self.rgba)
        self.flip = torch.tensor([not HANDED.search(n) for n in lexicon.names["en"]])

    def one(self, concept, chance):
        """The place of one drawing, all styles being as likely."""
        return chance.choice(chance.choice(self.where[concept]))


def premultiplied(rgba):
    """[n, s, s, 4] as drawn to [n, 4, s / 2, s / 2], uint8 both."""
    parts = []
    for part in torch.from_numpy(rgba).split(256):
        x = part.permute(0, 3, 1, 2).float() / 255
        x = torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1)
        parts.append((F.avg_pool2d(x, 2) * 255).round().byte())
    return torch.cat(parts)


def spread(weights, smoothing):
    """Rows of weights as distributions. Names keep 70 % beside keywords; nothing is even."""
    n = weights.shape[1]
    full = (weights == 1).float()
    part = (weights > 0).float() - full
    full_sum, part_sum = full.sum(1, keepdim=True), part.sum(1, keepdim=True)
    share = torch.where(part_sum > 0, 0.7, 1.0) * (full_sum > 0)
    rows = full / full_sum.clamp(min=1) * share + part / part_sum.clamp(min=1) * (1 - share)
    rows = torch.where((full_sum + part_sum) > 0, rows, 1 / n)
    return rows * (1 - smoothing) + smoothing / n


class Stage:
    """A tower and what it is trained with: optimiser, schedule, average, the file it is kept in."""

    def __init__(self, file, tower, beside, args, steps, cool, rate):
        self.file, self.tower, self.step = file, tower, 0
        self.seed, self.steps, self.cool, self.full_rate = args.seed, steps, cool, rate
        self.parameters = [p for m in (tower, beside) for p in m.parameters()]
        self.optimiser = torch.optim.AdamW([
            {"params": [p for p in self.parameters if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in self.parameters if p.ndim <= 1], "weight_decay": 0.0},
        ], betas=(0.9, 0.98))
        # An average over the last steps is steadier than any one of them.
        self.average = copy.deepcopy(tower).eval()
        self.held = dict(tower=tower, beside=beside, optimiser=self.optimiser, average=self.average)
        if file.exists():
            state = torch.load(file, weights_only=True)
            for name, part in self.held.items():
                part.load_state_dict(state[name])
            self.step = state["step"]

    def cooling(self):
        return self.step > self.steps - self.cool

    def rate(self):
        """Warmed up over 100 steps, constant, at last down to a hundredth."""
        left = (self.steps - self.step) / self.cool
        return self.full_rate * min(1, self.step / 100, 0.01 + left)

    def run(self, loss_of):
        """Train to the end; `loss_of` gives the loss of this step, with its own chance."""
        spent, chance = [], random.Random()
        print(f"{self.file.name}: step {self.step} of {self.steps}, parameters "
              f"{sum(p.numel() for p in self.tower.parameters())}", flush=True)
        while self.step < self.steps:
            self.step += 1
            chance.seed(self.seed * 1_000_003 + self.step)
            torch.manual_seed(chance.getrandbits(48))
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate()
            loss = loss_of(chance)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 2.0)
            self.optimiser.step()
            self.blend(min(0.99, self.step / (self.step + 20)))
            spent.append(loss.item())
            if self.step % 50 == 0 or self.step == self.steps:
                self.save()
                print(f"{self.step} cpu {time.process_time():.0f}s loss {np.mean(spent):.3f}",
                      flush=True)
                spent = []

    @torch.no_grad()
    def blend(self, keep):
        for a, b in zip(self.average.state_dict().values(), self.tower.state_dict().values()):
            a.lerp_(b, 1 - keep) if a.is_floating_point() else a.copy_(b)

    def save(self):
        state = {name: part.state_dict() for name, part in self.held.items()}
        torch.save(state | {"step": self.step}, self.file.with_suffix(".part"))
        self.file.with_suffix(".part").rename(self.file)


def forward(tower, pixels):
    return tower(((pixels - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)).float()


def learn_pictures(args, lexicon, drawings):
    """The picture tower, trained to tell the concepts apart."""
    torch.manual_seed(args.seed)
    tower = PictureTower(args.width).to(memory_format=torch.channels_last)
    classes = nn.Linear(DIM, len(lexicon.codes))
    stage = Stage(args.out / "picture.pt", tower, classes, args, args.steps, args.cool, args.rate)
    known = [i for i, places in enumerate(drawings.where) if places]

    def loss(chance):
        concepts = chance.choices(known, k=args.batch)
        weak, strong, over = GROWTH
        strength = weak + (strong - weak) * min(1, stage.step / over)
        size = SIZE if stage.cooling() else EARLY_SIZE
        places = [drawings.one(c, chance) for c in concepts]
        x = augment(drawings.rgba[places], drawings.flip[concepts], size, strength)
        with torch.autocast("cpu", torch.bfloat16):
            seen = forward(tower, x)
        return F.cross_entropy(classes(seen), torch.tensor(concepts), label_smoothing=0.05)

    stage.run(loss)
    return stage.average


@torch.no_grad()
@torch.autocast("cpu", torch.bfloat16)
def vectors(tower, drawings, seed):
    """[drawings, DIM]: the vector of every drawing, a little augmented."""
    torch.manual_seed(seed)
    flip = torch.zeros(len(drawings.rgba), dtype=torch.bool)
    return torch.cat([
        F.normalize(forward(tower, augment(rgba, flip[: len(rgba)], SIZE, 0.3)), dim=1)
        for rgba in drawings.rgba.split(128)])


def learn_texts(args, lexicon, drawings, tokenizer, bank):
    """The text tower, trained to find the pictures of `bank`."""
    torch.manual_seed(args.seed)
    tower = TextTower(tokenizer.get_vocab_size())
    scale = nn.ParameterList([torch.tensor(math.log(15.0))])
    steps = args.text_steps
    stage = Stage(args.out / "text.pt", tower, scale, args, steps, steps // 2, args.text_rate)
    known = [i for i, places in enumerate(drawings.where) if places]
    sampler = Sampler(lexicon, random.Random())

    def texts(chance):
        sampler.random = chance
        size = args.text_batch
        for _ in range(size // 10):
            yield sampler.pair(*chance.choices(known, k=2))
        for _ in range(size):
            yield sampler.about(chance.choice(known))
        for _ in range(size // 10):
            yield sampler.unrelated()

    def loss(chance):
        asked = list(texts(chance))
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch([text for text, _ in asked])])
        meant = torch.zeros(len(asked), len(lexicon.codes))
        for row, (_, fits) in enumerate(asked):
            meant[row, list(fits)] = torch.tensor(list(fits.values()))
        gallery = bank[[drawings.one(c, chance) for c in known]]
        read = F.normalize(tower(ids), dim=1)
        logits = scale[0].clamp(max=math.log(40.0)).exp() * read @ gallery.T
        return F.cross_entropy(logits, spread(meant[:, known], 0.02))

    stage.run(loss)
    return stage.average


def clean(rgba, size=SIZE):
    """Drawings on white, as pictures of `size`, ready for the model. rgba: [n, s, s, 4]."""
    from PIL import Image
    made = []
    for one in rgba:
        ground = Image.new("RGBA", one.shape[:2], "white")
        ground.alpha_composite(Image.fromarray(one))
        made.append(np.asarray(ground.convert("RGB").resize((size, size), Image.BILINEAR)))
    return (torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


@torch.no_grad()
def recall(picture, text, tokenizer, lexicon, codes, rgba):
    """{"en@1": .., "en@5": .., ...}: each concept's name must find its first drawing."""
    at = {}
    for i, code in enumerate(codes):
        if code in lexicon.index:
            at.setdefault(lexicon.index[code], i)
    gallery = torch.cat([
        F.normalize(picture(clean(part)), dim=1)
        for part in np.array_split(rgba[list(at.values())], 16)])
    found = {"gallery": len(at)}
    for language in ("en", "zh"):
        names = [lexicon.names[language][c] for c in at]
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch(names)])
        scores = F.normalize(text(ids), dim=1) @ gallery.T
        rank = (scores > scores.diagonal().unsqueeze(1)).sum(1)
        for k in (1, 5):
            found[f"{language}@{k}"] = round((rank < k).float().mean().item(), 4)
    return found


def arguments():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, default=Path("target/demo-clip"))
    args.add_argument("--out", type=Path, default=Path("target/demo-clip/run"))
    args.add_argument("--steps", type=int, default=1450)
    args.add_argument("--cool", type=int, default=300)
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--text-steps", type=int, default=900)
    args.add_argument("--text-batch", type=int, default=160)
    args.add_argument("--text-rate", type=float, default=3e-3)
    args.add_argument("--batch", type=int, default=256)
    args.add_argument("--width", type=int, default=32)
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--hold-out", help="a training style to leave out and measure on")
    return args.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    styles = [s for s in pictures.TRAINING if s != args.hold_out]
    lexicon = Lexicon(args.work, [c for s in styles for c in pictures.load(args.work, s)[0]])
    drawings = Drawings(args.work, styles, lexicon)
    spelt = args.out / "tokenizer.json"
    if not spelt.exists():  # two trainings of it differ in some rare pieces
        spelling.train(lexicon.phrases()).save(str(spelt))
    tokenizer = spelling.prepare(Tokenizer.from_file(str(spelt)))
    print(f"{len(lexicon.codes)} concepts, {len(drawings.rgba)} drawings, "
          f"{len(lexicon.weights)} phrases, {tokenizer.get_vocab_size()} tokens", flush=True)
    picture = learn_pictures(args, lexicon, drawings)
    bank = vectors(picture, drawings, args.seed)
    text = learn_texts(args, lexicon, drawings, tokenizer, bank)
    for style in [args.hold_out] if args.hold_out else []:
        print(style, recall(picture, text, tokenizer, lexicon, *pictures.load(args.work, style)))


if __name__ == "__main__":
    main()
