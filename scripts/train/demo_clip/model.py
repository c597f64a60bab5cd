"""The two towers. Both give vectors of DIM; their direction alone means something."""

import torch
import torch.nn as nn
import torch.nn.functional as F

DIM = 192
# Pictures are squashed to this.
SIZE = 40
# Texts are cut here; names and short sentences take 5 to 15 tokens.
MAX_TOKENS = 32
PAD = 0


class Conv(nn.Sequential):
    def __init__(self, cin, cout, stride=1):
        super().__init__(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout))


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = Conv(width, width), Conv(width, width)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Down(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(Conv(cin, cout, 2), nn.ReLU())


class PictureTower(nn.Module):
    """A small residual network: [n, 3, SIZE, SIZE] (mean 0.5, std 0.5) to [n, DIM].

    The last places are looked at apart, as two rows of two, not averaged: where a thing's
    parts are tells as much as that they are there.
    """

    def __init__(self, width=32):
        super().__init__()
        w = width
        self.body = nn.Sequential(
            Down(3, w), Down(w, 2 * w), Residual(2 * w),
            Down(2 * w, 4 * w), Residual(4 * w), Residual(4 * w),
            Down(4 * w, 8 * w), Residual(8 * w),
        )
        self.head = nn.Linear(4 * 8 * w, DIM)
        # Rectified features all point one way, and so would all vectors.
        self.centre = nn.BatchNorm1d(DIM, affine=False)

    def forward(self, pixels):
        x = self.body(pixels)
        if x.shape[2] == 3:  # of 40 x 40; the 32 x 32 that training begins with leave 2 x 2
            x = F.avg_pool2d(x, 2, 1)
        return self.centre(self.head(x.flatten(1)))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x, hidden):
        n, t, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, w // self.heads).permute(
            2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) * (w // self.heads) ** -0.5 + hidden
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, w)
        x = x + self.drop(self.out(mixed))
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))


class TextTower(nn.Module):
    """A one-layer transformer: token ids [n, t], padded with PAD, to [n, DIM]."""

    def __init__(self, vocabulary, width=192, layers=1, heads=4):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.places = nn.Embedding(MAX_TOKENS, width)
        nn.init.normal_(self.tokens.weight, std=0.05)
        nn.init.normal_(self.places.weight, std=0.01)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.head = nn.Linear(width, DIM)

    def forward(self, ids):
        seen = (ids != PAD).unsqueeze(2).float()
        hidden = (1 - seen).view(ids.shape[0], 1, 1, -1) * -1e4
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, hidden)
        x = self.norm(x)
        # Which tokens count is learned: "photo of a" says little about what is shown.
        weight = (self.score(x) + (1 - seen) * -1e4).softmax(1)
        return self.head((x * weight).sum(1))
