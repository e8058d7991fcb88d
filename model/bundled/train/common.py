"""What the training scripts share: data, noise schedule, budget, checkpoints and pictures."""
import os
import time

import numpy as np
import torch
from PIL import Image

# The noise schedule of both models. The betas are always given: diffusers' LCM and Heun classes
# have other defaults.
SCHEDULE = {
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "v_prediction",
}
STEPS = 1000      # T, the number of noise levels
CLASS_NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
CLASSES = len(CLASS_NAMES)
NO_CLASS = 10     # the class index of the unconditional branch


def load_data(path):
    """Return (pixels uint8 [n, 1, 28, 28], classes int64 [n]) of what prepare_data.py wrote."""
    data = np.load(path)
    return torch.from_numpy(data["x"])[:, None], torch.from_numpy(data["y"]).long()


def to_images(pixels):
    """Map uint8 to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def column(values):
    """Shape one value a row so that it multiplies images [n, c, h, w]."""
    return values.view(-1, 1, 1, 1)


def levels():
    """Return (alpha, sigma), each [T]: x_t = alpha_t x0 + sigma_t noise.

    alpha_t^2 = prod_{s<=t} (1 - beta_s), sigma_t^2 = 1 - alpha_t^2, beta linear.
    """
    betas = torch.linspace(SCHEDULE["beta_start"], SCHEDULE["beta_end"], STEPS)
    squares = torch.cumprod(1 - betas, 0)
    return squares.sqrt(), (1 - squares).sqrt()


class Budget:
    """A budget of CPU time: process time divided by threads, so that a busy machine delays a
    run and does not shorten it. Time spent before a resume counts."""

    def __init__(self, minutes, threads, spent=0.0):
        self.limit, self.threads, self.before = minutes * 60, threads, spent
        self.start = time.process_time()

    def spent(self):
        """Return the seconds spent so far."""
        return self.before + (time.process_time() - self.start) / self.threads

    def part(self):
        """Return the share of the budget that is spent, 0 to 1."""
        return min(1.0, self.spent() / self.limit) if self.limit > 0 else 1.0


class Checkpoint:
    """The state of a run in one file. Saving is atomic: a run that is killed resumes from the
    last complete save, with the same random numbers it would have drawn."""

    def __init__(self, path, **parts):
        self.path, self.parts = path, parts

    def save(self, step, spent):
        """Write the state of all parts (modules and optimizers), the step and the time spent."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state.update(step=step, spent=spent, random=torch.get_rng_state())
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        torch.save(state, self.path + ".tmp")
        os.replace(self.path + ".tmp", self.path)

    def load(self):
        """Restore the parts and return (step, spent); (0, 0.0) when there is no file."""
        if not os.path.exists(self.path):
            return 0, 0.0
        state = torch.load(self.path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        print(f"resuming at step {state['step']}, {state['spent'] / 60:.1f} min", flush=True)
        return state["step"], state["spent"]


@torch.no_grad()
def follow(average, net, decay):
    """Move the averaged weights: average = decay average + (1 - decay) net."""
    torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 1 - decay)


def predict(net, x, t, classes, guidance=1.0):
    """Return the network's v at x, with classifier-free guidance unless guidance is 1:

        v = u + guidance (c - u)        u without a class, c with it; one batch of twice the rows
    """
    if guidance == 1.0:
        return net(x, t, class_labels=classes).sample
    both = torch.cat([classes, torch.full_like(classes, NO_CLASS)])
    t = torch.cat([t, t]) if torch.is_tensor(t) and t.ndim else t
    c, u = net(torch.cat([x, x]), t, class_labels=both).sample.chunk(2)
    return u + guidance * (c - u)


def contact_sheet(images, path, columns, zoom=2):
    """Write images [rows*columns, 1, 28, 28] in [-1, 1] as one grey PNG, row by row."""
    side = images.shape[-1]
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    sheet = pixels.reshape(-1, columns, side, side).transpose(0, 2, 1, 3)
    picture = Image.fromarray(sheet.reshape(-1, columns * side))
    size = picture.width * zoom, picture.height * zoom
    picture.resize(size, Image.Resampling.NEAREST).save(path)
