"""Who gives way when a port has as many connections as it may."""

from dataclasses import dataclass, field

from spanledger_collector.crowd import Crowd


@dataclass(eq=False)
class Connection:
    """One that notes what happens to it, and how often it was asked."""

    host: str
    serving: bool = False
    ended: list[str] = field(default_factory=list[str])
    asked: int = 0

    @property
    def is_serving(self) -> bool:
        """As it was told."""
        self.asked += 1
        return self.serving

    def give_up(self) -> None:
        """Note it."""
        self.ended.append("given up")

    def refuse(self) -> None:
        """Note it."""
        self.ended.append("refused")


def crowd_of(*connections: Connection) -> Crowd:
    """All of them, for whom there is just room."""
    crowd = Crowd(len(connections))
    for one in connections:
        crowd.enter(one)
    return crowd


def ended(*connections: Connection) -> list[list[str]]:
    return [one.ended for one in connections]


def test_whoever_has_most_loses_the_one_that_was_idle_for_longest() -> None:
    a, b, c, other = (Connection(host) for host in ("x", "x", "x", "y"))
    crowd = crowd_of(a, other, b, c)
    crowd.rest(a)
    crowd.enter(newcomer := Connection("z"))
    assert ended(a, b, c, other, newcomer) == [[], ["given up"], [], [], []]
    crowd.enter(Connection("z"))
    assert ended(a, c, other) == [[], ["given up"], []]


def test_one_that_serves_gives_way_to_other_hosts_only() -> None:
    a, b = Connection("x", serving=True), Connection("x", serving=True)
    crowd = crowd_of(a, b)
    crowd.enter(own := Connection("x"))
    assert ended(a, b, own) == [[], [], ["refused"]]
    crowd.enter(other := Connection("y"))
    assert ended(a, b, other) == [["given up"], [], []]


def test_what_left_counts_no_more_and_may_leave_again() -> None:
    a, b = Connection("x"), Connection("x")
    crowd = crowd_of(a, b)
    for _ in range(2):
        crowd.leave(a)
        crowd.rest(a)
    crowd.enter(other := Connection("y"))
    assert ended(a, b, other) == [[], [], []]


def test_a_flood_asks_no_connection_twice() -> None:
    flood = [Connection("x") for _ in range(3000)]
    crowd = Crowd(1000)
    for one in flood:
        crowd.enter(one)
    assert ended(*flood) == [["given up"]] * 2000 + [[]] * 1000
    assert sum(one.asked for one in flood) == 2000
