from torch import nn


class Classifier(nn.Module):
    def __init__(self, hidden, dropout):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.head = nn.Linear(hidden, 10)

    def forward(self, x):
        return self.head(self.body(x))


def build(hidden=32, dropout=0.2):
    model = Classifier(hidden, dropout)
    nn.init.xavier_uniform_(model.head.weight)
    return model
