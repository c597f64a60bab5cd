"""From a batch of clean drawings to the pictures that the model learns from.

Everything works on whole batches of tensors; all chance comes from one torch.Generator.
Input [n, 4, 96, 96] uint8 RGBA, output [n, 3, size, size] float 0..1, where `size` is SIZE
or, early in the training, smaller.
"""

import math
from io import BytesIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIZE = 64


class Augment:
    def __init__(self, generator):
        self.generator, self.size = generator, SIZE

    def uniform(self, n, low=0.0, high=1.0):
        return torch.rand(n, generator=self.generator) * (high - low) + low

    def chance(self, n, p):
        return torch.rand(n, generator=self.generator) < p

    def place(self, rgba, flip, scale, at):
        """Turn, stretch, mirror and move each drawing onto a square; premultiplied."""
        n = len(rgba)
        angle = self.uniform(n, -0.2, 0.2) * torch.where(self.chance(n, 0.08), 3.0, 1.0)
        stretch = torch.exp(self.uniform(n, -0.18, 0.18))
        shear = self.uniform(n, -0.15, 0.15)
        mirror = torch.where(flip & self.chance(n, 0.4), -1.0, 1.0)
        cos, sin = torch.cos(angle), torch.sin(angle)
        wide, high = 1 / (scale * stretch), stretch / scale
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0] = cos * wide * mirror
        theta[:, 0, 1] = (-sin + shear) * wide * mirror
        theta[:, 1, 0] = sin * high
        theta[:, 1, 1] = cos * high
        theta[:, :, 2] = -(theta[:, :, :2] @ at.unsqueeze(2)).squeeze(2)
        grid = F.affine_grid(theta, (n, 4, self.size, self.size), align_corners=False)
        fine = F.grid_sample(rgba, grid, align_corners=False)
        # A drawing made smaller than half is sampled from a halved one, against aliasing.
        halved = F.grid_sample(F.avg_pool2d(rgba, 2), grid, align_corners=False)
        return torch.where((scale < 50 / self.size).view(n, 1, 1, 1), halved, fine)

    def outline(self, rgba):
        """Draw a dark line around some shapes, as some styles do."""
        n = len(rgba)
        some = self.chance(n, 0.12).view(n, 1, 1, 1)
        grown = F.max_pool2d(rgba[:, 3:], 3, 1, 1)
        lined = torch.cat([rgba[:, :3], grown], 1)
        return torch.where(some, lined, rgba)

    def tint(self, rgb, a):
        """Shift hue and saturation of premultiplied drawings (`a` their alpha)."""
        n = len(rgb)
        turn = self.uniform(n, -0.25, 0.25) * torch.where(self.chance(n, 0.06), 12.0, 1.0)
        grey = torch.full((3, 3), 1 / 3)
        cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
        cos, sin = torch.cos(turn).view(n, 1, 1), torch.sin(turn).view(n, 1, 1)
        matrix = cos * torch.eye(3) + sin * cross + (1 - cos) * grey
        strength = self.uniform(n, 0.6, 1.5)
        strength = torch.where(self.chance(n, 0.06), torch.zeros(n), strength).view(n, 1, 1)
        luma = torch.tensor([0.299, 0.587, 0.114]).expand(3, 3)
        matrix = (strength * torch.eye(3) + (1 - strength) * luma) @ matrix
        return torch.einsum("nij,njhw->nihw", matrix, rgb).clamp(min=0).minimum(a)

    def ground(self, n):
        """Backgrounds: white, black, plain, graded, cloudy."""
        colour = self.uniform(n * 3).view(n, 3, 1, 1)
        other = self.uniform(n * 3).view(n, 3, 1, 1)
        kind = self.uniform(n).view(n, 1, 1, 1)
        ramp = torch.linspace(0, 1, self.size)
        slope = self.uniform(n, -1, 1).view(n, 1, 1, 1)
        ramp = ramp.view(1, 1, -1, 1) * slope + ramp.view(1, 1, 1, -1) * (1 - slope.abs())
        graded = colour + (other - colour) * ramp
        coarse = torch.rand(n, 3, 5, 5, generator=self.generator)
        cloudy = F.interpolate(coarse, (self.size, self.size), mode="bicubic").clamp(0, 1)
        fine = torch.rand(n, 1, 16, 16, generator=self.generator)
        fine = F.interpolate(fine, (self.size, self.size), mode="bilinear")
        cloudy = (cloudy + fine * 0.4 - 0.2).clamp(0, 1)
        whole = torch.where(kind < 0.5, torch.ones(n, 3, self.size, self.size), graded)
        whole = torch.where((kind >= 0.5) & (kind < 0.55), torch.zeros(()), whole)
        whole = torch.where((kind >= 0.55) & (kind < 0.72), colour.expand_as(whole), whole)
        return torch.where(kind > 0.87, cloudy, whole)

    def spoil(self, x):
        """Light, blur, pixelation, noise, a covered corner, grey, negative."""
        n = len(x)
        shape = (n, 1, 1, 1)
        gain = self.uniform(n, 0.7, 1.25).view(shape)
        shift = self.uniform(n, -0.12, 0.12).view(shape)
        x = (x - 0.5) * gain + 0.5 + shift
        blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        x = torch.where(self.chance(n, 0.12).view(shape), blurred, x)
        small = F.interpolate(F.avg_pool2d(x, 2), (self.size, self.size), mode="bilinear")
        x = torch.where(self.chance(n, 0.08).view(shape), small, x)
        noise = torch.randn(x.shape, generator=self.generator) * self.uniform(n, 0, 0.08).view(shape)
        x = torch.where(self.chance(n, 0.12).view(shape), x + noise, x)
        luma = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
        x = torch.where(self.chance(n, 0.04).view(shape), luma.expand_as(x), x)
        x = torch.where(self.chance(n, 0.02).view(shape), 1 - x, x)
        return self.cover(x).clamp(0, 1)

    def cover(self, x):
        """Hide a rectangle of some pictures."""
        n = len(x)
        line = torch.arange(self.size).view(1, self.size)
        left, top = (self.uniform(n, 0, self.size).view(n, 1) for _ in range(2))
        wide, high = (self.uniform(n, 0.1, 0.35).mul(self.size).view(n, 1) for _ in range(2))
        across = (line >= left) & (line < left + wide)
        down = (line >= top) & (line < top + high)
        hide = (down.unsqueeze(2) & across.unsqueeze(1)).unsqueeze(1)
        hide = hide & self.chance(n, 0.08).view(n, 1, 1, 1)
        return torch.where(hide, self.uniform(n * 3).view(n, 3, 1, 1), x)

    def jpeg(self, x, p=0.05):
        for i in self.chance(len(x), p).nonzero().flatten().tolist():
            quality = int(self.uniform(1, 15, 80))
            pixels = (x[i].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
            held = BytesIO()
            Image.fromarray(pixels).save(held, "JPEG", quality=quality)
            x[i] = torch.from_numpy(np.asarray(Image.open(held)) / np.float32(255)).permute(2, 0, 1)
        return x

    def layer(self, rgba, flip, scale, at):
        rgba = rgba.float() / 255
        rgba = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)
        rgba = self.place(self.outline(rgba), flip, scale, at)
        return self.tint(rgba[:, :3], rgba[:, 3:]), rgba[:, 3:]

    def __call__(self, rgba, flip, second=None, second_flip=None):
        """`flip`: may be mirrored. `second`: for the first k pictures, another drawing beside."""
        n, k = len(rgba), 0 if second is None else len(second)
        scale = self.uniform(n, 0.65, 1.12)
        scale = torch.where(self.chance(n, 0.25), self.uniform(n, 0.93, 1.02), scale)
        room = (0.25 + (1 - scale).abs()).clamp(max=0.5).view(n, 1)
        at = self.uniform(n * 2, -1, 1).view(n, 2) * room
        if k:
            scale[:k] = self.uniform(k, 0.42, 0.6)
            at[:k] = torch.stack([torch.full((k,), -0.46), self.uniform(k, -0.4, 0.4)], 1)
        rgb, a = self.layer(rgba, flip, scale, at)
        x = rgb + self.ground(n) * (1 - a)
        if k:
            at = torch.stack([torch.full((k,), 0.46), self.uniform(k, -0.4, 0.4)], 1)
            rgb, a = self.layer(second, second_flip, self.uniform(k, 0.42, 0.6), at)
            x[:k] = rgb + x[:k] * (1 - a)
        return self.jpeg(self.spoil(x))
