#!/usr/bin/env python3
"""Writes a joint model of CLIP ViT-B/32's true shape with random weights, to time pictures with.

    pip install onnx numpy && python scripts/timing-vit.py OUT       # OUT/vit-b32, 350 MB

What a picture costs depends on the shape alone: 224 pixels, patches of 32, twelve layers of 768 dimensions and
twelve heads, 512 numbers out (Radford et al. 2021; quick GELU). The text side is there for the form: the mean of a
few random rows. The same arguments make the same bytes.
"""

import argparse
import pathlib
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, PATCH, WIDTH, HEADS, LAYERS, OUT = 224, 32, 768, 12, 12, 512
HEAD = WIDTH // HEADS
TOKENS = (SIZE // PATCH) ** 2 + 1
ROWS = 512  # of the text side
TINY = pathlib.Path(__file__).parent.parent / "extractors/tests/tiny_model"

MANIFEST = """\
# Random weights of CLIP ViT-B/32's shape: it takes as long, and knows nothing.
name = "vit-b32"
role = "joint"
licence = "MIT OR Apache-2.0"
dim = 512

[text]
tokenizer = "tokenizer.json"
pooling = "none"
max_tokens = 77
pad_id = 0

[text.graph]
file = "text.onnx"
inputs = { ids = "ids" }
output = "vectors"

[picture]
size = 224
fit = "crop"
filter = "bicubic"
mean = [0.48145466, 0.4578275, 0.40821073]
std = [0.26862954, 0.26130258, 0.27577711]
answers = [-1.0, 1.0]

[picture.graph]
file = "picture.onnx"
input = "pixels"
output = "vectors"

[[files]]
name = "picture.onnx"

[[files]]
name = "text.onnx"

[[files]]
name = "tokenizer.json"
"""


class Graph:
    """Nodes and weights of a graph as they are written down."""

    def __init__(self, seed: int):
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(seed)

    def weight(self, *shape: int, scale: float | None = None) -> str:
        scale = shape[0] ** -0.5 if scale is None else scale
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, value: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, rows: int, columns: int) -> str:
        return self.node("Add", self.node("MatMul", x, self.weight(rows, columns)), self.weight(columns, scale=0.02))

    def norm(self, x: str) -> str:
        one, nought = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
        return self.node("LayerNormalization", x, self.constant(one), self.constant(nought), axis=-1)

    def heads(self, x: str, order: list[int]) -> str:
        split = self.constant(np.array([0, TOKENS, HEADS, HEAD], np.int64))
        return self.node("Transpose", self.node("Reshape", self.linear(x, WIDTH, WIDTH), split), perm=order)

    def save(self, path: pathlib.Path, kind: int, name: str, inputs: list, output: str, outputs: list):
        self.nodes.append(helper.make_node("Identity", [output], ["vectors"]))
        graph = helper.make_graph(
            self.nodes, "timing", [helper.make_tensor_value_info(name, kind, inputs)],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, outputs)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def layer(g: Graph, x: str) -> str:
    """One layer of a transformer, norms first."""
    before = g.norm(x)
    q, v = (g.heads(before, [0, 2, 1, 3]) for _ in range(2))
    scores = g.node("MatMul", q, g.heads(before, [0, 2, 3, 1]))
    scores = g.node("Softmax", g.node("Mul", scores, g.constant(np.array(HEAD ** -0.5, np.float32))), axis=-1)
    seen = g.node("Transpose", g.node("MatMul", scores, v), perm=[0, 2, 1, 3])
    seen = g.node("Reshape", seen, g.constant(np.array([0, TOKENS, WIDTH], np.int64)))
    x = g.node("Add", x, g.linear(seen, WIDTH, WIDTH))
    wide = g.linear(g.norm(x), WIDTH, 4 * WIDTH)
    wide = g.node("Mul", wide, g.node("Sigmoid", g.node("Mul", wide, g.constant(np.array(1.702, np.float32)))))
    return g.node("Add", x, g.linear(wide, 4 * WIDTH, WIDTH))


def picture(path: pathlib.Path):
    """The picture's tower."""
    g = Graph(1)
    patches = g.node("Conv", "pixels", g.weight(WIDTH, 3, PATCH, PATCH, scale=0.02), strides=[PATCH, PATCH])
    patches = g.node("Reshape", patches, g.constant(np.array([0, WIDTH, TOKENS - 1], np.int64)))
    patches = g.node("Transpose", patches, perm=[0, 2, 1])
    # A first token that is the mean of the others: an own one would need the batch's size.
    first = g.node("ReduceMean", patches, axes=[1], keepdims=1)
    x = g.node("Add", g.node("Concat", first, patches, axis=1), g.weight(TOKENS, WIDTH, scale=0.02))
    x = g.norm(x)
    for _ in range(LAYERS):
        x = layer(g, x)
    first = g.node("Gather", x, g.constant(np.array(0, np.int64)), axis=1)
    out = g.node("MatMul", g.norm(first), g.weight(WIDTH, OUT))
    g.save(path, TensorProto.FLOAT, "pixels", ["batch", 3, SIZE, SIZE], out, ["batch", OUT])


def text(path: pathlib.Path):
    """The text's: the mean of its tokens' rows."""
    g = Graph(2)
    rows = g.node("Gather", g.weight(ROWS, OUT), "ids", axis=0)
    g.save(path, TensorProto.INT64, "ids", ["batch", "tokens"], g.node("ReduceMean", rows, axes=[1], keepdims=0), ["batch", OUT])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    folder = parser.parse_args().out / "vit-b32"
    folder.mkdir(parents=True, exist_ok=True)
    picture(folder / "picture.onnx")
    text(folder / "text.onnx")
    shutil.copy(TINY / "tokenizer.json", folder / "tokenizer.json")
    (folder / "manifest.toml").write_text(MANIFEST)
    print(folder, sum(f.stat().st_size for f in folder.iterdir()), "bytes")


if __name__ == "__main__":
    main()
