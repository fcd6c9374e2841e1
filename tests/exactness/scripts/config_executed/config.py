# what this experiment changes
hidden = 24
learning_rate = 2e-2
weight_decay = 0.1
