"""Whisper's network in JAX, and the losses that train it in an hour.

It is Whisper's own architecture at 192 dimensions, three layers each way, so whisper.cpp runs it unchanged.
What differs from training a Whisper on transcripts alone:

* espeak's phoneme times supervise the encoder's second layer frame by frame;
* espeak's word times supervise the encoder's output *through the last decoder layer's own cross-attention
  projections and the token embedding*: what is learnt about a word from its frames is what the decoder says;
* the cross-attention is guided: layer 1 to the word that was just said, layers 2 and 3 to the one that comes next;
* positions live in 96 dimensions of their own, and encoder heads begin as looks at fixed distances;
* a word's row is the sum of what is learnt about its sounds (which phoneme comes where) and of what is its own: rare
  words are learnt from others that sound alike;
* the 1501 timestamps share one matrix over the encoder's own positions, and a capitalised word is its word plus a
  learnt difference. All is written out as plain rows when the model is exported.
"""

import collections
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from espeak import Espeak
from vocabulary import words
from windows import FIRST_WORD, NOSPEECH, TIMESTAMPS, UNUSED, capitals, first_timestamp

D, HEADS, HEAD = 192, 3, 64
ENCODER, DECODER = 3, 3  # two decoder layers would be taken for a distilled model without timestamps
TEXT_CONTEXT = 320
VOCABULARY = 51864  # Whisper's English-only vocabulary; all but the active rows are one shared "unused" row
_PAIRS = 48  # sine and cosine pairs of the positions
_OWN = D - 2 * _PAIRS  # where the positions' own dimensions begin
_WAVES = np.geomspace(1.25, 0.0025, _PAIRS)  # radians a frame
# For each encoder layer and head: the distance in frames it begins to look at, and its first (finest) wave.
_LOOKS = [[(-2, 0), (0, 0), (2, 0)], [(-6, 4), (-3, 2), (4, 3)], [(-14, 8), (-6, 6), (8, 7)]]


def positions() -> np.ndarray:
    """The encoder's positions, one row more than its frames (a timestamp may be the window's end): `[1501, D]`."""
    angle = np.arange(TIMESTAMPS)[:, None] * _WAVES
    out = np.zeros((TIMESTAMPS, D), np.float32)
    out[:, _OWN : _OWN + _PAIRS], out[:, _OWN + _PAIRS :] = np.sin(angle), np.cos(angle)
    return out


POSITIONS = positions()


def _linear(r, rows: int, columns: int, gain: float = 1.0, bias: bool = True) -> dict:
    p = {"w": (r.standard_normal((rows, columns)) * gain / math.sqrt(rows)).astype(np.float32)}
    return p | {"b": np.zeros(columns, np.float32)} if bias else p


def _norm() -> dict:
    return {"g": np.ones(D, np.float32), "b": np.zeros(D, np.float32)}


def _attention(r, layers: int) -> dict:
    return {"q": _linear(r, D, D), "k": _linear(r, D, D, bias=False), "v": _linear(r, D, D),
            "o": _linear(r, D, D, 0.5 / math.sqrt(2 * layers))}


def _look(attention: dict, looks):
    """Makes each head attend to the frame at its distance: its query is its position turned by that much."""
    q, k = attention["q"]["w"], attention["k"]["w"]
    for head, (distance, finest) in enumerate(looks):
        own = slice(head * HEAD, (head + 1) * HEAD)
        q[:, own] *= 0.1
        k[:, own] *= 0.1
        for j, wave in enumerate(range(finest, min(finest + HEAD // 2, _PAIRS))):
            sine, cosine, x, y = _OWN + wave, _OWN + _PAIRS + wave, head * HEAD + 2 * j, head * HEAD + 2 * j + 1
            c, s = 0.8 * math.cos(_WAVES[wave] * distance), 0.8 * math.sin(_WAVES[wave] * distance)
            k[sine, x] += 0.8
            k[cosine, y] += 0.8
            q[sine, x] += c
            q[cosine, x] += s
            q[cosine, y] += c
            q[sine, y] -= s


def _block(r, layers: int, cross: bool) -> dict:
    block = {"norm1": _norm(), "attention": _attention(r, layers), "norm2": _norm(), "in": _linear(r, D, 4 * D),
             "out": _linear(r, 4 * D, D, 0.5 / math.sqrt(2 * layers))}
    return block | {"norm_cross": _norm(), "cross": _attention(r, layers)} if cross else block


@functools.cache
def sounds() -> np.ndarray:
    """What each word sounds like: which phonemes it has, where from its start and its end, and beside which: `[words, features]`."""
    espeak, said = Espeak(), []
    for word in words():
        p = [x.strip("',") for x in espeak.phonemes(word, "en-us")]
        said.append({*p, *zip(p, range(6)), *zip(p[::-1], range(-1, -5, -1)), *zip(["", *p], [*p, ""])})
    common = [f for f, n in sorted(collections.Counter(f for s in said for f in s).items(), key=str) if n > 2]
    out = np.array([[f in s for f in common] for s in said], np.float32)
    return out / np.sqrt(np.maximum(out.sum(1, keepdims=True), 1))


def initial(seed: int, phonemes: int) -> dict:
    """Fresh parameters."""
    r = np.random.default_rng(seed)
    conv2 = _linear(r, 3 * D, D)
    conv2["w"][:, _OWN:] *= 0.2  # leaves the positions' dimensions to the positions
    encoder = [_block(r, ENCODER, False) for _ in range(ENCODER)]
    for block, looks in zip(encoder, _LOOKS):
        _look(block["attention"], looks)
    waves = np.geomspace(1.0, 0.005, D // 2) * np.arange(TEXT_CONTEXT)[:, None]
    small = lambda *shape: (r.standard_normal(shape) * 0.05).astype(np.float32)
    return {
        "conv1": _linear(r, 3 * 80, D), "conv2": conv2, "encoder": encoder, "encoder_norm": _norm(),
        "decoder": [_block(r, DECODER, True) for _ in range(DECODER)], "decoder_norm": _norm(),
        "text_positions": (0.05 * np.concatenate([np.sin(waves), np.cos(waves)], 1)).astype(np.float32),
        "rows": small(FIRST_WORD + len(words()), D), "parts": np.zeros((sounds().shape[1], D), np.float32), "capital": small(D), "stamp": _linear(r, D, D) | {"w": (np.eye(D) * 0.15).astype(np.float32)},
        "phonemes": _linear(r, D, phonemes + 1), "quiet": small(D),  # these two only help training
    }


def table(p: dict) -> jnp.ndarray:
    """The embedding's active rows: specials, punctuation, words, capitalised words, timestamps."""
    rows = jnp.asarray(p["rows"]).at[FIRST_WORD:].add(jnp.asarray(sounds()) @ p["parts"])
    capital = rows[FIRST_WORD + np.array(capitals())] + p["capital"]
    return jnp.concatenate([rows, capital, jnp.asarray(POSITIONS) @ p["stamp"]["w"] + p["stamp"]["b"]])


def _apply(p: dict, x):
    return x @ p["w"] + p["b"] if "b" in p else x @ p["w"]


def _normed(p: dict, x):
    x = x - x.mean(-1, keepdims=True)
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * p["g"] + p["b"]


def _gelu(x):
    return jax.nn.gelu(x, approximate=True)  # the one ggml has


def _attend(p: dict, x, source, mask=None):
    split = lambda y: y.reshape(*y.shape[:2], HEADS, HEAD).transpose(0, 2, 1, 3)
    q, k, v = split(_apply(p["q"], x) * HEAD**-0.5), split(_apply(p["k"], source)), split(_apply(p["v"], source))
    score = jnp.einsum("bhqd,bhkd->bhqk", q, k)
    if mask is not None:
        score = jnp.where(mask, score, -1e9)
    weight = jax.nn.softmax(score, -1)
    out = jnp.einsum("bhqk,bhkd->bhqd", weight, v).transpose(0, 2, 1, 3)
    return _apply(p["o"], out.reshape(*x.shape)), weight


def _feed(p: dict, x):
    return x + _apply(p["out"], _gelu(_apply(p["in"], _normed(p["norm2"], x))))


def _conv(p: dict, x, stride: int):
    """A convolution over three frames with one of padding, as one product."""
    padded, n = jnp.pad(x, ((0, 0), (1, 1), (0, 0))), x.shape[1] // stride
    return _apply(p, jnp.concatenate([padded[:, i : i + (n - 1) * stride + 1 : stride] for i in range(3)], -1))


def encode(p: dict, mel, offset):
    """The encoder's output and its phoneme logits, for windows that begin `offset` frames into the 30 s."""
    x = _gelu(_conv(p["conv2"], _gelu(_conv(p["conv1"], mel, 1)), 2))
    x = x + jnp.asarray(POSITIONS)[offset[:, None] + jnp.arange(x.shape[1])]
    for i, block in enumerate(p["encoder"]):
        h = _normed(block["norm1"], x)
        x = _feed(block, x + _attend(block["attention"], h, h)[0])
        if i == 1:
            phonemes = _apply(p["phonemes"], x)
    return _normed(p["encoder_norm"], x), phonemes


def decode(p: dict, rows, tokens, position, heard):
    """The logits over `rows`, and each layer's cross-attention `[windows, heads, tokens, frames]`."""
    t = tokens.shape[1]
    x = rows[tokens] + p["text_positions"][position[:, None] + jnp.arange(t)]
    causal, looks = jnp.tril(jnp.ones((t, t), bool)), []
    for block in p["decoder"]:
        h = _normed(block["norm1"], x)
        x = x + _attend(block["attention"], h, h, causal)[0]
        seen, weight = _attend(block["cross"], _normed(block["norm_cross"], x), heard)
        x = _feed(block, x + seen)
        looks.append(weight)
    return _normed(p["decoder_norm"], x) @ rows.T, looks


def _entropy(logits, target):
    return jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, target[..., None], -1)[..., 0]


def _frame_words(p: dict, rows, heard, labelled, target):
    """How well the last decoder layer's two guided heads alone would name the words of some frames."""
    cross, guided = p["decoder"][-1]["cross"], 2 * HEAD
    x = heard.reshape(-1, D)[labelled]
    x = (x @ cross["v"]["w"][:, :guided] + cross["v"]["b"][:guided]) @ cross["o"]["w"][:guided]
    classes = jnp.concatenate([p["quiet"][None], rows[FIRST_WORD : FIRST_WORD + len(words())]])
    logits, target = _normed(p["decoder_norm"], x) @ classes.T, target.reshape(-1)[labelled]
    said = target > 0
    return _entropy(logits, target).mean(), ((logits.argmax(-1) == target) & said).sum() / said.sum()


def _guide(weight, frames, mask):
    """Minus the log of the attention that falls on the right frames."""
    at = jnp.arange(weight.shape[-1])
    right = (at >= frames[..., :1]) & (at <= frames[..., 1:])
    mask = mask * (frames[..., 1] >= 0)
    return -(jnp.log((weight * right).sum(-1) + 1e-4) * mask).sum() / jnp.maximum(mask.sum(), 1)


METRICS = ["tokens", "accuracy", "phonemes", "words", "word_accuracy", "guide", "stamp_error_s", "nospeech"]


def loss(p: dict, b: dict, guide, frames):
    """The whole loss; `guide` and `frames` weigh the supervision by espeak's times."""
    heard, phonemes = encode(p, b["mel"], b["offset"])
    rows = table(p)
    logits, looks = decode(p, rows, b["input"], b["position"], heard)
    # One row stands for all the unused ones: as many logits as there will be in the file.
    logits = logits.at[..., UNUSED].add(math.log(VOCABULARY - rows.shape[0]))
    mask, target, begin = b["mask"], b["target"], first_timestamp()
    count = mask.sum()
    tokens = (_entropy(logits, target) * mask).sum() / count
    phoneme_loss = _entropy(phonemes, b["phonemes"]).mean()
    word_loss, word_accuracy = _frame_words(p, rows, heard, b["labelled"], b["words"])
    guided = (_guide(looks[0][:, 0], b["here"], mask) + _guide(looks[1][:, 0], b["next"], mask)
              + 0.5 * (_guide(looks[2][:, 0], b["next"], mask) + _guide(looks[2][:, 1], b["next"], mask)))
    is_stamp = (target >= begin) * mask
    stamp_error = 0.02 * (jnp.abs(logits[..., begin:].argmax(-1) + begin - target) * is_stamp).sum() / jnp.maximum(is_stamp.sum(), 1)
    is_silent = target[:, 0] == NOSPEECH
    nospeech = jnp.where(is_silent.any(), ((logits[:, 0].argmax(-1) == NOSPEECH) * is_silent).sum() / jnp.maximum(is_silent.sum(), 1), jnp.nan)
    accuracy = ((logits.argmax(-1) == target) * mask).sum() / count
    metrics = jnp.stack([tokens, accuracy, phoneme_loss, word_loss, word_accuracy, guided, stamp_error, nospeech])
    return tokens + frames * (phoneme_loss + word_loss) + guide * guided, metrics
