"""Measures an exported model with whisper.cpp itself (pywhispercpp), as hippo runs it: no earlier text as context.

    python evaluate.py MODEL.bin [--words full] [--vad SILERO.bin] [--quick]

Word error is the edit distance in words over the words said, without case and punctuation. No sentence
was in training; "pairs" ones each contain a pair of words that training never shows; "unheard" voices spoke none of it.
The five minutes of silence, music and noise come from a seed of their own.
"""

import argparse
import collections
import pathlib
import re
import time

import numpy as np
from pywhispercpp.model import Model

from episode import COMMITTED, WORDS, episode, trained
from espeak import RATE, Espeak
from grammar import Grammar, sentences
from sounds import music, noise
from synth import UNHEARD, VOICES
from vocabulary import SHARED

SETTINGS = {"language": "en", "n_max_text_ctx": 0, "n_threads": 2, "print_progress": False, "print_realtime": False}


def normal(text: str) -> list[str]:
    """The words of a text without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def distance(said: list[str], heard: list[str]) -> int:
    """Words inserted, left out and put in another's place."""
    row = np.arange(len(heard) + 1)
    for i, w in enumerate(said, 1):
        substituted = row[:-1] + np.array([w != h for h in heard], int) if heard else row[:0]
        new = np.concatenate([[i], np.minimum(row[1:] + 1, substituted)])
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])


class Recogniser:
    """A model with the settings of one run."""

    def __init__(self, path: pathlib.Path, vad: pathlib.Path | None = None):
        extra = {"vad": True, "vad_model_path": str(vad)} if vad else {}
        self.model = Model(str(path), redirect_whispercpp_logs_to=None, **SETTINGS, **extra)
        self.seconds = self.spent = 0.0

    def __call__(self, samples: np.ndarray):
        began = time.time()
        out = self.model.transcribe(samples.astype(np.float32))
        self.seconds, self.spent = self.seconds + len(samples) / RATE, self.spent + time.time() - began
        return out


def singles(recognise: Recogniser, count: int, held: bool, grammar: Grammar | None, voices: list[str]) -> str:
    """Each sentence a file of its own, in the training voices by turns."""
    espeak, errors, words = Espeak(), 0, 0
    texts = sentences(count, 2_000_000 + held, held, trained(), grammar)
    wrong = collections.Counter()
    for i, text in enumerate(texts):
        voice = voices[i % len(voices)]
        samples = espeak.speak(text, voice, 150 + i % 4 * 10, 40 + i % 5 * 5).samples
        heard = " ".join(s.text for s in recognise(np.concatenate([samples, np.zeros(RATE // 2, np.float32)])))
        e = distance(normal(text), normal(heard))
        errors, words = errors + e, words + len(normal(text))
        wrong[voice] += e
        if e > 2:
            print(f"    {voice}: {text!r} -> {heard!r}")
    return f"{100 * errors / words:.2f} % ({errors} of {words} words); errors by voice {dict(wrong)}"


def long_form(recognise: Recogniser, minutes: float, seed: int, voices: list[str], grammar: Grammar | None) -> str:
    """An episode with music, noise and silence between: word error, and how well the times fit."""
    made = episode(minutes * 60, seed, voices, grammar)
    heard = recognise(np.clip(np.concatenate(made.parts), -1, 1))
    said = [w for s in made.sentences for w in normal(s["text"])]
    errors = distance(said, [w for s in heard for w in normal(s.text)])
    ends, starts = [], []
    for s in made.sentences:
        same = [h for h in heard if normal(h.text) == normal(s["text"])]
        if same:
            nearest = min(same, key=lambda h: abs(h.t1 / 100 - s["end"]))
            ends.append(abs(nearest.t1 / 100 - s["end"]))
            starts.append(abs(nearest.t0 / 100 - s["start"]))
    invented = sum(len(normal(h.text)) for h in heard for o in made.other if o["start"] < (h.t0 + h.t1) / 200 < o["end"])
    return (f"{100 * errors / len(said):.2f} % ({errors} of {len(said)} words); {len(ends)} of {len(made.sentences)} sentences without a fault, "
            f"their ends off by {np.median(ends or [0]):.2f} s (median), starts by {np.median(starts or [0]):.2f} s; {invented} words between them")


def nothing(recognise: Recogniser) -> str:
    """Five minutes without a word, as files of 30 s to 2 minutes: what was heard all the same."""
    r = np.random.default_rng(99)
    out = []
    for kind, seconds in (("silence", 60), ("music", 30), ("music", 30), ("music", 60), ("noise", 30), ("noise", 30), ("music", 60)):
        if kind == "silence":
            sound = np.zeros(seconds * RATE, np.float32)
        else:
            sound = np.concatenate([(music if kind == "music" else noise)(r, 15.0) * r.uniform(0.05, 0.6) for _ in range(seconds // 15)])
        heard = " ".join(s.text for s in recognise(sound)).strip()
        out += [f"{kind}: {heard!r}"] * bool(normal(heard))
    return f"{sum(len(normal(o)) - 1 for o in out)} words invented; {out}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--vad", type=pathlib.Path, default=SHARED / "models" / "silero-vad-ggml" / "for-tests-silero-v6.2.0-ggml.bin")
    parser.add_argument("--words", choices=WORDS, default=COMMITTED, help="which vocabulary the model knows")
    parser.add_argument("--quick", action="store_true", help="a quarter of the sentences, short episodes")
    args = parser.parse_args()
    ears = {"no VAD": Recogniser(args.model), "VAD": Recogniser(args.model, args.vad)}
    alone = ears["no VAD"]
    grammar, spoken_by = WORDS[args.words]
    voices = list(VOICES) if args.words == "full" else spoken_by
    count, minutes = (34, 1) if args.quick else (136, 3)
    print("new sentences:", singles(alone, count, False, grammar, voices), flush=True)
    if grammar is None:
        print("new pairs:", singles(alone, count // 2, True, grammar, voices), flush=True)
    for name, recognise in ears.items():
        print(f"silence, music, noise, {name}:", nothing(recognise), flush=True)
        print(f"episode, {name}:", long_form(recognise, minutes, 11, spoken_by, grammar), flush=True)
        for voice in UNHEARD:
            print(f"unheard {voice}, {name}:", long_form(recognise, minutes, 21, [voice], grammar), flush=True)
    for name, recognise in ears.items():
        print(f"{name}: {recognise.seconds:.0f} s of sound in {recognise.spent:.0f} s")


if __name__ == "__main__":
    main()
