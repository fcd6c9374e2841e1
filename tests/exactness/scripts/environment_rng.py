"""REINFORCE in an environment object that has a random generator of its own."""

# matrix: kill = ["reward 6", "baseline 2", "reward 17 + 1 ms"]

import hashlib

import numpy as np
import torch
from torch import nn

import flor


class Corridor:
    """Walk to the right end; the floor sometimes slips."""

    def __init__(self, seed, length=6):
        self.rng = np.random.default_rng(seed)
        self.length = length
        self.episodes = 0

    def reset(self):
        self.episodes += 1
        self.position = int(self.rng.integers(0, self.length // 2))
        return self._observe()

    def step(self, action):
        slipped = self.rng.random() < 0.1
        move = 1 if (action == 1) != slipped else -1
        self.position = max(0, self.position + move)
        done = self.position >= self.length
        return self._observe(), 1.0 if done else -0.05, done

    def _observe(self):
        return torch.tensor([self.position / self.length, self.rng.normal(scale=0.1)], dtype=torch.float32)


torch.manual_seed(11)
env = Corridor(seed=flor.arg("env_seed", 3))
policy = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-2)
baseline = 0.0

with flor.checkpointing(policy=policy, optimizer=optimizer):
    for iteration in flor.loop("iteration", range(5)):
        losses = []
        for episode in flor.loop("episode", range(5)):
            observation, log_probs, rewards = env.reset(), [], []
            for _ in range(20):
                choice = torch.distributions.Categorical(logits=policy(observation))
                action = choice.sample()
                observation, reward, done = env.step(action.item())
                log_probs.append(choice.log_prob(action))
                rewards.append(reward)
                if done:
                    break
            total = flor.log("reward", sum(rewards))
            losses.append(-(total - baseline) * torch.stack(log_probs).sum())
            baseline = 0.9 * baseline + 0.1 * total
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
        flor.log("baseline", baseline)

flor.log("episodes", env.episodes)
weights = b"".join(p.detach().numpy().tobytes() for p in policy.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
