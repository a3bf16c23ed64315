"""Records, manifests and the pointer carry a version; one command brings those of an older version along."""

from __future__ import annotations

import json

from tests.world import World

CURRENT = 2


def test_what_another_version_wrote_is_refused_with_the_one_command(world: World) -> None:
    world.thing("t1", "2026-05-01 08:00")
    refused = world.dbt("run-operation", "upgrade", now="2026-05-01 10:00", fails=True)
    assert refused.says("there are no records in")
    world.build("2026-05-01 10:00")
    assert world.query("select version from asof_version") == [(CURRENT,)]
    assert world.pointer["format"] == world.manifest["format"] == CURRENT
    assert world.dbt("run-operation", "upgrade", now="2026-05-01 10:00").says("of version 2 already: nothing to do")

    world.execute("update asof_version set version = 1")
    for command in (["build"], ["test"], ["run-operation", "release"]):
        refused = world.dbt(*command, now="2026-05-01 10:10", fails=True)
        assert refused.says(f"are of version 1, and this asof writes version {CURRENT}"), refused.output
        assert refused.says("dbt run-operation upgrade")

    world.execute("update asof_version set version = 3")
    for command in (["build"], ["run-operation", "upgrade"]):
        refused = world.dbt(*command, now="2026-05-01 10:10", fails=True)
        assert refused.says("of version 3, which a newer asof wrote; this one reads up to version 2")
        assert refused.says("There is no downgrade")

    world.execute("update asof_version set version = 2")
    pointer = world.folder / "published" / "current.json"
    pointer.write_text(json.dumps(world.pointer | {"format": 3}))
    refused = world.build("2026-05-01 10:10", fails=True)
    assert refused.says("current.json is of version 3, which a newer asof wrote")
