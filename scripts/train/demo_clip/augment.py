"""From a batch of clean drawings to the pictures that the model learns from.

Everything works on whole batches of tensors; all chance comes from PyTorch's own generator.
Input [n, 4, s, s] uint8, premultiplied RGBA; output [n, 3, size, size] float 0..1.
`strength` says how far a picture may be from its drawing: training begins at 0.3, since a
small network that sees all variety at once learns nothing for a long time.
"""

import math

import torch
import torch.nn.functional as F


def uniform(n, low=0.0, high=1.0):
    """[n, 1, 1, 1], to go with pictures."""
    return (torch.rand(n) * (high - low) + low).view(n, 1, 1, 1)


def some(n, p):
    return torch.rand(n).view(n, 1, 1, 1) < p


def place(rgba, flip, size, strength):
    """Turn, stretch, mirror and move each drawing onto a square."""
    n, k = len(rgba), strength
    angle = uniform(n, -0.25 * k, 0.25 * k).flatten()
    stretch = torch.exp(uniform(n, -0.2 * k, 0.2 * k).flatten())
    shear = uniform(n, -0.2 * k, 0.2 * k).flatten()
    scale = torch.exp(uniform(n, -0.45 * k, 0.12 * k).flatten())
    mirror = torch.where(flip & (torch.rand(n) < 0.4), -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    wide, high = 1 / (scale * stretch), stretch / scale
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = cos * wide * mirror
    theta[:, 0, 1] = (-sin + shear) * wide * mirror
    theta[:, 1, 0] = sin * high
    theta[:, 1, 1] = cos * high
    at = (torch.rand(n, 2) * 2 - 1) * (0.05 + 0.4 * (1 - scale).abs()).view(n, 1)
    theta[:, :, 2] = -(theta[:, :, :2] @ at.unsqueeze(2)).squeeze(2)
    grid = F.affine_grid(theta, (n, 4, size, size), align_corners=False)
    return F.grid_sample(rgba, grid, align_corners=False)


def outline(rgba, strength):
    """Draw a dark line around some shapes, as some styles do."""
    grown = torch.cat([rgba[:, :3], F.max_pool2d(rgba[:, 3:], 3, 1, 1)], 1)
    return torch.where(some(len(rgba), 0.15 * strength), grown, rgba)


def tint(rgb, alpha, strength):
    """Shift hue and saturation; a few drawings lose their colours."""
    n, k = len(rgb), strength
    turn = uniform(n, -0.4 * k, 0.4 * k).view(n, 1, 1)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    hue = torch.cos(turn) * torch.eye(3) + torch.sin(turn) * cross + (1 - torch.cos(turn)) / 3
    keep = uniform(n, 1 - 0.5 * k, 1 + 0.4 * k)
    keep = torch.where(some(n, 0.15 * k), torch.zeros(()), keep).view(n, 1, 1)
    luma = torch.tensor([0.299, 0.587, 0.114]).expand(3, 3)
    matrix = (keep * torch.eye(3) + (1 - keep) * luma) @ hue
    return torch.bmm(matrix, rgb.flatten(2)).view_as(rgb).clamp(min=0).minimum(alpha)


def ground(n, size):
    """Backgrounds: white, of one colour, of two."""
    first, second = torch.rand(n, 3, 1, 1), torch.rand(n, 3, 1, 1)
    ramp = torch.linspace(0, 1, size)
    slope = uniform(n, -1, 1)
    ramp = ramp.view(1, 1, -1, 1) * slope + ramp.view(1, 1, 1, -1) * (1 - slope.abs())
    second = torch.where(some(n, 0.5), first, second)
    return torch.where(some(n, 0.6), torch.ones(()), first + (second - first) * ramp)


def spoil(x, strength):
    """Light, blur, noise, a covered corner."""
    n, k, size = len(x), strength, x.shape[2]
    x = (x - 0.5) * uniform(n, 1 - 0.3 * k, 1 + 0.3 * k) + 0.5 + uniform(n, -0.15 * k, 0.15 * k)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.where(some(n, 0.1 * k), blurred, x)
    x = torch.where(some(n, 0.1 * k), x + torch.randn_like(x) * 0.06, x)
    line = torch.arange(size).view(1, 1, 1, size) / size
    (left, top), (wide, high) = (uniform(2 * n).split(n), uniform(2 * n, 0.1, 0.35).split(n))
    across = (line >= left) & (line < left + wide)
    down = ((line >= top) & (line < top + high)).transpose(2, 3)
    hide = across & down & some(n, 0.1 * k)
    return torch.where(hide, torch.rand(n, 3, 1, 1), x).clamp(0, 1)


def augment(rgba, flip, size, strength):
    """`flip`: which drawings may be mirrored."""
    rgba = place(outline(rgba.float() / 255, strength), flip, size, strength)
    alpha = rgba[:, 3:]
    return spoil(tint(rgba[:, :3], alpha, strength) + ground(len(rgba), size) * (1 - alpha), strength)
