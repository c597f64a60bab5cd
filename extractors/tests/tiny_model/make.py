#!/usr/bin/env python3
"""Makes the tiny passage model that hippo's own tests embed with.

It learns nothing and knows nothing: every window of three bytes (a Chinese character,
three letters) is hashed to one of 2,048 random vectors, and a text is the mean of its
windows'. Texts that share words are near each other, in any language, and the same text
gives the same vector on every machine. 140 kB, made in a second:

    pip install onnx numpy && python3 make.py

Inputs  ids, mask: int64 [batch, tokens].   Output  vectors: float32 [batch, tokens, 16].
"""

import hashlib
import json
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 20260101
BUCKETS = 2048
DIM = 16
MAX_TOKENS = 1024
PAD = "[PAD]"
HERE = pathlib.Path(__file__).parent


def byte_names():
    """GPT-2's printable names of the 256 bytes, as the ByteLevel tokenizer writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            names[byte] = chr(byte)
        else:
            names[byte] = chr(256 + extra)
            extra += 1
    return names


def tokenizer():
    vocabulary = {PAD: 0}
    for byte, name in byte_names().items():
        vocabulary[name] = byte + 1
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": 0, "content": PAD, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": True,
            }
        ],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False,
        },
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "vocab": vocabulary, "merges": [],
        },
    }


def graph():
    def constant(name, value):
        return numpy_helper.from_array(numpy.asarray(value), name)

    table = numpy.random.RandomState(SEED).standard_normal((BUCKETS, DIM)).astype(numpy.float32)
    initializers = [
        constant("table", table),
        constant("pads", numpy.array([0, 0, 0, 2], numpy.int64)),
        constant("zero", numpy.array([0], numpy.int64)),
        constant("one", numpy.array([1], numpy.int64)),
        constant("two", numpy.array([2], numpy.int64)),
        constant("minus_two", numpy.array([-2], numpy.int64)),
        constant("minus_one", numpy.array([-1], numpy.int64)),
        constant("end", numpy.array([2**31], numpy.int64)),
        constant("tokens_axis", numpy.array([1], numpy.int64)),
        constant("last_axis", numpy.array([2], numpy.int64)),
        constant("factor", numpy.array(771, numpy.int64)),
        constant("buckets", numpy.array(BUCKETS, numpy.int64)),
    ]
    node = helper.make_node
    nodes = [
        # Padding contributes nothing, whatever its ids are.
        node("Mul", ["ids", "mask"], ["known"]),
        node("Pad", ["known", "pads"], ["padded"]),
        node("Slice", ["padded", "zero", "minus_two", "tokens_axis"], ["first"]),
        node("Slice", ["padded", "one", "minus_one", "tokens_axis"], ["second"]),
        node("Slice", ["padded", "two", "end", "tokens_axis"], ["third"]),
        node("Mul", ["first", "factor"], ["first_scaled"]),
        node("Add", ["first_scaled", "second"], ["first_two"]),
        node("Mul", ["first_two", "factor"], ["first_two_scaled"]),
        node("Add", ["first_two_scaled", "third"], ["window"]),
        node("Mod", ["window", "buckets"], ["bucket"]),
        node("Gather", ["table", "bucket"], ["looked_up"]),
        node("Cast", ["mask"], ["mask_f32"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask_f32", "last_axis"], ["mask_column"]),
        node("Mul", ["looked_up", "mask_column"], ["vectors"]),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"]) for n in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", "tokens", DIM])]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="hippo",
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    files = {
        "model.onnx": graph(),
        "tokenizer.json": json.dumps(tokenizer(), ensure_ascii=False, indent=0).encode() + b"\n",
    }
    manifest = f"""# Made by make.py; for hippo's own tests.
name = "tiny"
role = "passage"
licence = "MIT OR Apache-2.0"
dim = {DIM}

[text]
tokenizer = "tokenizer.json"
pooling = "mean"
max_tokens = {MAX_TOKENS}

[text.graph]
file = "model.onnx"
inputs = {{ ids = "ids", mask = "mask" }}
output = "vectors"
"""
    for name, content in files.items():
        (HERE / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        manifest += f'\n[[files]]\nname = "{name}"\nbytes = {len(content)}\nsha256 = "{digest}"\n'
    (HERE / "manifest.toml").write_text(manifest)


if __name__ == "__main__":
    main()
