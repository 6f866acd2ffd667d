"""Numbers that apps hand in: `/api/metrics`."""

from daytwo.access.roles import Role
from daytwo.watch.traffic.pushed import Batch, Stored, points, store
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area

area = Area("metrics", "/api/metrics")


@area.post("", Role.OPERATOR)
def add_metrics(body: Batch, house: Here) -> Data[Stored]:
    """Hand in numbers. They are on the disk when this answers; the same name and `at` again replaces."""
    now = house.clock()
    samples = points(body, now, house.current().watch.keep.raw.delta)
    stored = house.writer.run(lambda connection: store(connection, house.numbers, samples, now))
    return Data(data=Stored(stored=stored))
