"""Trains demo-clip: WORK/pictures and CLDR's words in, OUT/state.pt and OUT/tokenizer.json out.

Both towers learn against one table of anchors, a vector for each concept: a picture must
find its concept's anchor among all of them, a text the anchors of all that it fits, evenly,
and a text about something else no anchor more than another. A pairwise loss (SigLIP's) on
the pictures and texts of a batch ties the two directly and gives the cosines a scale. The
anchors are thrown away afterwards.

All chance at a step comes from the seed and the step's number, and the state is kept every
hundred steps: a training that was cut goes on where it was when it is started again.
"""

import argparse
import copy
import math
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import pictures
import spelling
from augment import SIZE, Augment
from model import DIM, PictureTower, TextTower
from words import Lexicon, Sampler

# How far through the training (a share) pictures are how large: small ones teach most of
# it at a quarter of the cost.
SIZES = [(0.5, 32), (0.85, 48), (1.0, SIZE)]
# Of the cosines to the anchors. Fixed: texts are learned long before pictures are, and
# would drive a learned one up.
SCALE = 16.0
# What a mirror would make wrong: directions, clocks, letters, flags.
HANDED = re.compile(
    r"left|right|east|west|clock|thirty|flag|button|letter|keycap|sign|mark|symbol|arrow|1234"
    r"|next|last|fast|play|question|number|numerals|abc|square|japanese|ideograph|note|hand|moon")


class Drawings:
    """All training drawings, and for each concept where they are, by style."""

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
            self.rgba.append(torch.from_numpy(rgba).permute(0, 3, 1, 2).contiguous())
            at += len(codes)
        self.rgba = torch.cat(self.rgba)
        self.flip = torch.tensor([not HANDED.search(n) for n in lexicon.names["en"]])
        self.known = [i for i, places in enumerate(self.where) if places]

    def one(self, concept, chance):
        return chance.choice(chance.choice(self.where[concept]))


class Batches:
    """Pictures and texts with what they are about, as rows of weights over the concepts."""

    def __init__(self, lexicon, drawings, tokenizer, seed, size):
        self.seed, self.chance = seed, random.Random()
        self.augment = Augment(torch.Generator())
        self.texts = Sampler(lexicon, self.chance)
        self.drawings, self.tokenizer, self.size = drawings, tokenizer, size
        self.concepts = len(lexicon.codes)

    def make(self, step, pixels):
        """The batch of a step, with pictures of `pixels`: always the same one."""
        self.chance.seed(self.seed * 1_000_003 + step)
        self.augment.generator.manual_seed(self.chance.getrandbits(48))
        self.augment.size = pixels
        known, size = self.drawings.known, self.size
        concepts = [self.chance.choice(known) for _ in range(size)]
        double = size // 10
        seconds = [self.chance.choice(known) for _ in range(double)]
        shown = torch.zeros(size, self.concepts)
        shown[range(size), concepts] = 1.0
        shown[range(double), seconds] = 1.0
        empty = size // 50
        x = self.rgba(concepts)
        x[size - empty :, 3] = 0
        shown[size - empty :] = 0
        flip = self.drawings.flip
        x = self.augment(x, flip[concepts], self.rgba(seconds), flip[seconds])
        texts = [self.texts.pair(i, j) for i, j in zip(concepts[:double], seconds)]
        # Texts are far easier than pictures: a half as many are enough.
        texts += [self.texts.about(i) for i in concepts[double : size // 2]]
        texts += [self.texts.about(self.chance.randrange(self.concepts)) for _ in range(size // 8)]
        texts += [self.texts.unrelated() for _ in range(size // 16)]
        ids = [e.ids for e in self.tokenizer.encode_batch([text for text, _ in texts])]
        meant = torch.zeros(len(texts), self.concepts)
        for row, (_, fits) in enumerate(texts):
            meant[row, list(fits)] = torch.tensor(list(fits.values()))
        return x, shown, torch.tensor(ids), meant

    def rgba(self, concepts):
        return self.drawings.rgba[[self.drawings.one(c, self.chance) for c in concepts]]


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


class Losses(torch.nn.Module):
    def __init__(self, concepts):
        super().__init__()
        self.anchors = torch.nn.Parameter(torch.randn(concepts, DIM))
        self.pair_scale = torch.nn.Parameter(torch.tensor(math.log(10.0)))
        self.pair_bias = torch.nn.Parameter(torch.tensor(-6.0))

    def forward(self, picture, shown, text, meant):
        picture, text = F.normalize(picture, dim=1), F.normalize(text, dim=1)
        anchors = F.normalize(self.anchors, dim=1)
        seen = F.cross_entropy(SCALE * picture @ anchors.T, spread(shown, 0.05))
        read = F.cross_entropy(SCALE * text @ anchors.T, spread(meant, 0.02))
        fits = ((shown @ (meant == 1).float().T) > 0).float()
        # A keyword of what is shown is neither right nor wrong: it stays out of the pairs.
        maybe = (((shown @ (meant > 0).float().T) > 0).float() - fits).clamp(min=0)
        logits = self.pair_scale.exp() * picture @ text.T + self.pair_bias
        pairs = F.binary_cross_entropy_with_logits(logits, fits, reduction="none") * (1 - maybe)
        return seen, read, pairs.sum() / len(picture)


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
    """{"en@1": .., "en@5": .., ...}: each concept's name must find its one drawing."""
    kept = [i for i, code in enumerate(codes) if code in lexicon.index]
    concepts = [lexicon.index[codes[i]] for i in kept]
    gallery = torch.cat([
        F.normalize(picture(clean(rgba[kept[i : i + 128]])), dim=1)
        for i in range(0, len(kept), 128)])
    found = {"gallery": len(kept)}
    for language in ("en", "zh"):
        names = [lexicon.names[language][c] for c in concepts]
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
    args.add_argument("--steps", type=int, default=1200)
    args.add_argument("--batch", type=int, default=160)
    args.add_argument("--width", type=int, default=24)
    args.add_argument("--rate", type=float, default=3e-3)
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--hold-out", help="a training style to leave out and measure on")
    return args.parse_args()


class Training:
    """The towers, their losses, the optimiser and the average that is kept in the end."""

    def __init__(self, args, vocabulary, concepts):
        torch.manual_seed(args.seed)
        self.args, self.step = args, 0
        self.picture = PictureTower(args.width).to(memory_format=torch.channels_last)
        self.text = TextTower(vocabulary)
        self.losses = Losses(concepts)
        modules = (self.picture, self.text, self.losses)
        self.parameters = [p for m in modules for p in m.parameters()]
        self.optimiser = torch.optim.AdamW([
            {"params": [p for p in self.parameters if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in self.parameters if p.ndim <= 1], "weight_decay": 0.0},
        ], lr=args.rate, betas=(0.9, 0.98))
        # An average over the last steps is steadier than any one of them.
        self.average = [copy.deepcopy(m).eval() for m in (self.picture, self.text)]
        self.held = dict(picture=self.picture, text=self.text, losses=self.losses,
                         optimiser=self.optimiser, best_picture=self.average[0],
                         best_text=self.average[1])

    def pixels(self, step):
        return next(size for until, size in SIZES if step <= until * self.args.steps)

    def rate(self):
        """Warmed up over 100 steps, then down to a hundredth along a cosine."""
        far = self.step / self.args.steps
        down = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * far))
        return self.args.rate * min(1, (self.step + 1) / 100) * down

    def learn(self, x, shown, ids, meant):
        """One step; gives back the three losses."""
        self.step += 1
        torch.manual_seed(self.args.seed + self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        x = ((x - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            seen, read = self.picture(x), self.text(ids)
        parts = self.losses(seen.float(), shown, read.float(), meant)
        self.optimiser.zero_grad()
        (parts[0] + parts[1] + 0.2 * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 2.0)
        self.optimiser.step()
        self.blend(min(0.995, self.step / (self.step + 20)))
        return [p.item() for p in parts]

    @torch.no_grad()
    def blend(self, keep):
        for kept, live in zip(self.average, (self.picture, self.text)):
            for a, b in zip(kept.state_dict().values(), live.state_dict().values()):
                a.lerp_(b, 1 - keep) if a.is_floating_point() else a.copy_(b)

    def save(self, path):
        state = {name: part.state_dict() for name, part in self.held.items()}
        torch.save(state | {"step": self.step}, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def resume(self, path):
        state = torch.load(path, weights_only=True)
        for name, part in self.held.items():
            part.load_state_dict(state[name])
        self.step = state["step"]


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    styles = [s for s in pictures.TRAINING if s != args.hold_out]
    lexicon = Lexicon(args.work, [
        c for s in styles for c in pictures.load(args.work, s)[0]])
    drawings = Drawings(args.work, styles, lexicon)
    held = pictures.load(args.work, args.hold_out) if args.hold_out else None
    tokenizer = spelling.train(lexicon.phrases())
    tokenizer.save(str(args.out / "tokenizer.json"))
    batches = Batches(lexicon, drawings, tokenizer, args.seed, args.batch)
    training = Training(args, tokenizer.get_vocab_size(), len(lexicon.codes))
    if (args.out / "state.pt").exists():
        training.resume(args.out / "state.pt")
    print(f"{len(lexicon.codes)} concepts, {len(drawings.rgba)} drawings, {len(lexicon.weights)} "
          f"phrases, {tokenizer.get_vocab_size()} tokens; parameters: picture "
          f"{sum(p.numel() for p in training.picture.parameters())}, text "
          f"{sum(p.numel() for p in training.text.parameters())}; from step {training.step}",
          flush=True)

    spent = []
    with ThreadPoolExecutor(1) as ahead:
        def order(step):
            return ahead.submit(batches.make, step, training.pixels(min(step, args.steps)))
        waiting = order(training.step + 1)
        while training.step < args.steps:
            batch, waiting = waiting.result(), order(training.step + 2)
            spent.append(training.learn(*batch))
            step = training.step
            if step % 100 == 0 or step == args.steps:
                training.save(args.out / "state.pt")
                print(f"{step} cpu {time.process_time():.0f}s picture, text, pairs: "
                      + " ".join(f"{v:.3f}" for v in np.mean(spent, 0)), flush=True)
                spent = []
            if held and (step % 500 == 0 or step == args.steps):
                print(recall(*training.average, tokenizer, lexicon, *held), flush=True)


if __name__ == "__main__":
    main()
