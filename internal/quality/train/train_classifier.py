#!/usr/bin/env python3
"""Train the Fashion-MNIST classifier that package quality measures samples with.

Writes, below --out (default: the folder of the Go package):

    data/classifier.safetensors   the weights, fp16
    data/reference.safetensors    statistics of the 10,000 held-out real images (see reference())
    testdata/golden.safetensors   64 held-out images with torch's features and logits

The network, for images [n, 1, 28, 28] in [-1, 1]:

    conv 5x5, 1 -> 32, stride 2, relu      [n, 32, 14, 14]
    conv 3x3, 32 -> 64, stride 1, relu     [n, 64, 14, 14]
    conv 3x3, 64 -> 96, stride 2, relu     [n, 96, 7, 7]
    linear 4704 -> 64, relu                [n, 64]    the features
    linear 64 -> 10                        [n, 10]    the logits

The convolutions are padded by 2, 1 and 1. Everything that is written was computed with the weights
rounded to fp16 and the arithmetic in float32, which is what the Go code does too.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy import linalg
from torch import nn

HELD_OUT = 10_000
FEATURES = 64
CLASSES = 10
FLOOR_SIZES = (200, 500, 1000, 2000, 5000)


def network():
    """Return the untrained classifier; dropout only acts in training."""
    return nn.ModuleDict({
        "conv1": nn.Conv2d(1, 32, 5, 2, 2),
        "conv2": nn.Conv2d(32, 64, 3, 1, 1),
        "conv3": nn.Conv2d(64, 96, 3, 2, 1),
        "hidden": nn.Linear(96 * 7 * 7, FEATURES),
        "output": nn.Linear(FEATURES, CLASSES),
    })


def forward(net, images, drop=0.0):
    """Return (features [n, 64], logits [n, 10]) of images [n, 1, 28, 28] in [-1, 1]."""
    x = images
    for name in ("conv1", "conv2", "conv3"):
        x = torch.relu(net[name](x))
    x = nn.functional.dropout(x.flatten(1), drop, training=net.training)
    features = torch.relu(net["hidden"](x))
    x = nn.functional.dropout(features, drop / 2, training=net.training)
    return features, net["output"](x)


def balanced(classes, n, rng):
    """Return n row numbers, n/10 of each class, and the remaining row numbers."""
    taken = np.concatenate([
        rng.choice(np.flatnonzero(classes == c), n // CLASSES, replace=False)
        for c in range(CLASSES)])
    return taken, np.setdiff1d(np.arange(len(classes)), taken)


def load(path):
    """Return (pixels uint8 [n, 28, 28], classes int64 [n]), shuffled with a fixed seed.

    The first HELD_OUT rows have the same number of images of each class.
    """
    data = np.load(path)
    rng = np.random.default_rng(20170828)
    held, rest = balanced(data["y"], HELD_OUT, rng)
    order = np.concatenate([rng.permutation(held), rng.permutation(rest)])
    return torch.from_numpy(data["x"][order]), torch.from_numpy(data["y"][order]).long()


def to_images(pixels):
    """Map uint8 [n, 28, 28] to float32 [n, 1, 28, 28] in [-1, 1]."""
    return pixels[:, None].float() / 127.5 - 1


def shift(images, reach):
    """Move every image by up to `reach` pixels along both axes, filling with black."""
    n, _, h, w = images.shape
    padded = nn.functional.pad(images, (reach,) * 4, value=-1.0)
    rows = torch.arange(h) + torch.randint(0, 2 * reach + 1, (n, 1))
    cols = torch.arange(w) + torch.randint(0, 2 * reach + 1, (n, 1))
    batch = torch.arange(n)[:, None, None]
    return padded[batch, 0, rows[:, :, None], cols[:, None, :]][:, None]


@torch.no_grad()
def evaluate(net, images, batch=500):
    """Return features and logits of all images."""
    parts = [forward(net, part) for part in images.split(batch)]
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def accuracy(logits, classes):
    """Return the share of rows whose largest logit is that of their class."""
    return (logits.argmax(1) == classes).double().mean().item()


def train(net, pixels, classes, held, args):
    """Train with Adam and a cosine learning rate; print the held-out accuracy of every epoch."""
    steps = -(-len(pixels) // args.batch) * args.epochs
    optimizer = torch.optim.AdamW(net.parameters(), args.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, steps, pct_start=0.1)
    start = time.time()
    for epoch in range(args.epochs):
        net.train()
        for rows in torch.randperm(len(pixels)).split(args.batch):
            images = to_images(pixels[rows])
            # The last epoch sees the images as they are, as the held-out ones will be.
            if epoch + 1 < args.epochs:
                images = shift(images, 1)
            _, logits = forward(net, images, args.dropout)
            loss = nn.functional.cross_entropy(logits, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        net.eval()
        right = accuracy(evaluate(net, to_images(held[0]))[1], held[1])
        print(f"epoch {epoch + 1} held-out {right:.4f} {time.time() - start:.0f} s", flush=True)


def frechet(a, b):
    """Return |mu1-mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two feature sets [n, 64]."""
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return means + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * np.trace(root)


def floors(features, classes, draws=8):
    """Return how far real images are from real images, for the sizes FLOOR_SIZES.

    pairs: n images from n other images. rest: n images from all other held-out images,
    the floor for n samples that are compared with the reference. Class-balanced draws, averaged.
    """
    rng = np.random.default_rng(1)
    pairs, rest = [], []
    for n in FLOOR_SIZES:
        at_rest, at_pairs = [], []
        for _ in range(draws):
            one, others = balanced(classes, n, rng)
            at_rest.append(frechet(features[one], features[others]))
            two, _ = balanced(classes[others], n, rng)
            at_pairs.append(frechet(features[one], features[others][two]))
        pairs.append(np.mean(at_pairs))
        rest.append(np.mean(at_rest))
        print(f"real against real, n = {n}: pairs {pairs[-1]:.3f} rest {rest[-1]:.3f}", flush=True)
    return np.array(pairs), np.array(rest)


def diversity(features, classes):
    """Return the distance of two different images of a class in feature space, averaged over
    the pairs of a class, then over the classes."""
    means = []
    for c in range(CLASSES):
        rows = torch.from_numpy(features[classes == c])
        means.append(torch.pdist(rows).mean().item())
    return np.mean(means)


def reference(features, logits, classes):
    """Return the tensors of reference.safetensors, all F64, and its metadata."""
    right = accuracy(logits, classes)
    features, classes = features.double().numpy(), classes.numpy()
    pairs, rest = floors(features, classes)
    spread = diversity(features, classes)
    print(f"diversity {spread:.4f}, held-out accuracy {right:.4f}")
    tensors = {
        "mean": features.mean(0),           # [64]
        "cov": np.cov(features.T),          # [64, 64], divided by n-1
        "count": np.array([len(classes)]),
        "accuracy": np.array([right]),      # of the held-out images
        "diversity": np.array([spread]),    # of the held-out images
        "floor_n": np.array(FLOOR_SIZES),   # sample sizes of the next two
        "floor_pairs": pairs,               # n real images against n others
        "floor_rest": rest,                 # n real images against the rest of the reference
    }
    tensors = {k: torch.from_numpy(np.array(v, dtype=np.float64)) for k, v in tensors.items()}
    metadata = {
        "images": "10,000 images of Fashion-MNIST that the classifier was not trained on",
        "held_out_accuracy": f"{right:.4f}",
        "diversity": f"{spread:.4f}",
        "frechet_real_vs_real_pairs": json.dumps(dict(zip(FLOOR_SIZES, pairs.round(3).tolist()))),
        "frechet_real_vs_rest": json.dumps(dict(zip(FLOOR_SIZES, rest.round(3).tolist()))),
    }
    return tensors, metadata


def store(tensors, path, metadata=None):
    """Write a safetensors file; a reader never sees half of it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(tensors, path + ".tmp", metadata)
    os.chmod(path + ".tmp", 0o644)  # the writer makes private files
    os.replace(path + ".tmp", path)
    print("wrote", path, os.path.getsize(path), "bytes")


def options():
    """Parse the command line."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion.npz", help="what prepare_data.py wrote")
    parser.add_argument("--out", default=package, help="folder that gets data/ and testdata/")
    parser.add_argument("--start", help="a classifier.safetensors to train on from")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--train-images", type=int, default=None,
                        help="use only so many of the 60,000; for trying the script out")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    args = options()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    pixels, classes = load(args.data)
    held = pixels[:HELD_OUT], classes[:HELD_OUT]
    net = network().to(memory_format=torch.channels_last)
    print("parameters", sum(p.numel() for p in net.parameters()))
    if args.start:
        net.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
    rows = slice(HELD_OUT, args.train_images and HELD_OUT + args.train_images)
    train(net, pixels[rows], classes[rows], held, args)

    weights = {name: value.half() for name, value in net.state_dict().items()}
    store(weights, os.path.join(args.out, "data", "classifier.safetensors"))
    net.load_state_dict({name: value.float() for name, value in weights.items()})
    features, logits = evaluate(net, to_images(held[0]))
    tensors, metadata = reference(features, logits, held[1])
    store(tensors, os.path.join(args.out, "data", "reference.safetensors"), metadata)
    golden = {
        # Whole numbers to 255 are exact in fp16; an image is pixels/127.5 - 1 in float32.
        "pixels": held[0][:64, None].half(),
        "classes": held[1][:64].float(),
        "features": features[:64],
        "logits": logits[:64],
    }
    store(golden, os.path.join(args.out, "testdata", "golden.safetensors"))


if __name__ == "__main__":
    main()
