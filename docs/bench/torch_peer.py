"""torch's side of docs/bench: the same network in diffusers, the same lines as ours/main.go."""

import array
import sys
import time

import diffusers
import torch


def main() -> None:
    torch.set_grad_enabled(False)
    net = diffusers.UNet2DModel.from_pretrained(sys.argv[1], variant="fp16", torch_dtype=torch.float32).eval()
    print("ready", f"torch {torch.__version__}, diffusers {diffusers.__version__}", flush=True)
    for line in sys.stdin:
        threads, n, source, target = line.split()
        if torch.get_num_threads() != int(threads):
            torch.set_num_threads(int(threads))
        floats = array.array("f")
        with open(source, "rb") as f:
            floats.frombytes(f.read())
        x = torch.tensor(floats).reshape(int(n), 1, 28, 28)
        t = torch.full((int(n),), 500.0)
        c = torch.zeros(int(n), dtype=torch.long)
        start = time.perf_counter()
        y = net(x, t, c).sample
        seconds = time.perf_counter() - start
        if target != "-":
            with open(target, "wb") as f:
                f.write(array.array("f", y.flatten().tolist()).tobytes())
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
