"""A small GAN: two networks, two optimizers, and noise drawn in every step."""

# matrix: kill = ["d_loss 6", "fake_mean 2", "g_loss 16 + 2 ms", "g_loss 9 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

torch.manual_seed(flor.arg("seed", 2024))
points, _ = make_moons(600, noise=0.05, random_state=4)
loader = DataLoader(
    TensorDataset(torch.tensor(points, dtype=torch.float32)), batch_size=100, shuffle=True, drop_last=True
)

latent = flor.arg("latent", 4)
generator = nn.Sequential(nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(32, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
fixed_noise = torch.randn(64, latent)

with flor.checkpointing(G=generator, D=discriminator, g_opt=g_optimizer, d_opt=d_optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for (real,) in flor.loop("step", loader):
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)

            fake = generator(torch.randn(len(real), latent))
            d_loss = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()

            g_loss = bce(discriminator(fake), ones)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()

            flor.log("d_loss", d_loss.item())
            flor.log("g_loss", g_loss.item())
        with torch.no_grad():
            flor.log("fake_mean", generator(fixed_noise).mean(0).tolist())

both = [*generator.parameters(), *discriminator.parameters()]
weights = b"".join(p.detach().numpy().tobytes() for p in both)
flor.log("digest", hashlib.sha256(weights).hexdigest())
