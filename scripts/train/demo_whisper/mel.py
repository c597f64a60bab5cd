"""Whisper's log-mel spectrogram, up to the point where whisper.cpp normalises it over the whole file."""

import functools

import numpy as np
from scipy.fft import rfft

from vocabulary import assets

HOP, WINDOW, BANDS = 160, 400, 80
FLOOR = -10.0  # log10 of the smallest power


@functools.cache
def filters() -> np.ndarray:
    """The mel filter bank, `[80, 201]`."""
    return np.load(assets() / "mel_filters.npz")["mel_80"].astype(np.float32)


_HANN = (0.5 * (1 - np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW))).astype(np.float32)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """log10 power in 80 bands, one row for each 10 ms: `[frames, 80]`."""
    padded = np.concatenate([np.zeros(WINDOW // 2, np.float32), samples, np.zeros(WINDOW, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(samples) // HOP + 1]
    power = np.abs(rfft(frames * _HANN, axis=1)) ** 2
    return np.log10(np.maximum(power @ filters().T, 10.0**FLOOR)).astype(np.float32)
