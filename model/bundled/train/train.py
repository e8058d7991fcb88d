#!/usr/bin/env python3
"""Train the class-conditional model `fashion`.

A small diffusers UNet2DModel learns v = alpha noise - sigma x0 (Salimans and Ho 2022,
arXiv:2202.00512) under linear betas, with

  - the class dropped in 12 % of the rows, for classifier-free guidance (Ho and Salimans 2022),
  - the loss of noise level t weighted by min(SNR, 5)/(SNR + 1), SNR = (alpha/sigma)^2, scaled to
    mean 1: min-SNR-5 for v prediction (Hang et al. 2023, arXiv:2303.09556),
  - AdamW, warm-up of 200 steps, then a cosine to 2 % of the learning rate at the budget's end,
  - an exponential moving average of the weights, which is what is kept.

Stopped or killed, the same command goes on from the last checkpoint.
"""
import argparse
import copy
import math
import os
import time

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DModel

import common

EMA_DECAY = 0.9985
WARM_UP = 200


def new_network():
    """Return the untrained U-Net: 2.74 million parameters, attention at 7x7."""
    net = UNet2DModel(
        sample_size=28, in_channels=1, out_channels=1,
        block_out_channels=(32, 64, 128), layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8, attention_head_dim=32,
        num_class_embeds=common.CLASSES + 1)
    return net.to(memory_format=torch.channels_last)


def loss_weights(alpha, sigma):
    """Return the weight of each noise level, [T], with mean 1."""
    snr = (alpha / sigma) ** 2
    weights = snr.clamp(max=5.0) / (snr + 1)
    return weights / weights.mean()


def learning_rate(top, step, part):
    """Return the rate of a step when `part` of the budget is spent."""
    cosine = 0.5 * (1 + math.cos(math.pi * part))
    return top * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * cosine)


class Loss:
    """The training loss of a random batch."""

    def __init__(self, pixels, classes, batch, drop):
        self.pixels, self.classes, self.batch, self.drop = pixels, classes, batch, drop
        self.alpha, self.sigma = common.levels()
        self.weights = loss_weights(self.alpha, self.sigma)

    def __call__(self, net):
        rows = torch.randint(0, len(self.pixels), (self.batch,))
        x0, y = common.to_images(self.pixels[rows]), self.classes[rows].clone()
        y[torch.rand(self.batch) < self.drop] = common.NO_CLASS
        t = torch.randint(0, common.STEPS, (self.batch,))
        noise = torch.randn_like(x0)
        alpha, sigma = common.column(self.alpha[t]), common.column(self.sigma[t])
        x = (alpha * x0 + sigma * noise).contiguous(memory_format=torch.channels_last)
        v = alpha * noise - sigma * x0
        error = (net(x, t, class_labels=y).sample - v).square().mean((1, 2, 3))
        return (error * self.weights[t]).mean()


@torch.no_grad()
def draw(net, path, guidance=2.0, columns=8, steps=20):
    """Draw 8 images a class by DPM-Solver++ 2M, from a noise that is always the same."""
    solver = DPMSolverMultistepScheduler(**common.SCHEDULE, timestep_spacing="trailing")
    solver.set_timesteps(steps)
    noise = torch.Generator().manual_seed(1)
    x = torch.randn(common.CLASSES * columns, 1, 28, 28, generator=noise)
    y = torch.arange(common.CLASSES).repeat_interleave(columns)
    for t in solver.timesteps:
        x = solver.step(common.predict(net, x, t, y, guidance), t, x).prev_sample
    common.contact_sheet(x, path, columns)


def train(args):
    """Train until the budget is spent; leave OUT/unet, a checkpoint and a picture."""
    net = new_network()
    average = copy.deepcopy(net).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(net.parameters(), args.lr, betas=(0.9, 0.99), weight_decay=1e-3)
    checkpoint = common.Checkpoint(
        os.path.join(args.out, "checkpoint.pt"), net=net, average=average, optimizer=optimizer)
    step, spent = checkpoint.load()
    budget = common.Budget(args.minutes, args.threads, spent)
    loss_of = Loss(*common.load_data(args.data), args.batch, args.drop)
    logged, total, count = time.time(), 0.0, 0
    while budget.part() < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(args.lr, step, budget.part())
        loss = loss_of(net)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        common.follow(average, net, min(EMA_DECAY, (1 + step) / (10 + step)))
        total, count = total + loss.item(), count + 1
        if time.time() - logged > 60:
            print(f"{budget.spent() / 60:.1f} min, step {step}, loss {total / count:.4f}, "
                  f"{count * args.batch / (time.time() - logged):.0f} images/s", flush=True)
            logged, total, count = time.time(), 0.0, 0
        if step % args.save_every == 0:
            checkpoint.save(step, budget.spent())
    checkpoint.save(step, budget.spent())
    average.save_pretrained(os.path.join(args.out, "unet"))
    draw(average, os.path.join(args.out, "samples.png"))
    print(f"done: {step} steps, {step * args.batch / len(loss_of.pixels):.2f} epochs", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion.npz", help="what prepare_data.py wrote")
    parser.add_argument("--out", default="fashion", help="folder of the checkpoint and the result")
    parser.add_argument("--minutes", type=float, default=57, help="CPU time divided by threads")
    parser.add_argument("--lr", type=float, default=1.5e-3, help="largest learning rate")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--drop", type=float, default=0.12, help="share of rows without a class")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    train(args)


if __name__ == "__main__":
    main()
