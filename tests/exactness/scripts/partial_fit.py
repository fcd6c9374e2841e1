"""scikit-learn: a linear classifier and a scaler learn by partial_fit; no torch in sight."""

# matrix: kill = ["batch_loss 6", "accuracy 2", "batch_loss 15 + 1 ms", "checkpoint 3"]

import hashlib

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import flor

seed = flor.arg("seed", 0)
rng = np.random.RandomState(seed)
X, y = load_digits(return_X_y=True)
X_test, y_test = X[1500:], y[1500:]
classes = np.unique(y)

scaler = StandardScaler()
model = SGDClassifier(loss="log_loss", alpha=1e-3, average=20, random_state=rng)
clusters = MiniBatchKMeans(n_clusters=5, n_init=1, random_state=rng)

with flor.checkpointing(model=model, scaler=scaler):
    for epoch in flor.loop("epoch", range(3)):
        order = rng.permutation(1500)
        for chunk in flor.loop("batch", np.array_split(order, 6)):
            batch = scaler.partial_fit(X[chunk]).transform(X[chunk])
            clusters.partial_fit(batch)
            model.partial_fit(batch, y[chunk], classes=classes)
            flor.log("batch_loss", log_loss(y[chunk], model.predict_proba(batch), labels=classes))
        flor.log("accuracy", model.score(scaler.transform(X_test), y_test))
        flor.log("inertia", float(clusters.inertia_))

digest = hashlib.sha256(model.coef_.tobytes() + model.intercept_.tobytes())
digest.update(clusters.cluster_centers_.tobytes())
flor.log("digest", digest.hexdigest())
