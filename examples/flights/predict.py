"""A prediction service: looks a flight's features up over HTTP, scores them, and says from which snapshot they came.

    python predict.py --model model.json --features http://127.0.0.1:8000 --port 8001

Of asof it knows a URL. The model is JSON: no scikit-learn, and nothing that runs when it is read. `story.py` writes it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from flask import Flask, request

# From flights (keys and request columns of the service) to the answer about them, as the HTTP API gives it.
LookUp = Callable[[list[dict[str, Any]]], dict[str, Any]]


@dataclass(frozen=True)
class DelayModel:
    """A logistic regression over numbers that may be null. `definition` is that of the service it was trained on."""

    service: str
    definition: str
    intercept: float
    terms: list[dict[str, Any]]  # name; weight, per unit; if_missing, what counts instead where the feature is null

    @classmethod
    def read(cls, path: Path) -> DelayModel:
        """The model in a JSON file that holds its four fields."""
        return cls(**json.loads(path.read_text()))

    def score(self, features: dict[str, Any]) -> float:
        """The probability. One sum in a fixed order: the same features give the same bits, wherever it is called."""
        total = self.intercept
        for term in self.terms:
            value = features[term["name"]]
            total += term["if_missing"] if value is None else term["weight"] * value
        return 1.0 / (1.0 + math.exp(-total))


class NoFeatures(Exception):
    """There is nothing to score with: the HTTP status to answer with, and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def features_of(url: str, model: DelayModel) -> LookUp:
    """The lookup of the model's service in the shim at `url`, over connections that are kept open.

    It raises NoFeatures where the shim has none, or other ones than the model was trained on.
    """
    again = urllib3.Retry(2, allowed_methods=None, redirect=0)  # a lookup changes nothing: asking twice does no harm
    pool = urllib3.PoolManager(maxsize=8, timeout=5, retries=again)

    def look_up(flights: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            response = pool.request("POST", f"{url}/v1/services/{model.service}", json={"entities": flights})
            answer = response.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise NoFeatures(503, f"no features from {url}: {error}") from error
        if response.status != 200:
            raise NoFeatures(response.status, answer["detail"])
        if answer["definition"] != model.definition:
            raise NoFeatures(
                503,
                f"the model was trained on {model.definition}, but {model.service} is {answer['definition']} by now: "
                "ask for the version that it was trained on (service@version), or train it again",
            )
        return answer

    return look_up


def create_app(model: DelayModel, look_up: LookUp) -> Flask:
    """`POST /predict` with {"flights": [...]}: each one's score, beside the snapshot and the features it was made of.

    A row has a score unless its features were rejected; its status goes along, for the caller to judge.
    """
    app = Flask("predict")

    @app.errorhandler(NoFeatures)
    def no_features(error: NoFeatures) -> tuple[dict[str, str], int]:
        return {"detail": str(error)}, error.status

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        answer = look_up(request.get_json()["flights"])
        rows = [row | {"score": model.score(row["features"]) if row["features"] else None} for row in answer["rows"]]
        return {name: answer[name] for name in ("snapshot_id", "sequence_number", "prediction_time")} | {"rows": rows}

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="JSON file of the model")
    parser.add_argument("--features", default="http://127.0.0.1:8000", help="where the shim is")
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args()
    model = DelayModel.read(options.model)
    create_app(model, features_of(options.features, model)).run(port=options.port)


if __name__ == "__main__":
    main()
