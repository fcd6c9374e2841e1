"""Ways to keep logged values, each behind the same four calls. Imports only what the chosen one needs."""

import time


class Null:
    """Keeps nothing: what the harness itself costs."""

    def log(self, name, value, step):
        return value

    def loop(self, name, iterable):
        return iter(iterable)

    def close(self):
        pass


class Bare(Null):
    """A clock and an append, lost with the process: what a user would write by hand."""

    def __init__(self):
        self.rows, self.clock = [], time.time_ns

    def log(self, name, value, step):
        self.rows.append((self.clock(), name, value, step))


class Sqlite(Null):
    """A row for each value, each a transaction of its own."""

    def __init__(self):
        import sqlite3

        self.connection = sqlite3.connect("rows.db", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS logs (ts INTEGER, name TEXT, step INTEGER, value)"
        )

    def log(self, name, value, step):
        self.connection.execute("INSERT INTO logs VALUES (?, ?, ?, ?)", (time.time_ns(), name, step, value))

    def close(self):
        self.connection.close()


class TensorBoard(Null):
    """SummaryWriter with its defaults."""

    def __init__(self):
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter("events")

    def log(self, name, value, step):
        self.writer.add_scalar(name, value, step)

    def close(self):
        self.writer.close()


class Mlflow(Null):
    """The local store in SQLite, in the same process."""

    def __init__(self):
        import mlflow

        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.start_run()
        self.mlflow = mlflow

    def log(self, name, value, step):
        self.mlflow.log_metric(name, value, step=step)

    def close(self):
        self.mlflow.end_run()


class Flor(Null):
    """FlorDB with its defaults, echo silent."""

    def __init__(self):
        import flor

        self.flor, self.loop = flor, flor.loop

    def log(self, name, value, step):
        self.flor.log(name, value)


def named(name):
    """The peer of this name, ready to log."""
    peers = {"null": Null, "bare": Bare, "sqlite": Sqlite, "tensorboard": TensorBoard, "mlflow": Mlflow}
    return Flor() if name == "flor" else peers[name]()


def logger(peer):
    """The peer's `log(name, value, step)`, with nothing between it and the peer that the harness adds."""
    if isinstance(peer, Flor):
        log = peer.flor.log
        return lambda name, value, step: log(name, value)
    return peer.log
