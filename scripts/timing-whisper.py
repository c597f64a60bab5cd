#!/usr/bin/env python3
"""Writes a ggml file of Whisper tiny's or base's true shape with random weights, to time a pipeline with.

    python scripts/timing-whisper.py tiny OUT.bin       # 77,691,713 bytes, as the published ggml-tiny.bin has
    python scripts/timing-whisper.py base OUT.bin

A run's time depends on the shape and on the number of tokens, not on the words. It needs numpy and, in
$WHISPER_ASSETS, openai/whisper's multilingual.tiktoken and mel_filters.npz (MIT).

Random weights say anything until the limit of tokens. So that every run does the same work, this one never ends
by itself: the bias of the decoder's last norm points away from all special tokens (the end of the text, times, "no
speech", languages), which leaves the text's. A run is then as many steps as it is allowed tokens. The languages
among themselves are all about as likely, so that no window is heard again as another one.

The same arguments make the same bytes.
"""

import argparse
import base64
import os
import pathlib
import struct

import numpy as np

# Width, heads, layers each way.
SHAPES = {"tiny": (384, 6, 4), "base": (512, 8, 6)}
VOCABULARY, TEXT_TOKENS = 51_865, 50_257
AUDIO_CONTEXT, TEXT_CONTEXT, BANDS = 1_500, 448, 80
F32, F16 = 0, 1
NOISE = 0.02  # of token rows: the text's tokens stay about as likely as each other
AWAY = 0.2  # how far the special tokens' rows lie on the other side
BIAS = 0.5


def assets() -> pathlib.Path:
    """Where Whisper's vocabulary and filters lie."""
    folder = os.environ.get("WHISPER_ASSETS")
    if not folder:
        raise SystemExit("set WHISPER_ASSETS to a folder with multilingual.tiktoken and mel_filters.npz of openai/whisper")
    return pathlib.Path(folder)


def words() -> list[bytes]:
    """The bytes of every token of text, by its number."""
    lines = (assets() / "multilingual.tiktoken").read_text().splitlines()
    pairs = [line.split() for line in lines if line]
    return [base64.b64decode(text) for text, _ in sorted(pairs, key=lambda pair: int(pair[1]))]


def tensors(width: int, layers: int, r: np.random.Generator):
    """Every tensor under Whisper's name for it, as PyTorch would hold it, in the file's order."""

    def matrix(*shape: int) -> np.ndarray:
        return r.standard_normal(shape, np.float32) / np.sqrt(np.prod(shape[1:]))

    def norm(name: str):
        yield f"{name}.weight", np.ones(width, np.float32)
        yield f"{name}.bias", np.zeros(width, np.float32)

    def linear(name: str, out: int, into: int, bias: bool = True):
        yield f"{name}.weight", matrix(out, into)
        if bias:
            yield f"{name}.bias", np.zeros(out, np.float32)

    def attention(name: str):
        for part in ("query", "key", "value", "out"):
            yield from linear(f"{name}.{part}", width, width, bias=part != "key")

    def block(name: str, cross: bool):
        yield from norm(f"{name}.attn_ln")
        yield from attention(f"{name}.attn")
        if cross:
            yield from norm(f"{name}.cross_attn_ln")
            yield from attention(f"{name}.cross_attn")
        yield from norm(f"{name}.mlp_ln")
        yield from linear(f"{name}.mlp.0", 4 * width, width)
        yield from linear(f"{name}.mlp.2", width, 4 * width)

    sides = r.choice(np.array([-1, 1], np.float32), width)
    rows = NOISE * r.standard_normal((VOCABULARY, width), np.float32)
    rows[TEXT_TOKENS:] -= AWAY * sides

    waves = np.arange(AUDIO_CONTEXT)[:, None] * np.geomspace(1, 1e-4, width)
    yield "encoder.positional_embedding", np.sin(waves).astype(np.float32)
    for number, into in ((1, BANDS), (2, width)):
        yield f"encoder.conv{number}.weight", matrix(width, into, 3)
        yield f"encoder.conv{number}.bias", np.zeros((width, 1), np.float32)
    for layer in range(layers):
        yield from block(f"encoder.blocks.{layer}", cross=False)
    yield from norm("encoder.ln_post")
    yield "decoder.positional_embedding", NOISE * r.standard_normal((TEXT_CONTEXT, width), np.float32)
    yield "decoder.token_embedding.weight", rows
    for layer in range(layers):
        yield from block(f"decoder.blocks.{layer}", cross=True)
    yield "decoder.ln.weight", np.ones(width, np.float32)
    yield "decoder.ln.bias", BIAS * sides


def write(shape: str, out: pathlib.Path, seed: int):
    """Writes the file: header, filters, vocabulary, tensors (their dimensions in reverse)."""
    width, heads, layers = SHAPES[shape]
    filters = np.load(assets() / "mel_filters.npz")[f"mel_{BANDS}"].astype("<f4")
    with out.open("wb") as file:

        def ints(*values: int):
            file.write(struct.pack(f"<{len(values)}i", *values))

        ints(0x67676D6C, VOCABULARY, AUDIO_CONTEXT, width, heads, layers, TEXT_CONTEXT, width, heads, layers, BANDS, F16)
        ints(*filters.shape)
        file.write(filters.tobytes())
        texts = words()
        ints(len(texts))
        for text in texts:
            ints(len(text))
            file.write(text)
        for name, values in tensors(width, layers, np.random.default_rng(seed)):
            # Vectors and both tables of positions are float32 in every Whisper file.
            plain = values.ndim == 1 or name.endswith(("positional_embedding", "bias"))
            ints(values.ndim, len(name), F32 if plain else F16, *values.shape[::-1])
            file.write(name.encode())
            file.write(values.astype("<f4" if plain else "<f2").tobytes())


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write(args.shape, args.out, args.seed)
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
