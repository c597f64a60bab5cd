"""Speaks the training sentences: shards of log-mels with the times of words and phonemes.

    python synth.py OUT            # 40 shards of 1000 sentences, 40 minutes of music and noise
    python synth.py --homophones   # prints the words that sound like an earlier one, for vocabulary.py

A shard depends on its number alone, so they can be made in any order and by several processes.
"""

import argparse
import dataclasses
import itertools
import multiprocessing
import os
import pathlib
import random

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two processes, two cores

import numpy as np

from espeak import Espeak
from grammar import FIRST, REPEATING, held_out, sentences, spoken
from mel import log_mel
from sounds import music, noise
from vocabulary import words

SENTENCES_SEED, SHARD, SHARDS = 1, 1000, 40
FIRST_EVERY = 5  # one shard in so many speaks the templates of the first model, which the tests speak
# 35 voices ("en" is the British one): seven accents, and espeak's variants of other throats. Plain ones come more often.
ACCENTS = {"en-us": 12, "en": 9, "en-gb-x-rp": 5, "en-us-nyc": 5, "en-029": 5, "en-gb-x-gbclan": 5, "en-gb-x-gbcwmd": 5}
THROATS = "f1 f2 f3 f4 m1 m2 m3 m4 m5 m6 m8 Andy linda belinda".split()
VOICES = ACCENTS | {f"{accent}+{t}": 1 for accent in ("en-us", "en") for t in THROATS} | {"en-us+f3": 3, "en+m3": 3}
# Never in training: an accent that no training voice has, and two throats.
UNHEARD = ["en-gb-scotland", "en-us+f5", "en+m7"]
SLOWEST, FASTEST = 135, 190  # words a minute


def _utterance(espeak: Espeak, text: str, r: random.Random) -> dict:
    voice = r.choices(list(VOICES), list(VOICES.values()))[0]
    said = espeak.speak(text, voice, r.randint(SLOWEST, FASTEST), r.randint(30, 70), r.randint(30, 70))
    numbers = {w: i for i, w in enumerate(words())}
    return {"voice": list(VOICES).index(voice), "mel": log_mel(said.samples).astype(np.float16), "times": said.words,
            "start": said.start, "words": [numbers[w] for w in spoken(text)], "question": text.endswith("?"), "phonemes": said.phonemes}


def shard(job: tuple[pathlib.Path, int, list[str]]) -> str:
    """Speaks one shard and writes it, whole or not at all."""
    path, number, texts = job
    if path.exists():
        return f"{path.name}: kept"
    espeak, r = Espeak(), random.Random(100 + number)
    said = [_utterance(espeak, text, r) for text in texts]
    names = sorted({name for u in said for _, name in u["phonemes"]})
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial, mel=np.concatenate([u["mel"] for u in said]), frames=[len(u["mel"]) for u in said],
        words=np.concatenate([u["words"] for u in said]), times=np.concatenate([u["times"] for u in said]),
        count=[len(u["words"]) for u in said], start=[u["start"] for u in said], voice=[u["voice"] for u in said],
        question=[u["question"] for u in said], phoneme_names=names,
        phoneme=np.concatenate([[names.index(n) for _, n in u["phonemes"]] for u in said]),
        phoneme_at=np.concatenate([[at for at, _ in u["phonemes"]] for u in said]).astype(np.float32),
        phonemes=[len(u["phonemes"]) for u in said])
    partial.rename(path)
    return f"{path.name}: {sum(len(u['mel']) for u in said) / 360000:.2f} h"


def backgrounds(path: pathlib.Path, clips: int = 160, seconds: float = 15.0):
    """Half music, half noise: what the model must answer with nothing, and what lies under speech."""
    if not path.exists():
        r = np.random.default_rng(7)
        mels = [log_mel((music if i % 2 else noise)(r, seconds) * 0.5) for i in range(clips)]
        np.save(path, np.stack([m[: int(seconds * 100)] for m in mels]).astype(np.float16))


def first_sentences(count: int) -> list[str]:
    """Sentences of the first model's templates, without words that this one does not know and without held-out pairs."""
    known, grammar = set(words()), dataclasses.replace(FIRST, repeating=REPEATING)
    said = [s for s in sentences(3 * count, SENTENCES_SEED, grammar=grammar) if known.issuperset(spoken(s)) and not held_out(s)]
    return said[:count]


def homophones() -> list[str]:
    """Words that one of the two main voices pronounces like an earlier word."""
    espeak, out = Espeak(), set()
    for voice in ("en-us", "en"):
        seen = {}
        for w in words():
            out |= {w} if seen.setdefault(espeak.phonemes(w, voice), w) != w else set()
    return sorted(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--homophones", action="store_true")
    args = parser.parse_args()
    if args.homophones:
        print(" ".join(homophones()))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    backgrounds(args.out / "backgrounds.npy")
    of_first = [i % FIRST_EVERY == FIRST_EVERY - 1 for i in range(args.shards)]
    own, first = iter(sentences(of_first.count(False) * SHARD, SENTENCES_SEED)), iter(first_sentences(of_first.count(True) * SHARD))
    jobs = [(args.out / f"shard{i:02}.npz", i, list(itertools.islice(first if f else own, SHARD))) for i, f in enumerate(of_first)]
    with multiprocessing.Pool(2, maxtasksperchild=1) as pool:
        for line in pool.imap(shard, jobs, chunksize=1):
            print(line, flush=True)


if __name__ == "__main__":
    main()
