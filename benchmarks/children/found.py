"""How many values a peer gives back: PEER."""

import json
import sys


def main(peer_name):
    if peer_name == "flor":
        import flor

        count = len(flor.dataframe("loss"))
    elif peer_name == "sqlite":
        import sqlite3

        count = sqlite3.connect("rows.db").execute("SELECT count(*) FROM logs").fetchone()[0]
    elif peer_name == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator("events", size_guidance={"scalars": 0})
        events.Reload()
        count = len(events.Scalars("loss"))
    else:
        import sqlite3

        count = sqlite3.connect("mlflow.db").execute("SELECT count(*) FROM metrics").fetchone()[0]
    print(json.dumps({"found": count}))


main(sys.argv[1])
