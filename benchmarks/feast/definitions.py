"""The benchmark's group `customer` as Feast has it: ten numeric features. Feast holds decimals as doubles."""

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int32, Int64

TYPES = [Float64] * 5 + [Int64] * 3 + [Int32] * 2

entity = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
view = FeatureView(
    name="customer",
    entities=[entity],
    schema=[Field(name=f"feature_{at}", dtype=kind) for at, kind in enumerate(TYPES)],
    source=FileSource(path="customer.parquet", timestamp_field="as_of"),  # filled from the published file: see fill.py
)
