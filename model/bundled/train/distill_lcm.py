#!/usr/bin/env python3
"""Distil the model `fashion` into the few-step student `fashion_lcm`.

Latent-consistency distillation (Luo et al. 2023, arXiv:2310.04378), here on pixels. The student's
consistency function maps a noisy image straight to a clean one,

    f(x, t) = c_skip(t) x + c_out(t) x0(x, t)        x0 = alpha x - sigma v
    c_skip = 0.25/(s^2 + 0.25)   c_out = s/sqrt(s^2 + 0.25)   s = 10 t

and is trained to give the same at neighbouring points of one trajectory of the teacher:

    x'    = DDIM step of the guided teacher from (x, t) to t - k, its x0 clipped to [-1, 1]
    loss  = huber(f_student(x, t) - f_target(x', t - k))       huber(d) = sqrt(d^2 + c^2) - c

k = T/grid, and t is one of the grid's points k-1, 2k-1, ..., T-1, as in diffusers' LCMScheduler;
at the first point the target is the teacher's x0. The target network is a moving average of the
student, and is what is kept. One guidance scale is baked in.

Stopped or killed, the same command goes on from the last checkpoint.
"""
import argparse
import copy
import os
import time

import torch
from diffusers import LCMScheduler, UNet2DModel

import common

TARGET_DECAY = 0.98
WARM_UP = 20
HUBER = 1e-3


def boundary(t):
    """Return (c_skip, c_out) for integer times t [n], shaped to multiply images."""
    s = t.float() * 10.0
    return common.column(0.25 / (s * s + 0.25)), common.column(s / (s * s + 0.25).sqrt())


class Distillation:
    """The loss of a random batch."""

    def __init__(self, teacher, args):
        self.teacher, self.args = teacher, args
        self.pixels, self.classes = common.load_data(args.data)
        self.alpha, self.sigma = common.levels()
        self.stride = common.STEPS // args.grid
        self.grid = torch.arange(1, args.grid + 1) * self.stride - 1

    def at(self, t):
        """Return (alpha, sigma) of times t, shaped to multiply images."""
        return common.column(self.alpha[t]), common.column(self.sigma[t])

    def consistency(self, net, x, t, y):
        """Return f(x, t) of a network."""
        alpha, sigma = self.at(t)
        x0 = alpha * x - sigma * net(x, t, class_labels=y).sample
        skip, out = boundary(t)
        return skip * x + out * x0

    @torch.no_grad()
    def wanted(self, target, x, t, y):
        """Return the value that f(x, t) of the student should have."""
        before = (t - self.stride).clamp(min=0)
        alpha, sigma = self.at(t)
        v = common.predict(self.teacher, x, t, y, self.args.guidance)
        x0 = (alpha * x - sigma * v).clamp(-1, 1)
        epsilon = (x - alpha * x0) / sigma
        alpha, sigma = self.at(before)
        moved = self.consistency(target, alpha * x0 + sigma * epsilon, before, y)
        return torch.where(common.column(t) < self.stride, x0, moved)

    def __call__(self, student, target):
        rows = torch.randint(0, len(self.pixels), (self.args.batch,))
        x0, y = common.to_images(self.pixels[rows]), self.classes[rows]
        t = self.grid[torch.randint(0, self.args.grid, (self.args.batch,))]
        alpha, sigma = self.at(t)
        x = alpha * x0 + sigma * torch.randn_like(x0)
        x = x.contiguous(memory_format=torch.channels_last)
        wanted = self.wanted(target, x, t, y)
        difference = self.consistency(student, x, t, y) - wanted
        return ((difference ** 2 + HUBER ** 2).sqrt() - HUBER).mean()


@torch.no_grad()
def draw(net, path, steps, grid, columns=8):
    """Draw 8 images a class with the LCM sampler, from a noise that is always the same."""
    sampler = LCMScheduler(**common.SCHEDULE, original_inference_steps=grid, clip_sample=True)
    sampler.set_timesteps(steps)
    noise = torch.Generator().manual_seed(1)
    x = torch.randn(common.CLASSES * columns, 1, 28, 28, generator=noise)
    y = torch.arange(common.CLASSES).repeat_interleave(columns)
    for t in sampler.timesteps:
        v = common.predict(net, x, t, y)
        x = sampler.step(v, t, x, generator=noise).prev_sample
    common.contact_sheet(x, path, columns)


def distil(args):
    """Distil until the budget is spent; leave OUT/unet, a checkpoint and pictures."""
    teacher = UNet2DModel.from_pretrained(args.teacher).eval().requires_grad_(False)
    teacher = teacher.to(memory_format=torch.channels_last)
    student = copy.deepcopy(teacher).train().requires_grad_(True)
    target = copy.deepcopy(teacher)
    optimizer = torch.optim.AdamW(
        student.parameters(), args.lr, betas=(0.9, 0.99), weight_decay=0)
    checkpoint = common.Checkpoint(
        os.path.join(args.out, "checkpoint.pt"),
        student=student, target=target, optimizer=optimizer)
    step, spent = checkpoint.load()
    budget = common.Budget(args.minutes, args.threads, spent)
    loss_of = Distillation(teacher, args)
    logged, total, count = time.time(), 0.0, 0
    while budget.part() < 1:
        for group in optimizer.param_groups:
            warm = min(1, (step + 1) / WARM_UP)
            group["lr"] = args.lr * warm * max(0.05, 1 - budget.part())
        loss = loss_of(student, target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        step += 1
        common.follow(target, student, min(TARGET_DECAY, (1 + step) / (10 + step)))
        total, count = total + loss.item(), count + 1
        if time.time() - logged > 60:
            print(f"{budget.spent() / 60:.1f} min, step {step}, loss {total / count:.4f}",
                  flush=True)
            logged, total, count = time.time(), 0.0, 0
        if step % args.save_every == 0:
            checkpoint.save(step, budget.spent())
    checkpoint.save(step, budget.spent())
    target.save_pretrained(os.path.join(args.out, "unet"))
    for steps in (1, 4):
        draw(target, os.path.join(args.out, f"samples_{steps}.png"), steps, args.grid)
    print(f"done: {step} steps", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", default="fashion/unet", help="what train.py made")
    parser.add_argument("--data", default="fashion.npz", help="what prepare_data.py wrote")
    parser.add_argument("--out", default="fashion_lcm",
                        help="folder of the checkpoint and the result")
    parser.add_argument("--minutes", type=float, default=8, help="CPU time divided by threads")
    parser.add_argument("--guidance", type=float, default=1.5, help="the scale that is baked in")
    parser.add_argument("--grid", type=int, default=50, help="original steps of the LCM schedule")
    parser.add_argument("--lr", type=float, default=3e-4, help="largest learning rate")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=25, help="steps between checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    distil(args)


if __name__ == "__main__":
    main()
