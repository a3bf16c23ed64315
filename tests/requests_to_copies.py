"""Asks copies of the shim, one after the other in this process, and lets each write its own request log.

    python tests/requests_to_copies.py < jobs.json

A job is {serve, published, now, log, service, entities}; `serve` is the folder that holds a package `serve`.
"""

import json
import os
import sys
from pathlib import Path


def ask(job: dict) -> None:
    """One request to a shim made of the package in `job["serve"]`; fails unless it is answered."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "serve"]:
        del sys.modules[name]
    sys.path[0] = job["serve"]
    os.environ["ASOF_NOW"] = job["now"]
    from serve.app import create_app
    from serve.request_log import RequestLog

    log = RequestLog(job["log"], share=1)
    log.make_folder()
    app = create_app(Path(job["published"]), request_log=log)
    response = app.test_client().post(f"/v1/services/{job['service']}", json={"entities": job["entities"]})
    assert response.status_code == 200, (job, response.get_data(as_text=True))
    app.extensions["asof"].folder.stop()
    log.stop()


for each in json.load(sys.stdin):
    ask(each)
