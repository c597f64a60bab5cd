"""Makes a test "episode": sentences of the demo model's vocabulary in several voices, with pauses, music and silence.

    python episode.py OUT --minutes 3 --seed 1              # OUT.wav (16 kHz mono) and OUT.json
    python episode.py OUT --words first                     # in the 430 words of an earlier model

The JSON holds the true times in seconds: {"seconds", "sentences": [{"start", "end", "text", "voice"}],
"other": [{"start", "end", "kind"}]} with kind music, noise or silence. None of the sentences was in training.
The same arguments make the same bytes.
"""

import argparse
import functools
import json
import pathlib
import random
import wave

import numpy as np

import first
from espeak import RATE, Espeak
from grammar import FIRST, Grammar, sentences
from sounds import music, noise
from synth import FIRST_EVERY, SENTENCES_SEED, SHARD, SHARDS, first_sentences

OTHER = (4.0, 12.0)  # seconds of music, noise or silence between two stretches of speech
STRETCH = (3, 8)  # sentences in a stretch, all in one voice
# The grammar of a model (None: the trainer's own), and the voices that speak an episode of it.
WORDS = {"first": (FIRST, first.VOICES), "full": (None, ["en-us", "en", "en-us+f3", "en+m3"])}
COMMITTED = "full"  # what models/demo-whisper knows
LEAD = 0.3  # seconds of silence at the beginning


class Episode:
    """Sound that is being put together, and what is in it."""

    def __init__(self, seed: int, voices: list[str]):
        self.r, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.voices, self.espeak = voices, Espeak()
        self.parts, self.samples, self.sentences, self.other = [], 0, [], []
        self._append(np.zeros(int(LEAD * RATE), np.float32))

    @property
    def seconds(self) -> float:
        return self.samples / RATE

    def _append(self, samples: np.ndarray):
        self.parts.append(samples)
        self.samples += len(samples)

    def stretch(self, texts: list[str], limit: float):
        """One voice says some sentences with natural pauses, until the time is up."""
        voice, rate, pitch = self.r.choice(self.voices), self.r.randint(145, 180), self.r.randint(38, 62)
        for text in texts:
            said = self.espeak.speak(text, voice, rate, pitch)
            if self.seconds + said.end > limit:
                return
            times = {"start": round(self.seconds + said.start, 3), "end": round(self.seconds + said.end, 3)}
            self.sentences.append({**times, "text": text, "voice": voice})
            self._append(said.samples)
            self._append(np.zeros(int(self.r.uniform(0.25, 0.9) * RATE), np.float32))

    def between(self, seconds: float, kind: str):
        """Music, noise or silence, faded in and out."""
        n, start = int(seconds * RATE), self.seconds
        if kind == "silence":
            sound = np.zeros(n, np.float32)
        else:
            sound = (music if kind == "music" else noise)(self.noise, seconds)[:n] * np.float32(self.r.uniform(0.05, 0.4))
            fade = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.3 * RATE)).astype(np.float32)
            sound *= fade
        self.other.append({"start": round(start, 3), "end": round(start + n / RATE, 3), "kind": kind})
        self._append(sound)


@functools.cache
def trained() -> frozenset:
    """All sentences that training had, and some more."""
    return frozenset(sentences(SHARDS * SHARD, SENTENCES_SEED) + first_sentences(SHARDS * SHARD // FIRST_EVERY))


def episode(seconds: float, seed: int, voices: list[str], grammar: Grammar | None = None) -> Episode:
    """An episode of about `seconds`."""
    texts = iter(sentences(int(seconds) + 50, 1_000_000 + seed, besides=trained(), grammar=grammar))
    out = Episode(seed, voices)
    while out.seconds < seconds - 3:
        out.stretch([next(texts) for _ in range(out.r.randint(*STRETCH))], seconds)
        if out.seconds < seconds - 1:
            length = min(out.r.uniform(*OTHER), max(1.0, seconds - out.seconds))
            out.between(length, out.r.choice(["music", "music", "silence", "noise"]))
    return out


def save(made: Episode, out: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes OUT.wav and OUT.json."""
    sound, truth = out.with_name(out.name + ".wav"), out.with_name(out.name + ".json")
    samples = np.clip(np.concatenate(made.parts), -1, 1)
    with wave.open(str(sound), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes((samples * 32767).astype("<i2").tobytes())
    truth.write_text(json.dumps({"seconds": round(made.seconds, 3), "sentences": made.sentences, "other": made.other}, indent=1) + "\n")
    return sound, truth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--words", choices=WORDS, default=COMMITTED, help="which model's vocabulary")
    parser.add_argument("--voices", nargs="+", help="espeak-ng voices instead of the model's own")
    args = parser.parse_args()
    grammar, voices = WORDS[args.words]
    made = episode(args.minutes * 60, args.seed, args.voices or voices, grammar)
    for path in save(made, args.out):
        print(path)


if __name__ == "__main__":
    main()
