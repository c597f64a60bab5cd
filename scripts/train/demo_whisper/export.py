"""Writes a checkpoint as the ggml file that whisper.cpp loads: float16, or q5_0 as its own `quantize` would.

    python export.py CHECKPOINT OUT.bin [--float16]

What the format does not say anywhere, learnt from whisper.cpp 1.8.3's loader:
dimensions are written in reverse; convolution biases are `[n, 1]` and, like all vectors and both tables of
positions, float32; keys have no bias; convolutions stay float16 in a quantised file; the number of tokens fixes the
ids of the special ones (51864: English only), so all rows must be there; the audio context must be 1500, since
timestamps are 20 ms; two decoder layers would be taken for a distilled model and lose their timestamps.
"""

import argparse
import pathlib
import pickle
import struct

import jax
import numpy as np

import model
from mel import filters
from vocabulary import ranks
from windows import CONTEXT, EOT, NOSPEECH, PERIOD, SOT, TIMESTAMPS, UNUSED, first_timestamp, gpt2_ids

GPT2_EOT, GPT2_SOT, GPT2_NOSPEECH, GPT2_FIRST_TIMESTAMP = 50256, 50257, 50361, 50363
F32, F16, Q5_0 = 0, 1, 6  # ggml_type
FILE_F16, FILE_Q5_0 = 1, 2 * 1000 + 8  # ggml_ftype, with the quantisation's version (2) in thousands
BLOCK = 32


def q5_0(x: np.ndarray) -> bytes:
    """Blocks of 32: a float16 scale, the fifth bits, then pairs of four bits (i with i + 16)."""
    blocks = x.reshape(-1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(1)[:, None], 1)
    scale = largest / -16
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    q = np.minimum(31, (blocks * inverse + 16.5).astype(np.uint8)).astype(np.uint32)
    high = ((q >> 4) << np.arange(BLOCK, dtype=np.uint32)).sum(1, dtype=np.uint32)
    low = ((q[:, :16] & 15) | ((q[:, 16:] & 15) << 4)).astype(np.uint8)
    return np.concatenate([scale.astype("<f2").view(np.uint8), high.astype("<u4")[:, None].view(np.uint8), low], 1).tobytes()


def embedding(params: dict) -> np.ndarray:
    """All 51864 rows; those that training never touched are the one row that stood for them."""
    rows = np.asarray(model.table(params))
    out = np.repeat(rows[UNUSED : UNUSED + 1], model.VOCABULARY, 0)
    out[[GPT2_EOT, GPT2_SOT, GPT2_NOSPEECH]] = rows[[EOT, SOT, NOSPEECH]]
    out[gpt2_ids()] = rows[PERIOD : first_timestamp()]
    out[GPT2_FIRST_TIMESTAMP : GPT2_FIRST_TIMESTAMP + TIMESTAMPS] = rows[first_timestamp() :]
    return out


def _linear(name: str, p: dict) -> dict:
    out = {f"{name}.weight": p["w"].T}
    return out | {f"{name}.bias": p["b"]} if "b" in p else out


def _norm(name: str, p: dict) -> dict:
    return {f"{name}.weight": p["g"], f"{name}.bias": p["b"]}


def _attention(name: str, p: dict) -> dict:
    out = {}
    for long, short in (("query", "q"), ("key", "k"), ("value", "v"), ("out", "o")):
        out |= _linear(f"{name}.{long}", p[short])
    return out


def tensors(params: dict) -> dict[str, np.ndarray]:
    """Every tensor under Whisper's name for it, as PyTorch would hold it."""
    out = {"encoder.positional_embedding": model.POSITIONS[:CONTEXT], "decoder.positional_embedding": params["text_positions"],
           "decoder.token_embedding.weight": embedding(params)}
    for conv in ("conv1", "conv2"):
        w, b = params[conv]["w"], params[conv]["b"]
        out |= {f"encoder.{conv}.weight": w.reshape(3, -1, model.D).transpose(2, 1, 0), f"encoder.{conv}.bias": b[:, None]}
    for side in ("encoder", "decoder"):
        for i, block in enumerate(params[side]):
            name = f"{side}.blocks.{i}"
            out |= _norm(f"{name}.attn_ln", block["norm1"]) | _attention(f"{name}.attn", block["attention"])
            if "cross" in block:
                out |= _norm(f"{name}.cross_attn_ln", block["norm_cross"]) | _attention(f"{name}.cross_attn", block["cross"])
            out |= _norm(f"{name}.mlp_ln", block["norm2"]) | _linear(f"{name}.mlp.0", block["in"]) | _linear(f"{name}.mlp.2", block["out"])
    return out | _norm("encoder.ln_post", params["encoder_norm"]) | _norm("decoder.ln", params["decoder_norm"])


def write(params: dict, path: pathlib.Path, quantised: bool = True):
    """Writes the file."""
    with path.open("wb") as f:
        ints = lambda *values: f.write(struct.pack(f"<{len(values)}i", *values))
        ints(0x67676D6C, model.VOCABULARY, CONTEXT, model.D, model.HEADS, model.ENCODER, model.TEXT_CONTEXT, model.D, model.HEADS,
             model.DECODER, filters().shape[0], FILE_Q5_0 if quantised else FILE_F16)
        ints(*filters().shape)
        f.write(filters().tobytes())
        ints(len(ranks()))
        for text in ranks():
            ints(len(text))
            f.write(text)
        for name, x in tensors(params).items():
            x = np.ascontiguousarray(x, np.float32)
            plain = x.ndim == 1 or name.endswith(("positional_embedding", "bias"))
            kind = F32 if plain else Q5_0 if quantised and x.ndim == 2 else F16
            ints(x.ndim, len(name), kind, *x.shape[::-1])
            f.write(name.encode())
            f.write(q5_0(x) if kind == Q5_0 else x.astype("<f2" if kind == F16 else "<f4").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--float16", action="store_true")
    args = parser.parse_args()
    state = pickle.loads(args.checkpoint.read_bytes())
    write(jax.tree.map(np.asarray, state["params"]), args.out, not args.float16)
    print(f"{args.out}: {args.out.stat().st_size} bytes, step {state['step']}, {state['seconds']:.0f} s of training")


if __name__ == "__main__":
    main()
