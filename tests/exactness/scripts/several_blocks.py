"""Two checkpointing blocks: an autoencoder is trained first, then a classifier on what it has learnt."""

# matrix: kill = ["reconstruction 6", "pretrained_norm 1", "loss 5", "accuracy 2", "loss 11 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

torch.manual_seed(92)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=240, shuffle=True)

encoder = nn.Sequential(nn.Linear(64, 24), nn.ReLU())
decoder = nn.Linear(24, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)

with flor.checkpointing(encoder=encoder, decoder=decoder, optimizer=optimizer):
    for epoch in flor.loop("pretraining", range(3)):
        for images, _ in flor.loop("step", loader):
            noisy = images + 0.2 * torch.randn_like(images)
            loss = nn.functional.mse_loss(decoder(encoder(noisy)), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("reconstruction", loss.item())

flor.log("pretrained_norm", sum(p.norm().item() for p in encoder.parameters()))
classifier = nn.Sequential(encoder, nn.Dropout(0.2), nn.Linear(24, 10))
optimizer = torch.optim.SGD(classifier.parameters(), lr=0.5)

with flor.checkpointing(classifier=classifier, optimizer=optimizer):
    for epoch in flor.loop("finetuning", range(3)):
        classifier.train()
        for images, labels in flor.loop("step", loader):
            loss = nn.functional.cross_entropy(classifier(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        classifier.eval()
        flor.log("accuracy", (classifier(x[1200:]).argmax(1) == y[1200:]).float().mean().item())

weights = b"".join(p.detach().numpy().tobytes() for p in classifier.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
