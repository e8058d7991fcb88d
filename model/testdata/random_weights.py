"""What the scripts beside this one have in common: a model with random weights, as diffusers saves it."""
import torch


def saved(make, folder, half=False):
    """Saves a model of random weights, in float16 if half, and returns it in float32 with the generator of its inputs."""
    gen = torch.Generator().manual_seed(1234)
    torch.manual_seed(99)
    model = make()
    with torch.no_grad():  # away from the initial values: no weight zero, no bias equal
        for _, p in sorted(model.named_parameters()):
            if p.ndim <= 1:
                p.add_(0.1 * torch.randn(*p.shape, generator=gen))
            elif float(p.abs().max()) == 0:
                p.copy_(0.1 * torch.randn(*p.shape, generator=gen))
            else:
                p.add_(0.02 * torch.randn(*p.shape, generator=gen))
    model = (model.half() if half else model).eval()
    model.save_pretrained(folder, safe_serialization=True, variant="fp16" if half else None)
    return model.float(), gen  # half: the weights are rounded, the arithmetic is not
