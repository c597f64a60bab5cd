"""Sounds that are not speech, made from a seed: noises and simple music. Their right transcript is nothing."""

import numpy as np

RATE = 16000
# Progressions as scale degrees of a major or minor scale.
_PROGRESSIONS = [(0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 2, 3, 4), (1, 4, 0, 0)]
_SCALES = [(0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)]


def _coloured(r: np.random.Generator, n: int, slope: float) -> np.ndarray:
    """Noise whose power falls with frequency to the power `slope` (0 white, 1 pink, 2 brown)."""
    spectrum = np.fft.rfft(r.standard_normal(n))
    spectrum *= np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20.0) ** (-slope / 2)
    return np.fft.irfft(spectrum, n)


def noise(r: np.random.Generator, seconds: float) -> np.ndarray:
    """Hiss, rumble, hum or clicks, peak 1."""
    n = int(seconds * RATE)
    kind = r.choice(["hiss", "hum", "clicks", "swell"])
    x = _coloured(r, n, r.uniform(0, 2))
    t = np.arange(n) / RATE
    if kind == "hum":
        base = r.choice([50.0, 60.0, r.uniform(80, 400)])
        x = 0.05 * x / np.abs(x).max() + sum(np.sin(2 * np.pi * base * k * t) / k ** r.uniform(0.5, 2) for k in range(1, 8))
    elif kind == "clicks":
        x = 0.02 * x / np.abs(x).max()
        for at in r.integers(0, n - 800, int(seconds * r.uniform(0.5, 6))):
            x[at : at + 800] += r.standard_normal(800) * np.exp(-np.arange(800) / r.uniform(20, 200)) * r.uniform(0.1, 1)
    elif kind == "swell":
        x *= 0.3 + 0.7 * np.sin(np.pi * t * r.uniform(0.05, 1.0) + r.uniform(0, 6)) ** 2
    return (x / np.abs(x).max()).astype(np.float32)


def _tone(r: np.random.Generator, pitch: float, n: int, timbre: np.ndarray, attack: float, decay: float) -> np.ndarray:
    t = np.arange(n) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    envelope = np.minimum(t / attack, 1) * np.exp(-t / decay)
    envelope *= np.minimum((n - np.arange(n)) / (0.01 * RATE), 1)
    partials = [(k, a) for k, a in enumerate(timbre, 1) if frequency * k < RATE / 2]
    return envelope * sum(a * np.sin(2 * np.pi * frequency * k * t + r.uniform(0, 6)) for k, a in partials)


def music(r: np.random.Generator, seconds: float) -> np.ndarray:
    """Chords, a bass, a melody and sometimes drums over a progression, peak 1."""
    n = int(seconds * RATE)
    out = np.zeros(n + 4 * RATE)
    beat = 60 / r.uniform(60, 150)
    scale = np.array(_SCALES[r.integers(len(_SCALES))])
    key = int(r.integers(50, 62))
    progression = _PROGRESSIONS[r.integers(len(_PROGRESSIONS))]
    timbres = [1 / np.arange(1, 9) ** r.uniform(0.8, 3) * (np.arange(8) % r.integers(1, 3) == 0) for _ in range(3)]
    attacks, decays = r.uniform(0.005, 0.15, 3), r.uniform(0.15, 2.0, 3)
    parts = r.random(4) < (0.8, 0.7, 0.8, 0.5)  # chords, bass, melody, drums
    parts[r.integers(3)] = True

    def note(degree: int, octave: int) -> float:
        return key + 12 * octave + 12 * (degree // 7) + scale[degree % 7]

    def put(at: float, sound: np.ndarray, level: float):
        i = int(at * RATE)
        out[i : i + len(sound)] += level * sound[: max(0, len(out) - i)]

    degree = 0
    for step in range(int(seconds / beat) + 1):
        root = progression[step // 4 % len(progression)]
        at, length = step * beat, int(beat * RATE)
        if parts[0] and step % 4 == 0:
            for d in (0, 2, 4):
                put(at, _tone(r, note(root + d, 0), 4 * length, timbres[0], attacks[0], decays[0] * 2), 0.3)
        if parts[1]:
            put(at, _tone(r, note(root, -2), length, timbres[1], 0.01, decays[1]), 0.5)
        if parts[2] and r.random() < 0.8:
            degree = int(np.clip(degree + r.integers(-3, 4), -3, 10))
            for half in range(r.integers(1, 3)):
                put(at + half * beat / 2, _tone(r, note(degree + half, 1), length, timbres[2], attacks[2], decays[2]), 0.35)
        if parts[3]:
            hit = r.standard_normal(2400) * np.exp(-np.arange(2400) / (900 if step % 2 else 200))
            put(at, hit, 0.2)
            if step % 2 == 0:
                t = np.arange(4000) / RATE
                put(at, np.sin(2 * np.pi * (50 * t + 8 * np.exp(-t * 30))) * np.exp(-t * 15), 0.6)
    out = out[:n]
    return (out / (np.abs(out).max() + 1e-9)).astype(np.float32)
