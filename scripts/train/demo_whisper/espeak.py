"""Speech from Debian's espeak-ng 1.51, called in process through libespeak-ng.so.1.

A process per sentence would cost more than the speech. The library also reports when each word and each phoneme
begins, which is the supervision that lets the model learn in an hour instead of a week.
"""

import ctypes as C
import dataclasses

import numpy as np
from scipy.signal import resample_poly

RATE = 16000
_LIB_RATE = 22050
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_WORD, _PHONEME = 1, 7  # espeak_EVENT_TYPE
_QUIET = 2e-3  # what counts as silence before and after a sentence


class _Id(C.Union):
    _fields_ = [("number", C.c_int), ("name", C.c_char_p), ("string", C.c_char * 8)]


class _Event(C.Structure):
    _fields_ = [("type", C.c_int), ("uid", C.c_uint), ("text_position", C.c_int), ("length", C.c_int),
                ("audio_position", C.c_int), ("sample", C.c_int), ("user_data", C.c_void_p), ("id", _Id)]


_CALLBACK = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))


@dataclasses.dataclass
class Speech:
    """One sentence: 16 kHz samples and, in seconds, when its words (and its end) and its phonemes come."""
    samples: np.ndarray
    words: np.ndarray  # starts of the words, then the end of the speech
    phonemes: list[tuple[float, str]]
    start: float
    end: float


class Espeak:
    """The library has one global state, so there is one of these in a process."""

    def __init__(self):
        self._lib = C.CDLL("libespeak-ng.so.1")
        rate = self._lib.espeak_Initialize(2, 0, None, 1)  # synchronous, with phoneme events
        if rate != _LIB_RATE:
            raise RuntimeError(f"espeak-ng speaks at {rate} Hz, expected {_LIB_RATE}")
        self._audio, self._events = [], []
        self._keep = _CALLBACK(self._receive)  # the library holds no reference
        self._lib.espeak_SetSynthCallback(self._keep)

    def _receive(self, wave, count, events):
        if count > 0:
            self._audio.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type:
            e = events[i]
            if e.type == _WORD:
                self._events.append(("word", e.sample / _LIB_RATE, e.text_position))
            elif e.type == _PHONEME:
                self._events.append(("phoneme", e.sample / _LIB_RATE, e.id.string.decode("utf8", "ignore")))
            i += 1
        return 0

    def _voice(self, name: str):
        if self._lib.espeak_SetVoiceByName(name.encode()):
            raise ValueError(f"espeak-ng has no voice {name}")

    def phonemes(self, text: str, voice: str) -> tuple[str, ...]:
        """How a voice would pronounce a text: espeak's phonemes, with their marks of stress."""
        self._voice(voice)
        self._lib.espeak_TextToPhonemes.restype = C.c_char_p
        pointer = C.c_char_p(text.encode())
        return tuple(self._lib.espeak_TextToPhonemes(C.byref(pointer), 1, ord("_") << 8).decode().split("_"))

    def speak(self, text: str, voice: str, rate: int = 165, pitch: int = 50, inflection: int = 50) -> Speech:
        """Speaks one sentence; `rate` in words a minute, `pitch` and `inflection` 0 to 99."""
        self._audio.clear()
        self._events.clear()
        self._voice(voice)
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, inflection)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        raw = text.encode() + b"\0"
        self._lib.espeak_Synth(raw, C.c_size_t(len(raw)), 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        samples = np.concatenate(self._audio).astype(np.float32) / 32768
        samples = resample_poly(samples, 320, 441).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > _QUIET)
        start, end = loud[0] / RATE, loud[-1] / RATE
        phonemes = [(at, name) for kind, at, name in self._events if kind == "phoneme"]
        return Speech(samples[: loud[-1] + RATE // 20], self._word_times(text, start, end), phonemes, start, end)

    def _word_times(self, text: str, start: float, end: float) -> np.ndarray:
        """A start for every word: espeak joins some ("of the"), whose starts are interpolated."""
        positions = np.cumsum([1, *(len(w) + 1 for w in text.split())])[:-1]
        times = np.full(len(positions) + 1, np.nan)
        times[0], times[-1] = start, end
        for kind, at, position in self._events:
            if kind == "word":
                i = np.searchsorted(positions, position, side="right") - 1
                if i > 0 and np.isnan(times[i]):
                    times[i] = at
        known = np.flatnonzero(~np.isnan(times))
        times = np.interp(np.arange(len(times)), known, times[known])
        return np.minimum(np.maximum.accumulate(times), end).astype(np.float32)
