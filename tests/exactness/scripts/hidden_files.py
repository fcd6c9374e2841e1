"""Built to defeat the analysis: state in files: one rewritten, one appended to, one a database."""

# matrix: kill = ["loss 5", "hard 2", "loss 16 + 1 ms", "loss 8 SIGTERM"]
# matrix: refusal = "weights.json|trace.log|losses.db|sqlite|file"

import hashlib
import json
import sqlite3
from pathlib import Path

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(105)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

output = Path("output")
output.mkdir(exist_ok=True)
(output / "weights.json").write_text(json.dumps([1.0] * 150))
database = sqlite3.connect(output / "losses.db", isolation_level=None)
database.execute("CREATE TABLE losses (step INTEGER PRIMARY KEY, loss REAL)")

with flor.checkpointing(model=model, optimizer=optimizer), open(output / "trace.log", "a+") as trace:
    for epoch in flor.loop("epoch", range(4)):
        weights = torch.tensor(json.loads((output / "weights.json").read_text()))
        for _ in flor.loop("step", range(5)):
            batch = torch.multinomial(weights, 30)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            database.execute("INSERT INTO losses (loss) VALUES (?)", (loss.item(),))
            trace.write(f"{loss.item():.17g}\n")
            trace.flush()
            flor.log("loss", loss.item())
        with torch.no_grad():
            each = nn.functional.cross_entropy(model(x), y, reduction="none")
        (output / "weights.json").write_text(json.dumps((0.1 + each).tolist()))
        trace.seek(0)
        lines = trace.readlines()
        (mean,) = database.execute("SELECT avg(loss) FROM losses").fetchone()
        optimizer.param_groups[0]["lr"] = 0.02 * mean / (1 + len(lines) / 100)
        flor.log("hard", int(each.argmax()))
        flor.log("lr", optimizer.param_groups[0]["lr"])

database.close()
flor.log("lines", len((output / "trace.log").read_text().splitlines()))
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
