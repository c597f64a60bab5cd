"""Reads a ggml Whisper of the same shape back into the trainer's parameters, to begin from instead of from nothing.

Words that the file does not know (their row is the shared unused one) begin as a random row among the known words,
and `<|nospeech|>` likewise if it was never trained; the timestamps' matrix is fitted to their rows.
"""

import collections
import pathlib
import struct

import numpy as np

import model
from export import BLOCK, F16, F32, GPT2_EOT, GPT2_FIRST_TIMESTAMP, GPT2_NOSPEECH, GPT2_SOT, Q5_0
from vocabulary import token, words
from windows import EOT, FIRST_WORD, NOSPEECH, PERIOD, SOT, TIMESTAMPS, UNUSED, capitals, gpt2_ids


def _q5_0(raw: bytes, count: int) -> np.ndarray:
    blocks = np.frombuffer(raw, np.uint8).reshape(count // BLOCK, 22)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    high = (blocks[:, 2:6].copy().view("<u4") >> np.arange(BLOCK, dtype=np.uint32)) & 1
    low = np.concatenate([blocks[:, 6:] & 15, blocks[:, 6:] >> 4], 1)
    return scale * ((low | (high << 4).astype(np.uint8)).astype(np.float32) - 16)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a ggml file, as float32."""
    with path.open("rb") as f:
        ints = lambda n: struct.unpack(f"<{n}i", f.read(4 * n))
        header = ints(12)
        expected = (model.VOCABULARY, 1500, model.D, model.HEADS, model.ENCODER, model.TEXT_CONTEXT, model.D, model.HEADS, model.DECODER, 80)
        if header[1:11] != expected:
            raise ValueError(f"{path}: another shape: {header[1:11]}, expected {expected}")
        bands, bins = ints(2)
        f.seek(4 * bands * bins, 1)
        for _ in range(ints(1)[0]):
            f.seek(ints(1)[0], 1)
        out = {}
        while head := f.read(12):
            dims, length, kind = struct.unpack("<3i", head)
            shape = ints(dims)[::-1]
            name, count = f.read(length).decode(), int(np.prod(shape))
            if kind == Q5_0:
                x = _q5_0(f.read(count // BLOCK * 22), count)
            else:
                dtype, size = {F32: ("<f4", 4), F16: ("<f2", 2)}[kind]
                x = np.frombuffer(f.read(size * count), dtype)
            out[name] = x.astype(np.float32).reshape(shape)
        return out


def _attention(t: dict, name: str) -> dict:
    linear = lambda part: {"w": t[f"{name}.{part}.weight"].T, "b": t[f"{name}.{part}.bias"]}
    return {"q": linear("query"), "k": {"w": t[f"{name}.key.weight"].T}, "v": linear("value"), "o": linear("out")}


def _rows(t: dict, params: dict, r: np.random.Generator):
    """The embedding: known rows as they are, unknown words as random neighbours of the known ones."""
    table = t["decoder.token_embedding.weight"]
    unused = collections.Counter(row.tobytes() for row in table[:2000]).most_common(1)[0][0]
    unused = np.frombuffer(unused, np.float32)
    known = (np.abs(table - unused).max(1) > 1e-6)
    rows, ids = params["rows"], np.array(gpt2_ids()[: FIRST_WORD - PERIOD + len(words())])
    named = table[ids[FIRST_WORD - PERIOD :]][known[ids[FIRST_WORD - PERIOD :]]]
    fresh = lambda n: named.mean(0) + r.standard_normal((n, model.D)).astype(np.float32) * named.std(0)
    rows[[UNUSED, EOT, SOT]] = np.stack([unused, table[GPT2_EOT], table[GPT2_SOT]])
    rows[NOSPEECH] = table[GPT2_NOSPEECH] if known[GPT2_NOSPEECH] else fresh(1)[0]
    rows[PERIOD:] = np.where(known[ids][:, None], table[ids], fresh(len(ids)))
    pairs = [(token(words()[i].capitalize()), token(words()[i])) for i in capitals()]
    params["capital"] = np.mean([table[a] - table[b] for a, b in pairs if known[a] and known[b]], 0)
    stamps = table[GPT2_FIRST_TIMESTAMP : GPT2_FIRST_TIMESTAMP + TIMESTAMPS]
    fit = np.linalg.lstsq(np.c_[model.POSITIONS, np.ones(TIMESTAMPS)], stamps, rcond=1e-6)[0].astype(np.float32)
    params["stamp"] = {"w": fit[:-1], "b": fit[-1]}
    return int(known[ids].sum())


def parameters(path: pathlib.Path, seed: int, phonemes: int) -> dict:
    """Parameters to begin from; what only training uses is fresh."""
    t, params = read(path), model.initial(seed, phonemes)
    norm = lambda name: {"g": t[f"{name}.weight"], "b": t[f"{name}.bias"]}
    for conv in ("conv1", "conv2"):
        w = t[f"encoder.{conv}.weight"]
        params[conv] = {"w": w.transpose(2, 1, 0).reshape(-1, model.D), "b": t[f"encoder.{conv}.bias"].reshape(-1)}
    for side in ("encoder", "decoder"):
        for i, block in enumerate(params[side]):
            name = f"{side}.blocks.{i}"
            block |= {"norm1": norm(f"{name}.attn_ln"), "norm2": norm(f"{name}.mlp_ln"), "attention": _attention(t, f"{name}.attn")}
            block["in"], block["out"] = ({"w": t[f"{name}.mlp.{k}.weight"].T, "b": t[f"{name}.mlp.{k}.bias"]} for k in (0, 2))
            if "cross" in block:
                block |= {"norm_cross": norm(f"{name}.cross_attn_ln"), "cross": _attention(t, f"{name}.cross_attn")}
    params |= {"encoder_norm": norm("encoder.ln_post"), "decoder_norm": norm("decoder.ln"), "text_positions": t["decoder.positional_embedding"]}
    known = _rows(t, params, np.random.default_rng(seed + 1))
    print(f"{path}: {known} of {FIRST_WORD - PERIOD + len(words())} rows known")
    return params
