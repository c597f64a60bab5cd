"""Trains the demo speech model. Resumes from its checkpoint; the same seed gives the same batches.

    python train.py DATA OUT --steps 4000

The learning rate is constant and falls linearly over the last part (`--decay`), so a run can be made shorter or
longer while it goes: stop it, and start it again with another number of steps.
"""

import argparse
import functools
import pathlib
import pickle
import queue
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np

import model
from windows import LONG, SHORT, Corpus, Windows

WARMUP = 100
BETA1, BETA2, CLIP, DECAY = 0.9, 0.98, 1.0, 0.01
MATRIX_BETA, MATRIX_STEP = 0.95, 0.4  # of the layers' matrices
LONG_SHARE = (0.3, 0.7)  # share of 30 s batches: before and in the final phase
SAVE_EVERY_S = 180
LOG_EVERY = 25


def shape_of(step: int, seed: int, final: bool):
    """Which kind of batch a step gets: window lengths are mixed from the start."""
    return LONG if np.random.default_rng([seed, step, 1]).random() < LONG_SHARE[final] else SHORT


def _orthogonal(x):
    """Roughly the nearest matrix whose singular values are all one, by five steps of Newton and Schulz (as Muon does)."""
    wide = x.shape[0] <= x.shape[1]
    x = (x if wide else x.T) / (jnp.sqrt((x * x).sum()) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x if wide else x.T


def _is_matrix(path) -> bool:
    """Whether a parameter is a weight of a layer: those take orthogonal steps, all others Adam's."""
    return path[0].key in ("encoder", "decoder", "conv1", "conv2") and path[-1].key == "w"


@functools.partial(jax.jit, donate_argnums=(0, 1))
def update(params, moments, batch, step, rate, guide, frames):
    """One step: Muon for the layers' matrices, Adam for the rest, with decoupled decay."""
    gradient, metrics = jax.grad(model.loss, has_aux=True)(params, batch, guide, frames)
    norm = jnp.sqrt(sum((g * g).sum() for g in jax.tree.leaves(gradient)))
    scale = jnp.minimum(1.0, CLIP / (norm + 1e-6))
    bias1, bias2 = 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1)

    def one(path, p, m, v, g):
        g = g * scale
        if _is_matrix(path):
            m = MATRIX_BETA * m + g
            change = MATRIX_STEP * max(p.shape) ** 0.5 * _orthogonal(g + MATRIX_BETA * m)
            return p - rate * (change + DECAY * p), m, v
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
        change = m / bias1 / (jnp.sqrt(v / bias2) + 1e-8) + (DECAY * p if p.ndim > 1 else 0)
        return p - rate * change, m, v

    leaves, tree = jax.tree.flatten(params)
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    new = [one(*x) for x in zip(paths, leaves, jax.tree.leaves(moments[0]), jax.tree.leaves(moments[1]), jax.tree.leaves(gradient))]
    params, first, second = (jax.tree.unflatten(tree, x) for x in zip(*new))
    return params, (first, second), metrics


def feed(windows: Windows, plan, out: queue.Queue):
    """Makes the batches ahead of the training."""
    try:
        for step, shape in plan:
            out.put((step, windows.batch(step, shape)))
    finally:  # a batch that cannot be made ends the training too
        out.put(None)


def save(path: pathlib.Path, params, moments, step: int, seconds: float):
    """Writes the checkpoint, whole or not at all."""
    state = {"params": jax.tree.map(np.asarray, params), "moments": jax.tree.map(np.asarray, moments), "step": step, "seconds": seconds}
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(state))
    partial.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, help="checkpoint to write, and to go on from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--decay", type=float, default=0.35, help="share of the steps in which the rate falls")
    parser.add_argument("--rate", type=float, default=2e-3, help="the constant learning rate")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    corpus = Corpus(args.data)
    windows = Windows(corpus, args.seed)
    params, start, spent = model.initial(args.seed, len(corpus.phonemes)), 0, 0.0
    moments = (jax.tree.map(np.zeros_like, params), jax.tree.map(np.zeros_like, params))
    if args.out.exists():
        state = pickle.loads(args.out.read_bytes())
        params, moments, start, spent = state["params"], state["moments"], state["step"], state["seconds"]
    print(sum(x.size for x in jax.tree.leaves(params)), "parameters,", len(corpus.utterances), "sentences; from step", start, flush=True)
    params, moments = jax.tree.map(jnp.asarray, (params, moments))
    falling = int(args.steps * (1 - args.decay))
    batches = queue.Queue(4)
    plan = ((s, shape_of(s, args.seed, s >= falling)) for s in range(start, args.steps))
    threading.Thread(target=feed, args=(windows, plan, batches), daemon=True).start()
    began = saved = time.time()
    seen = {True: [], False: []}
    while (item := batches.get()) is not None:
        step, batch = item
        left = min(1.0, (args.steps - step) / (args.steps - falling))
        rate = args.rate * min(1.0, (step + 1) / WARMUP) * max(left, 0.01)
        progress = step / args.steps
        params, moments, metrics = update(params, moments, batch, jnp.float32(step), rate, 0.3 * max(0.15, 1 - progress), 0.5 * max(0.2, 1 - progress))
        seen[batch["mel"].shape[1] == 2 * LONG.frames].append(metrics)
        if (step + 1) % LOG_EVERY == 0 or step < 3:
            for long, values in seen.items():
                if values:
                    mean = np.ma.masked_invalid(np.array(values)).mean(0).filled(np.nan)
                    text = " ".join(f"{n} {v:.3f}" for n, v in zip(model.METRICS, mean))
                    print(f"step {step + 1} {spent + time.time() - began:.0f} s {'30 s' if long else 'short'} x{len(values)} {text}", flush=True)
            seen = {True: [], False: []}
        if time.time() - saved > SAVE_EVERY_S or step + 1 == args.steps:
            save(args.out, params, moments, step + 1, spent + time.time() - began)
            saved = time.time()


if __name__ == "__main__":
    main()
