"""Fills an online store: fill.py <its YAML> <the folder of its registry> <the group's Parquet file, as published>

Batch by batch by Feast's own `write_to_online_store`; a million entities take some minutes. `materialize` goes through
the same writes.
"""

import sys
from pathlib import Path

import pyarrow.parquet
from definitions import entity, view
from feast import FeatureStore

BATCH = 20_000


def main(configuration: str, folder: str, parquet: str) -> None:
    """Applies the definitions and writes all rows."""
    store = FeatureStore(repo_path=folder, fs_yaml_file=Path(configuration))
    store.apply([entity, view])
    for batch in pyarrow.parquet.ParquetFile(parquet).iter_batches(BATCH):
        store.write_to_online_store(view.name, batch.to_pandas().astype({"feature_4": "float64"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
