"""The releases that the environments of `tests/real_emitters` hold are written down: pip has nothing to choose."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.real_emitters import environments, test_bedrock, test_http_clients
from tests.real_emitters.environments import PINS, Environment

ENVIRONMENTS = {
    found.name: found
    for module in (environments, test_bedrock, test_http_clients)
    for found in vars(module).values()
    if isinstance(found, Environment)
}


def test_all_environments_are_looked_at() -> None:
    assert {pins.stem for pins in PINS.glob("*.txt")} == {*ENVIRONMENTS}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_an_environment_asks_for_is_pinned(environment: Environment) -> None:
    pinned = dict(line.split("==") for line in (PINS / f"{environment.name}.txt").read_text().splitlines())
    for requirement in map(Requirement, environment.requirements):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement
