"""The environment variables of asof, for dbt and the shim: one declaration, which docs/configuration.md shows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from .serve.settings import GONE, OPTIONS

# Every environment variable that begins with ASOF_, and what it means
ENVIRONMENT = {
    "ASOF_NOW": "a fixed now, for builds, publishing and the shim (RFC 3339 with an offset). Snapshots made under it "
    "say so, and are refused off loopback",
    "ASOF_PUBLISHED": "where dbt publishes, instead of the folder in `asof_publish_to`, for a target listed there",
    "ASOF_TRAINING": "where dbt writes training sets, instead of the folder in `asof_training_to`, for a target listed "
    "there",
    "ASOF_CODE_VERSION": "kept in the manifests of snapshots and training sets, for example the git commit",
    **{option.variable: f"`{option.flag}`, {option.meaning}" for option in OPTIONS},
    "ASOF_REQUEST_LOG": "the folder of the request log: the shim logs there (`--request-log`), and a dbt target that "
    "publishes compares what was logged with history",
    "ASOF_REQUEST_LOG_KEY": "the file with the secret that personal values are hashed with, for the shim "
    "(`--request-log-key`) and for dbt; not without `ASOF_REQUEST_LOG`",
    "ASOF_WAREHOUSE": "the warehouse of the worked example (its `profiles.yml` reads it)",
    "ASOF_FAULT_POINT": "of tests: where a dbt command waits to be killed",
    "ASOF_FAULT_PIPE": "of tests: on which pipe it waits",
}

# Kubernetes sets these for a service whose name begins with asof
_SERVICE_LINK = re.compile(r"ASOF_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_[A-Z]+(_(PROTO|PORT|ADDR))?)?)")


class SettingsError(Exception):
    """Environment variables of our prefix that nothing reads; the message names them."""


def check_environment(names: Iterable[str]) -> None:
    """Raises SettingsError if any of these names of environment variables begins with ASOF_ and is not declared."""
    problems = []
    for name in sorted(names):
        if not name.startswith("ASOF_") or name in ENVIRONMENT or _SERVICE_LINK.fullmatch(name):
            continue
        if why := GONE.get(name.removeprefix("ASOF_").lower()):
            problems.append(f"{name} is no option any more: {why}.")
            continue
        near = difflib.get_close_matches(name[5:], [each[5:] for each in ENVIRONMENT], 1)
        problems.append(f"{name} is set, which asof does not know{f': did you mean ASOF_{near[0]}?' if near else '.'}")
    if problems:
        raise SettingsError(" ".join([*problems, "Unset it, or see docs/configuration.md for those that there are."]))
