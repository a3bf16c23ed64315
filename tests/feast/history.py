"""Asks an exported repository as its user would: history.py <repository> <folder>

For each <service>.parquet in the folder, which holds entity rows, the historical features go to
<service>.answers.parquet; for each <view>.keys.parquet, what is materialized to <view>.online.parquet. asked.json says
how keys are looked up. Run by exported.py, by the Python that Feast is installed for.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet
from feast import FeatureStore


def main(repository: str, folder: Path) -> None:
    store = FeatureStore(repository)
    requested_of = json.loads((folder / "asked.json").read_text())
    for service, of in requested_of["services"].items():
        requested = pandas.read_parquet(folder / f"{service}.parquet")
        point = [*of["keys"], "event_timestamp"]
        once = requested[point].drop_duplicates()  # the file store would drop all but one of them
        for key, reference in of["links"].items():
            # one hop: first the column that holds the key, at the same times
            found = store.get_historical_features(once, features=[reference]).to_df()
            once = once.merge(found.rename(columns={reference.partition(":")[2]: key}), on=point)
        features, full_names = store.get_feature_service(service), of["full_names"]
        found = store.get_historical_features(once, features=features, full_feature_names=full_names).to_df()
        answers = pyarrow.Table.from_pandas(requested.merge(found, on=point, how="left", validate="many_to_one"))
        pyarrow.parquet.write_table(answers, folder / f"{service}.answers.parquet")

    store.materialize(datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC))
    for view in requested_of["views"]:
        keys = pandas.read_parquet(folder / f"{view}.keys.parquet").to_dict("records")
        features = [f"{view}:{each.name}" for each in store.get_feature_view(view).features]
        online = store.get_online_features(features, keys).to_dict()
        pyarrow.parquet.write_table(pyarrow.table(online), folder / f"{view}.online.parquet")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
