"""Training windows: spoken sentences pasted one after another over backgrounds, and what Whisper should answer.

A batch is a function of (seed, step) alone, so a run that was cut goes on as if it had not been.
"""

import dataclasses
import functools
import pathlib

import numpy as np

from grammar import sentences
from mel import BANDS, FLOOR, filters
from vocabulary import ranks, token, words

FRAME = 0.02  # seconds an encoder frame covers; also the step of the timestamps
CONTEXT = 1500  # encoder frames of Whisper's 30 s
TIMESTAMPS = CONTEXT + 1
LATEST_FIRST = 50  # whisper.cpp allows a first timestamp of 1.00 s at most (max_initial_ts)
# Rows of the embedding that training touches: specials, punctuation, words, capitalised words, timestamps.
UNUSED, EOT, SOT, NOSPEECH, PERIOD, QUESTION, FIRST_WORD = range(7)
NO_GUIDE = (-99, -99)

SILENT = 0.1  # share of windows with no speech at all
NOSPEECH_TARGET = 0.85  # of those, how many have <|nospeech|> as the target; the others have <|0.00|>
VOICE_KEPT = 0.7  # share of windows in which one voice says everything
SAID_AGAIN = 0.12  # share of sentences that were said before in their window
LONG_PAUSE = 0.1  # share of pauses of 1 to 12 s
FILLED = 0.6  # share of the pauses of more than 1.2 s that music or noise fills
BACKGROUND = 0.6  # share of windows with something under the speech
WARPED = 0.5  # share of windows whose frequencies are scaled, as by a shorter or longer throat
WARPS = np.linspace(0.9, 1.1, 9)


@functools.cache
def capitals() -> list[int]:
    """Words (by number) whose capitalised form begins some sentence."""
    first = {s.split()[0].rstrip(".?") for s in sentences(40000, 1)}
    return [i for i, w in enumerate(words()) if w[0].islower() and w.capitalize() in first | {"The"} and token(w.capitalize())]


@functools.cache
def gpt2_ids() -> list[int]:
    """The GPT-2 ids of the rows from PERIOD on: punctuation, words, capitalised words."""
    marks = [ranks()[b"."], ranks()[b"?"]]
    return marks + [token(w) for w in words()] + [token(words()[i].capitalize()) for i in capitals()]


def first_timestamp() -> int:
    """The row of <|0.00|>."""
    return PERIOD + len(gpt2_ids())


@dataclasses.dataclass
class Utterance:
    """One spoken sentence; frames are encoder frames."""
    mel: np.ndarray
    words: np.ndarray
    starts: np.ndarray  # frame of each word's start, then of the end
    begin: int
    tokens: list[int]
    word_labels: np.ndarray  # 1 + word at each frame, 0 where nothing is said
    phoneme_labels: np.ndarray
    voice: int


class Corpus:
    """The shards that `synth.py` made, read into memory."""

    def __init__(self, folder: pathlib.Path):
        shards = [np.load(p) for p in sorted(folder.glob("shard??.npz"))]
        self.phonemes = sorted({str(n) for s in shards for n in s["phoneme_names"] if not str(n).startswith("_")})
        self._capital = {w: FIRST_WORD + len(words()) + i for i, w in enumerate(capitals())}
        self.utterances = [u for s in shards for u in self._read(s)]
        self.backgrounds = np.load(folder / "backgrounds.npy")
        by_voice = np.array([u.voice for u in self.utterances])
        self.of_voice = [np.flatnonzero(by_voice == v) for v in range(by_voice.max() + 1)]

    def _read(self, s):
        mel, word, at, phoneme, phoneme_at = s["mel"], s["words"], s["times"], s["phoneme"], s["phoneme_at"]
        number = [self.phonemes.index(str(n)) + 1 if str(n) in self.phonemes else 0 for n in s["phoneme_names"]]
        m = w = p = 0
        for i, (frames, count, phonemes) in enumerate(zip(s["frames"], s["count"], s["phonemes"])):
            said, starts = word[w : w + count], np.rint(at[w + i : w + i + count + 1] / FRAME).astype(int)
            size = frames // 2 + 2
            labels, sounds = np.zeros(size, np.int32), np.zeros(size, np.int32)
            for number_of, a, b in zip(said, starts, starts[1:]):
                labels[a:b] = number_of + 1
            edges = np.rint(np.append(phoneme_at[p : p + phonemes], at[w + i + count]) / FRAME).astype(int)
            for k, a, b in zip(phoneme[p : p + phonemes], edges, edges[1:]):
                sounds[a:b] = number[k]
            tokens = [self._capital.get(said[0], FIRST_WORD + said[0]), *(FIRST_WORD + said[1:]), QUESTION if s["question"][i] else PERIOD]
            yield Utterance(mel[m : m + frames], said, starts, int(s["start"][i] / FRAME), [int(t) for t in tokens], labels, sounds, int(s["voice"][i]))
            m, w, p = m + frames, w + count, p + phonemes


@functools.cache
def _warp(factor: float) -> tuple[np.ndarray, np.ndarray]:
    """For each mel band, where it is read from when all frequencies are multiplied by `factor`."""
    centre = filters().argmax(1).astype(float)
    source = np.clip(np.interp(centre * factor, centre, np.arange(BANDS)), 0, BANDS - 1.001)
    low = source.astype(int)
    return low, (source - low).astype(np.float32)


def _add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The log10 power of two sounds together."""
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b) * np.float32(np.log(10)))) / np.float32(np.log(10))


@dataclasses.dataclass
class Shape:
    """One kind of batch; `jit` compiles one program for each."""
    windows: int
    frames: int
    tokens: int


SHORT, LONG = Shape(8, 384, 44), Shape(2, CONTEXT, 150)
LABELLED = 640  # frames a batch whose word is predicted directly from the encoder


class Windows:
    """Makes the batches of a run."""

    def __init__(self, corpus: Corpus, seed: int):
        self.corpus, self.seed = corpus, seed

    def _utterance(self, r, voice, room: int) -> Utterance:
        """A sentence, if possible one that fits into `room` frames."""
        c = self.corpus
        for _ in range(4):
            u = c.utterances[r.choice(c.of_voice[voice]) if voice is not None else r.integers(len(c.utterances))]
            if u.starts[-1] + 3 < room:
                break
        return u

    def _background(self, r, frames: int) -> np.ndarray:
        clips = self.corpus.backgrounds
        parts = [clips[r.integers(len(clips))] for _ in range(frames // clips.shape[1] + 1)]
        start = r.integers(clips.shape[1] - frames % clips.shape[1])
        return np.concatenate(parts)[start : start + frames].astype(np.float32)

    def _filled(self, r, mel: np.ndarray, begin: int, end: int):
        """Now and then puts music or noise between two frames of a pause."""
        end = min(end, len(mel) // 2)
        if end - begin > 60 and r.random() < FILLED:
            fill = self._background(r, 2 * (end - begin)) + np.float32(r.uniform(-2, 0.3))
            mel[2 * begin : 2 * end] = np.maximum(mel[2 * begin : 2 * end], fill)

    def _window(self, r, shape: Shape, offset: int):
        """A window at `offset` frames into the 30 s: mel, tokens with their frames, labels of words and phonemes."""
        n = shape.frames
        mel = np.full((2 * n, BANDS), FLOOR, np.float32)
        labels, sounds = np.zeros(n, np.int32), np.zeros(n, np.int32)
        stamp = first_timestamp() + offset
        if r.random() < SILENT:
            target = NOSPEECH if r.random() < NOSPEECH_TARGET else stamp
            kind = r.random()
            if kind < 0.8:
                mel = self._background(r, 2 * n) + np.float32(r.uniform(-4, 0.5))
            return mel, [(SOT, NO_GUIDE), (stamp, NO_GUIDE), (EOT, NO_GUIDE)], target, labels, sounds
        sequence, said = [(SOT, NO_GUIDE)], []
        voice = self.corpus.utterances[r.integers(len(self.corpus.utterances))].voice if r.random() < VOICE_KEPT else None
        at = int(r.choice([0, r.integers(60), r.integers(n // 2)], p=[0.45, 0.4, 0.15]))
        self._filled(r, mel, 0, at - 5)
        pause = r.choice([0.1, 0.4, 1.0])
        wanted = 99 if r.random() < 0.8 else r.integers(1, 1 + max(1, n // 150))
        while wanted > 0:
            u = said[r.integers(len(said))] if said and r.random() < SAID_AGAIN else self._utterance(r, voice, n - at)
            said.append(u)
            begin, end = at + u.begin, at + u.starts[-1]
            if begin > n - 6:
                break
            size = min(len(u.mel), 2 * (n - at))
            mel[2 * at : 2 * at + size] = np.maximum(mel[2 * at : 2 * at + size], u.mel[:size])
            size = min(len(u.word_labels), n - at)
            labels[at : at + size], sounds[at : at + size] = u.word_labels[:size], u.phoneme_labels[:size]
            first = len(sequence) == 1 and offset == 0
            sequence.append((stamp + (min(begin, LATEST_FIRST) if first else begin), (begin - 3, begin + 4)))
            if end > n - 3:
                break  # cut by the window's end: Whisper gives its start alone and hears it again in the next window
            starts = at + u.starts
            sequence += [(t, (a - 1, b + 1)) for t, a, b in zip(u.tokens, starts, starts[1:])]
            sequence += [(u.tokens[-1], (end - 7, end + 9)), (stamp + end, (end - 4, end + 5))]
            wanted -= 1
            gap = int(r.uniform(50, 600)) if r.random() < LONG_PAUSE else int(50 * (0.06 + pause * r.random()))
            self._filled(r, mel, end + 5, end + gap - 5)
            at = end + gap
        if r.random() < WARPED:
            low, share = _warp(float(r.choice(WARPS)))
            mel = mel[:, low] * (1 - share) + mel[:, low + 1] * share
        if r.random() < BACKGROUND:
            under = self._background(r, 2 * n)
            under += mel.max() - np.percentile(under[:, ::4], 99.5) - np.float32(r.uniform(1.0, 4.5))
            mel = _add(mel, under)
        return mel, sequence + [(EOT, NO_GUIDE)], None, labels, sounds

    def _normalised(self, r, mel: np.ndarray) -> np.ndarray:
        """A random gain and tilt, then whisper.cpp's clamp, whose maximum is the whole file's and not the window's."""
        tilt = np.linspace(-0.5, 0.5, BANDS, dtype=np.float32) * np.float32(r.uniform(-0.8, 0.8))
        mel = np.maximum(mel + np.float32(r.uniform(-1.8, 0.5)) + tilt, FLOOR)
        loudest = mel.max() + (r.random() * 0.6 if r.random() < 0.5 else 0)
        if r.random() < 0.3:
            loudest = max(loudest, r.uniform(-8, 2))  # something louder elsewhere in the file
        return (np.maximum(mel, loudest - 8) + 4) / 4

    def batch(self, step: int, shape: Shape) -> dict[str, np.ndarray]:
        """The batch of a step, as arrays of fixed shapes."""
        r = np.random.default_rng([self.seed, step])
        b, n, t = shape.windows, shape.frames, shape.tokens
        out = {"mel": np.zeros((b, 2 * n, BANDS), np.float32), "offset": np.zeros(b, np.int32), "position": np.zeros(b, np.int32),
               "input": np.zeros((b, t), np.int32), "target": np.zeros((b, t), np.int32), "mask": np.zeros((b, t), np.float32),
               "here": np.full((b, t, 2), NO_GUIDE[0], np.int32), "next": np.full((b, t, 2), NO_GUIDE[0], np.int32),
               "words": np.zeros((b, n), np.int32), "phonemes": np.zeros((b, n), np.int32)}
        for i in range(b):
            offset = int(r.integers(CONTEXT - n + 1)) if r.random() < 0.8 else 0
            while True:
                mel, sequence, first, labels, sounds = self._window(r, shape, offset)
                if len(sequence) <= t + 1:
                    break
            k = len(sequence) - 1
            ids, frames = [s[0] for s in sequence], np.array([s[1] for s in sequence])
            out["mel"][i] = self._normalised(r, mel)
            out["offset"][i], out["position"][i] = offset, (r.integers(LONG.tokens - t + 1) if offset else 0)
            out["input"][i, :k], out["target"][i, :k], out["mask"][i, :k] = ids[:-1], ids[1:], 1
            if first is not None:
                out["target"][i, 0] = first
            out["here"][i, :k], out["next"][i, :k] = frames[:-1], frames[1:]
            out["words"][i], out["phonemes"][i] = labels, sounds
        said, quiet = np.flatnonzero(out["words"].ravel()), np.flatnonzero(out["words"].ravel() == 0)
        said = said if len(said) else quiet  # all windows may be silent
        out["labelled"] = np.concatenate([r.choice(said, LABELLED * 7 // 8), r.choice(quiet, LABELLED // 8)]).astype(np.int32)
        return out


if __name__ == "__main__":
    import sys
    import time

    corpus = Corpus(pathlib.Path(sys.argv[1]))
    windows = Windows(corpus, 0)
    print(len(corpus.utterances), "sentences", len(corpus.phonemes), "phonemes", first_timestamp(), "rows before the timestamps")
    for shape in (SHORT, LONG):
        began = time.process_time()
        batches = [windows.batch(s, shape) for s in range(20)]
        print(shape, (time.process_time() - began) / 20, "s a batch;", np.mean([b["mask"].sum(1).mean() for b in batches]), "tokens a window",
              np.mean([(b["words"] > 0).mean() for b in batches]), "of the frames said")
        print([(m.min(), m.max(), m.mean()) for m in batches[0]["mel"]][:4], batches[0]["target"][0], batches[0]["next"][0][:6])
