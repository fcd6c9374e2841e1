import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, images, labels, jitter=False):
        self.images, self.labels, self.jitter = images, labels, jitter

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i] / 16
        if self.jitter:
            image = image + np.random.uniform(-0.02, 0.02, size=image.shape)
        return torch.tensor(image, dtype=torch.float32), int(self.labels[i])


def loaders(batch_size):
    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.25, random_state=1)
    train = DataLoader(Digits(x_train, y_train, jitter=True), batch_size=batch_size, shuffle=True)
    return train, DataLoader(Digits(x_test, y_test), batch_size=500)
