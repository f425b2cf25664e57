"""`spanledger demo`: the whole path on this machine, from an app's calls to a priced ledger, checked against the truth.

`story.run` tells it in order; `processes` starts and stops what it needs, `truth` compares what the provider says it
served with what the ledger counted, `console` prints. The demo asks the ledger through the commands of the CLI, run as
subprocesses, so that everything it shows can be copied and run again.
"""

from spanledger_collector.demo.story import DemoSettings, run

__all__ = ["DemoSettings", "run"]
