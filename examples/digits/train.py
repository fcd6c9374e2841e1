"""Train a small network on scikit-learn's handwritten digits (1,797 real images of 8 x 8 pixels).

python train.py
python train.py --kwargs epochs=3 batch_size=64 lr=0.0005
"""

from random import randint

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

# Where to compute, and the seed that makes the run repeatable
device = torch.device(flor.arg("device", "cuda" if torch.cuda.is_available() else "cpu"))
seed = flor.arg("seed", default=randint(1, 10000))
torch.manual_seed(seed)

# Hyper-parameters
hidden_size = flor.arg("hidden", default=500)
num_epochs = flor.arg("epochs", 5)
batch_size = flor.arg("batch_size", 32)
learning_rate = flor.arg("lr", 1e-3)
print_every = flor.arg("print_every", 1)

# Three fifths of the images to train on, a fifth to watch the training, a fifth for the final word
images, labels = load_digits(return_X_y=True)
images = (images / 16).astype("float32")
train_x, rest_x, train_y, rest_y = train_test_split(images, labels, test_size=0.4, random_state=0)
val_x, test_x, val_y, test_y = train_test_split(rest_x, rest_y, test_size=0.5, random_state=0)


def loader(x, y, shuffle=False):
    dataset = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


trainloader = loader(train_x, train_y, shuffle=True)
valloader = loader(val_x, val_y)
testloader = loader(test_x, test_y)

net = nn.Sequential(
    nn.Linear(64, hidden_size),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(hidden_size, 10),
).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)


def evaluate(batches):
    """The number of images that the network names correctly, and of all images."""
    correct = total = 0
    net.eval()
    with torch.no_grad():
        for inputs, targets in batches:
            predicted = net(inputs.to(device)).argmax(dim=1)
            correct += (predicted == targets.to(device)).sum().item()
            total += len(targets)
    net.train()
    return correct, total


with flor.checkpointing(model=net, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(num_epochs)):
        for i, (inputs, targets) in flor.loop("step", enumerate(trainloader)):
            optimizer.zero_grad()
            loss = criterion(net(inputs.to(device)), targets.to(device))
            loss.backward()
            optimizer.step()
            if (i + 1) % print_every == 0:
                flor.log("loss", loss.item())

        correct, total = evaluate(valloader)
        flor.log("val_acc", 100 * correct / total)

correct, total = evaluate(testloader)
flor.log("accuracy", 100 * correct / total)
flor.log("correct", correct)
