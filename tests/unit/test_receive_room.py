"""Who may have how much decoded at once, and in which order others get in."""

import asyncio

import pytest

from spanledger_collector.receive.room import Place, Room


async def entering(room: Room, client: str) -> asyncio.Task[Place]:
    """A client that comes now; whether it is in is known."""
    task = asyncio.create_task(room.enter(client))
    await asyncio.sleep(0)
    return task


async def test_a_client_has_its_share_and_others_get_in_beside_it() -> None:
    room = Room(most=4000)
    mine = await room.enter("one")
    mine.weigh(2000)
    second = await entering(room, "one")
    assert not second.done()
    other = await entering(room, "another")
    assert other.done(), "though somebody waits"
    mine.leave()
    await asyncio.wait_for(second, 5)
    for place in (await second, await other):
        place.leave()
    assert room.taken == 0


async def test_clients_take_turns_whoever_came_first() -> None:
    room = Room(most=2048)
    full = await room.enter("before")
    full.weigh(5000)
    order: list[str] = []

    async def come(client: str) -> None:
        place = await room.enter(client)
        order.append(client)
        await asyncio.sleep(0)
        place.leave()

    tasks = [asyncio.create_task(come(client)) for client in ("greedy", "greedy", "greedy", "modest", "other")]
    await asyncio.sleep(0)
    full.leave()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert order == ["greedy", "modest", "other", "greedy", "greedy"]
    assert room.taken == 0


async def test_what_is_heavier_than_thought_keeps_the_next_one_out() -> None:
    room = Room(most=4000)
    place = await room.enter("one")
    place.weigh(100_000)
    waiting = await entering(room, "another")
    assert not waiting.done(), "all is taken"
    place.weigh(10)
    place.leave()
    (await asyncio.wait_for(waiting, 5)).leave()
    assert room.taken == 0


@pytest.mark.parametrize("called", [False, True])
async def test_who_goes_away_while_waiting_leaves_nothing_behind(called: bool) -> None:
    room = Room(most=2048)
    place = await room.enter("one")
    place.weigh(5000)
    first, second = await entering(room, "one"), await entering(room, "one")
    if called:
        place.leave()  # which calls the first: it is cancelled before it comes
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    if not called:
        place.leave()
    (await asyncio.wait_for(second, 5)).leave()
    assert room.taken == 0


async def test_after_what_took_long_everything_else_has_its_turn_first() -> None:
    room = Room()
    order: list[str] = []

    async def slow(name: str) -> None:
        place = await room.enter("greedy")
        order.append(name)
        await room.rest()
        place.leave()

    asyncio.get_running_loop().call_soon(order.append, "nobody rests yet")
    tasks = [asyncio.create_task(slow(f"slow {number}")) for number in range(3)]
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(order.append, "somebody else")
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert order == ["nobody rests yet", "slow 0", "somebody else", "slow 1", "slow 2"]
    assert room.taken == 0
